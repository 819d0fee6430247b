"""The margin between the two most likely classes."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from curation.scores.base import Score, Values


class Margin(Score):
    """p₁ − p₂ of the two most likely classes: 0 (on the boundary between them) … 1 (certain); small is hard.

    Source: Scheffer, Decomain & Wrobel 2001, "Active Hidden Markov Models for Information Extraction".
    """

    name: ClassVar[str] = "margin"
    title: ClassVar[str] = "Margin"

    def measure(self, probabilities: Tensor) -> Tensor:
        """Return the margin of each row."""
        top = probabilities.topk(2, dim=1).values
        return top[:, 0] - top[:, 1]

    @classmethod
    def hardness(cls, values: Values) -> Values:
        """Return 1 − margin: large is hard."""
        return 1 - values

    @classmethod
    def hardest(cls, classes: int) -> float:
        """Return 1."""
        return 1.0
