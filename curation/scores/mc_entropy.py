"""Predictive entropy over Monte Carlo passes."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from torch import Tensor

from curation.scores.base import Score, entropy_of


class McEntropy(Score):
    """H of the mean softmax over passes with dropout, in nats: 0 (certain) … ln K (undecided between all classes).

    Source: Gal & Ghahramani 2016, "Dropout as a Bayesian Approximation".
    """

    name: ClassVar[str] = "mc_entropy"
    title: ClassVar[str] = "Entropy over MC dropout"
    uses: ClassVar[Literal["logits", "passes", "errors", "detector"]] = "passes"

    def measure(self, probabilities: Tensor) -> Tensor:
        """Return the entropy of each sample's mean."""
        return entropy_of(probabilities.mean(dim=0))

    @classmethod
    def hardest(cls, classes: int) -> float:
        """Return ln K."""
        return math.log(classes)
