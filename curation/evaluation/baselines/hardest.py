"""The hardest candidates, none skipped."""

from __future__ import annotations

from typing import Any

from curation.evaluation.baselines.base import Baseline, Decision
from curation.recipe import Recipe


class Hardest(Baseline):
    """The most uncertain candidates of each family in the recipe's mix, without an offset."""

    name = "hardest"
    title = "The hardest of each family, no offset"
    called = "the hardest images"
    source = "Wang & Fang 2022"
    usual = True
    decision = Decision("boundary", "The most uncertain of each family, none skipped")

    def changes(self, of: Recipe) -> dict[str, Any]:
        """Return: the hardest first in the recipe's mix; see ``Baseline.changes``."""
        return {"selection.strategy": "boundary", "selection.mix": of.selection.mix.model_dump()}
