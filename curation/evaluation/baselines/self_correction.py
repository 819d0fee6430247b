"""Self-correction, also called data boosting."""

from __future__ import annotations

from typing import Any

from curation.evaluation.baselines.base import Baseline
from curation.recipe import Recipe


class SelfCorrection(Baseline):
    """Rounds that train on the chosen images and add candidates near those that the network misclassifies."""

    name = "self_correction"
    title = "Self-correction (data boosting)"
    called = "self-correction"
    source = "Wang & Fang 2022"

    def changes(self, of: Recipe) -> dict[str, Any]:
        """Return: the recipe's mix, chosen by self-correction rounds; see ``Baseline.changes``."""
        return {
            "selection.strategy": "self_correction",
            "selection.mix": of.selection.mix.model_dump(),
            "selection.class_balance": False,
        }
