"""Every plug-in family, for lists, forms and docs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from curation.plugin import Plugin, Registry

FAMILIES = {
    "readers": "curation.readers:READERS",
    "scores": "curation.scores:SCORES",
    "corruptions": "curation.corruptions:CORRUPTIONS",
    "attacks": "curation.attacks:ATTACKS",
    "selectors": "curation.selection:SELECTORS",
    "exporters": "curation.exporters:EXPORTERS",
    "training_methods": "curation.training.methods:METHODS",
    "samplers": "curation.training.samplers:SAMPLERS",
    "baselines": "curation.evaluation.baselines:BASELINES",
    "stages": "curation.pipeline.stages:STAGES",
}
"""Kind, as the command line calls it → where its registry is; imported only when it is asked for."""

KINDS = (*FAMILIES, "models")


def registry(kind: str) -> Registry[Any]:
    """Return the registry of a kind in ``FAMILIES``."""
    module, name = FAMILIES[kind].split(":")
    return getattr(import_module(module), name)


def registries() -> dict[str, dict[str, tuple[str, dict[str, Any]]]]:
    """Return kind → name → (title, parameters with their defaults), from the registries alone."""
    from curation.models.architectures import ARCHITECTURES

    listed = {
        kind: {
            member.name: (
                member.title,
                {name: _default(name, field, member) for name, field in member.model_fields.items()},
            )
            for member in registry(kind)
        }
        for kind in FAMILIES
    }
    listed["models"] = {name: (_first_line(make), {}) for name, make in ARCHITECTURES.items()}
    return listed


def document() -> str:
    """Return docs/plugins.md: every plug-in of this package with what it does and its parameters."""
    lines = ["# Plug-ins", "", "Written by `make docs`. CONTRIBUTING.md says how to add one.", ""]
    for kind in FAMILIES:
        lines += [f"## {kind.replace('_', ' ').capitalize()}", "", "| name | what | parameters |", "|---|---|---|"]
        for member in registry(kind):
            if member.__module__.startswith("curation."):
                fields = ", ".join(f"`{name}`" for name in member.model_fields)
                lines.append(f"| `{member.name}` | {member.title}: {_first_line(member)} | {fields} |")
        lines.append("")
    return "\n".join(lines)


def _default(name: str, field: FieldInfo, member: type[Plugin]) -> Any:
    """Return a parameter's default as a recipe writes it (8/255)."""
    if field.is_required():
        return "required"
    written = member.model_construct().model_dump(mode="json", include={name})
    return written.get(name, field.default)  # a field added later is written only where it differs from its default


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").strip().split("\n")[0]


if __name__ == "__main__":
    print(document(), end="")
