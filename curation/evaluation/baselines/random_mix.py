"""The recipe's mix, drawn at random."""

from __future__ import annotations

from typing import Any

from curation.evaluation.baselines.base import Baseline, Decision
from curation.recipe import Recipe


class RandomMix(Baseline):
    """The recipe's shares of the families, each drawn at random."""

    name = "random_mix"
    title = "The recipe's mix, at random"
    called = "a random mix"
    source = "Wang & Fang 2022"
    usual = True
    decision = Decision("copies", "Corrupted and adversarial copies in the recipe's mix, drawn at random")

    def changes(self, of: Recipe) -> dict[str, Any]:
        """Return: the recipe's mix, drawn at random; see ``Baseline.changes``."""
        return {"selection.strategy": "random", "selection.mix": of.selection.mix.model_dump()}
