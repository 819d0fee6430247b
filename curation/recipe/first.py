"""The recipe that a new workspace begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.recipe.recipe import Recipe

OFFSET = 0.2
"""Of each family, the share that is passed over: the hardest alone are among the worst choices (docs/evaluation.md)."""

SMALL_PX = 64
"""Up to so many pixels a side, corruptions have the constants that were tuned for 32×32, above those for 224×224."""


def first_recipe(name: str, source: Mapping[str, Any]) -> Recipe:
    """Return a recipe for a source that fits it: half of its samples as budget, constants by the size of its images.

    Args: source: a ``source`` block.
    Raises: CurationError: the source cannot be read.
    """
    recipe = Recipe.parse({"name": name, "source": dict(source), "selection": {"budget": 1, "offset": OFFSET}})
    opened = recipe.source.reader.open()
    count = min(len(opened), recipe.source.limit or len(opened))
    large = max(opened.shape[:2]) > SMALL_PX
    return recipe.with_changes(
        **{
            "selection.budget": max(1, count // 2),
            "variants.corruption.constants": "imagenet" if large else "cifar",
        }
    )
