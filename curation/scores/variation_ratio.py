"""The variation ratio over Monte Carlo passes."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from curation.scores.base import Score


class VariationRatio(Score):
    """Share of the passes with dropout that do not predict the most predicted class: 0 (all agree) … 1 − 1/K.

    Source: Freeman 1965, "Elementary Applied Statistics"; over dropout passes, Gal 2016, "Uncertainty in Deep
    Learning", eq. 3.19.
    """

    name: ClassVar[str] = "variation_ratio"
    title: ClassVar[str] = "Variation ratio"
    uses: ClassVar[Literal["logits", "passes", "errors", "detector"]] = "passes"

    def measure(self, probabilities: Tensor) -> Tensor:
        """Return the share of each sample's passes that dissent."""
        predictions = probabilities.argmax(dim=2)
        return (predictions != predictions.mode(dim=0).values).double().mean(dim=0)

    @classmethod
    def hardest(cls, classes: int) -> float:
        """Return 1 − 1/K."""
        return 1 - 1 / classes
