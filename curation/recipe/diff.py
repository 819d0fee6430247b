"""In what two recipes, or any two documents of settings, differ: as dotted paths with both values, and in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curation.recipe.recipe import Recipe

Differences = dict[str, tuple[Any, Any]]
"""From a dotted path to the values before and after, plain data; None: not there."""

WHOLE = ("source", "export", "slices", "views", "annotations")
"""Parts of a recipe that change as one: their fields depend on each other, or are names that people give."""

MOST = 8
"""Differences that are told one by one."""

LONGEST = 60
"""Characters of a value that are shown."""


def differences(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    depth: int | None = None,
    whole: Collection[str] = (),
) -> Differences:
    """Return the fields in which two documents differ, in the order in which the documents have them.

    Args: depth: how many names a path has at most, None: as deep as both have fields; whole: paths that are compared
        as one value.
    """
    found: Differences = {}
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if key in whole or depth == 1 or not (isinstance(old, Mapping) and isinstance(new, Mapping)):
            found[key] = old, new
            continue
        inner = differences(
            old,
            new,
            depth=None if depth is None else depth - 1,
            whole=[path.removeprefix(f"{key}.") for path in whole if path.startswith(f"{key}.")],
        )
        found |= {f"{key}.{path}": pair for path, pair in inner.items()}
    return found


def recipe_differences(before: Recipe, after: Recipe) -> Differences:
    """Return the fields, at most two names deep, in which two recipes differ.

    ``before.with_changes(**{path: new for path, (_, new) in … .items()})`` is ``after``.
    """
    return differences(before.to_dict(defaults=True), after.to_dict(defaults=True), depth=2, whole=WHOLE)


def in_words(found: Differences, *, most: int = MOST) -> list[str]:
    """Return differences as "evaluation.seeds was 3, now 5"; what comes after the first ``most`` is counted."""
    told = [f"{path} was {value_in_words(old)}, now {value_in_words(new)}" for path, (old, new) in found.items()]
    return [*told[:most], f"and {len(told) - most} more"] if len(told) > most else told


def value_in_words(value: Any) -> str:
    """Return a value of a setting as people read it, cut where it is long."""
    if isinstance(value, Mapping):
        value = " ".join(str(part) for part in value.values() if isinstance(part, str | int | float))
    elif isinstance(value, list):
        value = ", ".join(map(value_in_words, value)) or "none"
    elif isinstance(value, bool):
        value = "on" if value else "off"
    text = "not set" if value is None else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "…"
