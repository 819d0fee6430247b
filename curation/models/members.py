"""Which models torchvision and timm have."""

from __future__ import annotations

import difflib

from curation.errors import UsageError


def known_member(library: str, member: str) -> None:
    """Raises: UsageError: a library has no model of that name, with the nearest ones; or timm is absent."""
    if library == "timm":
        try:
            import timm
        except ImportError:
            raise UsageError(f'timm/{member} needs the package timm: pip install "curation[timm]"') from None

        if not timm.is_model(member.partition(".")[0]):
            raise UsageError(_unknown("timm", member, timm.list_models()))
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
