"""Which models torchvision, timm and open_clip have."""

from __future__ import annotations

import difflib

from curation.errors import UsageError, some_of
from curation.models import image_text


def known_member(library: str, member: str) -> None:
    """Raises: UsageError: a library has no model of that name, with the nearest ones; or the package is absent."""
    if library == "timm":
        try:
            import timm
        except ImportError:
            raise UsageError(f'timm/{member} needs the package timm: pip install "curation[timm]"') from None

        if not timm.is_model(member.partition(".")[0]):
            raise UsageError(_unknown("timm", member, timm.list_models()))
        return
    if library == image_text.LIBRARY:
        name, _, tag = member.partition(".")
        if name not in (names := image_text.library().list_models()):
            raise UsageError(_unknown(library, name, names))
        if tag and tag not in (tags := image_text.named(name).tags):
            raise UsageError(f"{library}/{name} has no weights {tag!r}; {_offer(name, tags)}")
        return
    from torchvision import models

    names = models.list_models(module=models)
    if member not in names:
        raise UsageError(_unknown("torchvision", member, names))


def _unknown(library: str, member: str, names: list[str]) -> str:
    """A library has hundreds of names: only the nearest are of use."""
    nearest = difflib.get_close_matches(member, names, n=5, cutoff=0.5)
    hint = f"; nearest: {', '.join(nearest)}" if nearest else "; look the name up in the library's documentation"
    return f"unknown {library} model {member!r}{hint}"


def _offer(name: str, tags: list[str]) -> str:
    """Return which weights of a model of open_clip there are."""
    return (
        f"choose {some_of([f'{image_text.LIBRARY}/{name}.{tag}' for tag in tags])}"
        if tags
        else "name a file of weights"
    )


def choice_of_weights(name: str) -> str:
    """Return what to choose where no published weights are named: "choose open_clip/ViT-B-32.openai, …"."""
    library, _, member = name.rpartition("/")
    if library == image_text.LIBRARY:
        it = image_text.named(member)
        return _offer(it.name, it.tags)
    return "name a file of weights, or choose an architecture torchvision/<name> or timm/<name> that has some"
