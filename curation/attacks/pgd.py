"""Projected gradient descent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import ClassVar, Self

from pydantic import Field, model_validator
from torch import Tensor

from curation.attacks.ball import random_point
from curation.attacks.classify import Classify
from curation.attacks.gradient import LossOf, SteppedAttack
from curation.attacks.losses import LOSSES, Loss
from curation.attacks.search import Search
from curation.plugin import PixelFloat


class PGD(SteppedAttack):
    """Steps of steepest ascent, projected into the ball after each; the best point of each sample is kept.

    Source: Madry et al. 2018, "Toward Deep Learning Models Resistant to Adversarial Attacks"; with the DLR loss as in
    Wang & Fang 2022, "Goal-Oriented Data-Centric Robust Learning".
    """

    name: ClassVar[str] = "pgd"
    title: ClassVar[str] = "PGD (projected gradient descent)"
    version: ClassVar[int] = 3
    reach: ClassVar[float] = 2.5

    loss: Loss = "dlr"
    step_size: PixelFloat | None = Field(None, gt=0, le=1, description="step size; None: 2.5 · epsilon / steps")
    random_start: bool = Field(True, description="start at a random point of the ball instead of at the image")
    restarts: int = Field(
        1,
        ge=1,
        le=100,
        description="number of runs from different random points; with stop_early, only for samples not fooled yet",
    )

    @model_validator(mode="after")
    def _restarts_differ(self) -> Self:
        if self.restarts > 1 and not self.random_start:
            raise ValueError("without random_start all restarts would be identical; enable it, or set restarts to 1")
        return self

    def runs(self, classify: Classify, search: Search) -> Iterator[LossOf]:
        """Return the loss once for each restart."""
        return repeat(LOSSES[self.loss], self.restarts)

    def start(self, search: Search) -> Tensor:
        """Return a random point of the ball, or the images."""
        if not self.random_start:
            return search.images
        return random_point(search.images, search.random, self.norm, self.epsilon)

    def most_passes(self, classes: int) -> int:
        """Return what the steps cost, for each restart."""
        return self.restarts * self.passes_a_run()
