"""The length of a network's error early in its training."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from torch import Tensor

from curation.scores.base import Score


class El2n(Score):
    """Mean of ‖p − y‖₂ over early epochs and members, y one-hot of the source's label: 0 (learned at once) … √2.

    Source: Paul, Ganguli & Dziugaite 2021, "Deep Learning on a Data Diet: Finding Important Examples Early in
    Training", definition 2.4.
    """

    name: ClassVar[str] = "el2n"
    title: ClassVar[str] = "EL2N (early error)"
    uses: ClassVar[Literal["logits", "passes", "errors", "detector"]] = "errors"

    def measure(self, probabilities: Tensor) -> Tensor:
        """Return the mean length of errors, E×N×K."""
        return probabilities.norm(dim=-1).mean(dim=0)

    @classmethod
    def hardest(cls, classes: int) -> float:
        """Return √2: certain of another class."""
        return math.sqrt(2)
