"""Every plug-in family, for lists, forms and docs."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo

from curation.plugin import Plugin, Registry


def registries() -> dict[str, dict[str, tuple[str, dict[str, Any]]]]:
    """Return kind → name → (title, parameters with their defaults), from the registries alone."""
    from curation.attacks import ATTACKS
    from curation.corruptions import CORRUPTIONS
    from curation.exporters import EXPORTERS
    from curation.models.architectures import ARCHITECTURES
    from curation.readers import READERS
    from curation.scores import SCORES
    from curation.selection import SELECTORS
    from curation.training.methods import METHODS

    families: dict[str, Registry[Any]] = {
        "readers": READERS,
        "scores": SCORES,
        "corruptions": CORRUPTIONS,
        "attacks": ATTACKS,
        "selectors": SELECTORS,
        "exporters": EXPORTERS,
        "training_methods": METHODS,
    }
    listed = {
        kind: {
            member.name: (
                member.title,
                {name: _default(name, field, member) for name, field in member.model_fields.items()},
            )
            for member in family
        }
        for kind, family in families.items()
    }
    listed["models"] = {name: (_first_line(make), {}) for name, make in ARCHITECTURES.items()}
    return listed


def _default(name: str, field: FieldInfo, member: type[Plugin]) -> Any:
    """Return a parameter's default as a recipe writes it (8/255)."""
    if field.is_required():
        return "required"
    return member.model_construct().model_dump(mode="json", include={name})[name]


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").strip().split("\n")[0]
