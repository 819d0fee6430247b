"""Mutual information between the prediction and the weights (BALD)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from torch import Tensor

from curation.scores.base import Score, entropy_of


class MutualInformation(Score):
    """H of the mean softmax minus the mean H over passes with dropout, in nats: 0 (the passes agree) … ln K.

    It is large where each pass is certain of another class, and small where all are equally undecided.
    Source: Houlsby et al. 2011, "Bayesian Active Learning for Classification and Preference Learning" (BALD), eq. 2.
    """

    name: ClassVar[str] = "mutual_information"
    title: ClassVar[str] = "Mutual information (BALD)"
    uses: ClassVar[Literal["logits", "passes", "errors", "detector"]] = "passes"

    def measure(self, probabilities: Tensor) -> Tensor:
        """Return the difference of each sample's entropies."""
        # Where all passes agree, rounding would leave it a hair below 0.
        return (entropy_of(probabilities.mean(dim=0)) - entropy_of(probabilities).mean(dim=0)).clamp(min=0)

    @classmethod
    def hardest(cls, classes: int) -> float:
        """Return ln K."""
        return math.log(classes)
