"""Evaluations before they start: in what one differs from a kept one, a name that is free, a usual strength."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from curation.recipe import Recipe, differences, in_words

_USUAL_LEVEL = 8


def evaluation_differences(before: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Return in what an evaluation that is kept differs from what is asked, in words.

    Args: before, asked: documents as ``evaluate.kept_document`` and ``evaluate.document`` return them.
    """
    old, new = before["recipes"], asked["recipes"]
    told = [f"the recipe “{title}” was another" for title in old if title in new and old[title] != new[title]]
    if list(old) != list(new):
        told = [f"it is of {', '.join(f'“{title}”' for title in old)}"]
    old, new = before["evaluation"], asked["evaluation"]
    if old["suite"] != new["suite"]:
        told.append("another test suite P")
    if old["schedule"] != new["schedule"]:
        epochs = old["schedule"]["epochs"], new["schedule"]["epochs"]
        told.append("another schedule" + (f" of {epochs[0]} epochs, now {epochs[1]}" if epochs[0] != epochs[1] else ""))
    large = {"suite": None, "schedule": None}
    found = differences({**old, **large}, {**new, **large})
    return told + in_words({path.replace("_", " "): pair for path, pair in found.items()})


def free_name(stem: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: the stem, or stem-2, stem-3, …"""
    names = [stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def usual_level(recipe: Recipe) -> int:
    """Return the first L∞ radius with which a recipe attacks, in 255ths; 8 where it has none."""
    for attack in recipe.variants.adversarial:
        if getattr(attack, "norm", "linf") == "linf" and hasattr(attack, "epsilon"):
            return max(1, round(attack.epsilon * 255))
    return _USUAL_LEVEL
