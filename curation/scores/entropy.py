"""Shannon entropy."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from curation.scores.base import Score, entropy_of


class Entropy(Score):
    """H(p) = −Σ p ln p, in nats: 0 (certain) … ln K (undecided between all classes).

    Source: Wang & Fang 2022, "Goal-Oriented Data-Centric Robust Learning", where high entropy marks boundary samples.
    """

    name: ClassVar[str] = "entropy"
    title: ClassVar[str] = "Entropy"

    def measure(self, probabilities: Tensor) -> Tensor:
        """Return the entropy of each row."""
        return entropy_of(probabilities)

    @classmethod
    def hardest(cls, classes: int) -> float:
        """Return ln K."""
        return math.log(classes)
