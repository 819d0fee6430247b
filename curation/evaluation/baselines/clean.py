"""Clean images only."""

from __future__ import annotations

from typing import Any

from curation.evaluation.baselines.base import Baseline, Decision
from curation.recipe import Recipe


class Clean(Baseline):
    """Clean images, drawn at random; gains are relative to it."""

    name = "clean"
    title = "Clean images only, at random"
    called = "clean images"
    source = "Wang & Fang 2022"
    usual = True
    decision = Decision("clean images", "Drawn at random")

    def changes(self, of: Recipe) -> dict[str, Any]:
        """Return: clean images alone, drawn at random; see ``Baseline.changes``."""
        return {"selection.strategy": "random", "selection.mix": [1, 0, 0]}
