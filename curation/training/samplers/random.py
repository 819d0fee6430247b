"""So many images at random in each epoch: what other samplers are to be compared with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field
from torch import Tensor

from curation.training.samplers.base import About, Asked, Sampler, Showing, Shown, check_short


class RandomSampling(Sampler):
    """Other images in each epoch, drawn at random: what every other choice has to be better than."""

    name = "random"
    title = "At random, others in each epoch"

    ratio: float = Field(0.4, gt=0, le=1, description="share of the images that an epoch shows")
    warm_up: int = Field(1, ge=0, description="epochs that show all images first")

    def check(self, epochs: int) -> None:
        """See ``Sampler.check``."""
        check_short("warm_up", self.warm_up, epochs)

    def most(self, images: int, epoch: int) -> int:
        """See ``Sampler.most``."""
        return images if epoch < self.warm_up else max(2, round(self.ratio * images))

    def of(self, about: About) -> Showing:
        """Return what it draws from these images."""
        return _Some(self, len(about.labels))


class _Some(Showing):
    def __init__(self, settings: RandomSampling, images: int) -> None:
        self.settings, self.images = settings, images

    def count(self, epoch: int) -> int:
        return self.settings.most(self.images, epoch)

    def show(self, epoch: int, random: np.random.Generator, network: Asked, kept: Mapping[str, Tensor]) -> Shown:
        return Shown(random.choice(self.images, self.count(epoch), replace=False), ordered=True)
