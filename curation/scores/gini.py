"""Gini impurity."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from curation.scores.base import Score


class Gini(Score):
    """1 − Σ p²: 0 (certain) … 1 − 1/K (undecided between all classes).

    It ranks samples nearly as the released code of Wang & Fang 2022 does, whose entropy applies softmax twice.
    """

    name: ClassVar[str] = "gini"
    title: ClassVar[str] = "Gini impurity"

    def measure(self, probabilities: Tensor) -> Tensor:
        """Return the impurity of each row."""
        # Σ p (1 − p) keeps the small values that 1 − Σ p² would round away.
        return (probabilities * (1 - probabilities)).sum(dim=1)

    @classmethod
    def hardest(cls, classes: int) -> float:
        """Return 1 − 1/K."""
        return 1 - 1 / classes
