"""Gaussian noise, as an attack that does not use the model."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from curation.attacks.ball import round_to_levels
from curation.attacks.base import Attack
from curation.attacks.classify import Classify
from curation.plugin import PixelFloat
from curation.randomness import SampleRandom


class Gaussian(Attack):
    """The image plus one sample of noise, clipped to [0, 1]; unbounded, without a pass through the model.

    Source: Tan, Gao & Li 2022, "A Simple Structure for Building a Robust Model", Gaussian attack, σ = 0.1.
    """

    name: ClassVar[str] = "gaussian"
    title: ClassVar[str] = "Gaussian noise (no gradient)"

    sigma: PixelFloat = Field(0.1, gt=0, le=1, description="standard deviation of the noise, pixels in [0, 1]")

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the noisy images."""
        return (images + self.sigma * random.normal(*images.shape[1:])).clamp_(0, 1)

    def settle(self, classify: Classify, points: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """Return the nearest grid points."""
        return round_to_levels(points)

    def most_passes(self, classes: int) -> int:
        """Return 0: the model is not asked."""
        return 0
