"""What the detector says that was trained along with the goal model."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from curation.scores.base import Score


class LooksAttacked(Score):
    """The detector's probability that an image was attacked: 0 (looks clean) … 1.

    Of a goal model that is trained with the method ``cooperative``.
    Source: Tan, Gao & Li 2022, "A Simple Structure for Building a Robust Model".
    """

    name: ClassVar[str] = "looks_attacked"
    title: ClassVar[str] = "Looks attacked"
    uses: ClassVar[Literal["logits", "passes", "errors", "detector"]] = "detector"

    def measure(self, probabilities: Tensor) -> Tensor:
        """Return the probability of the second of the two, attacked."""
        return probabilities[:, 1]

    @classmethod
    def hardest(cls, classes: int) -> float:
        """Return 1."""
        return 1.0
