"""A curriculum: what matters most first, and more of the images from epoch to epoch.

Source: Bengio et al. 2009, "Curriculum Learning"; Cai, Cao & Liu, "An Empirical Study of Robust Deep Models", future
work: the images that stand for most of the others first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from scipy.special import log_softmax
from torch import Tensor

from curation.training.samplers.base import About, Asked, Sampler, Showing, Shown, check_short
from curation.training.samplers.facilities import facilities


class Curriculum(Sampler):
    """The most important images first: a growing share of them, in the network's own judgment, until all are shown."""

    name = "curriculum"
    title = "Curriculum: a growing share"

    first: Literal["facilities", "easiest", "hardest"] = Field(
        "facilities",
        description="what comes first: facilities, the images that stand for most others (facility location on p − y); "
        "easiest, those of the smallest loss; hardest, of the largest",
    )
    start: float = Field(0.3, gt=0, le=1, description="share of the images in the first epoch after the warm-up")
    growth: float = Field(0.1, ge=0, le=1, description="by how much the share grows from epoch to epoch, up to 1")
    warm_up: int = Field(1, ge=0, description="epochs that show all images first, so that the network can judge")
    every: int = Field(1, ge=1, description="epochs between two judgments")
    classwise: bool = Field(True, description="facilities: of each class by its share, and only among its own")

    def check(self, epochs: int) -> None:
        """See ``Sampler.check``."""
        check_short("warm_up", self.warm_up, epochs)

    def most(self, images: int, epoch: int) -> int:
        """See ``Sampler.most``."""
        grown = epoch - self.warm_up
        share = 1.0 if grown < 0 else self.start + self.growth * grown
        return images if share >= 1 else max(2, math.ceil(share * images))

    def asks(self, epoch: int) -> bool:
        """See ``Sampler.asks``."""
        grown = epoch - self.warm_up
        return grown >= 0 and grown % self.every == 0 and self.start + self.growth * grown < 1

    def of(self, about: About) -> Showing:
        """Return what it shows of these images."""
        return _Growing(self, about.labels)


class _Growing(Showing):
    def __init__(self, settings: Curriculum, labels: np.ndarray) -> None:
        self.settings, self._labels, self.images = settings, labels, len(labels)

    def count(self, epoch: int) -> int:
        return self.settings.most(self.images, epoch)

    def show(self, epoch: int, random: np.random.Generator, network: Asked, kept: Mapping[str, Tensor]) -> Shown:
        count, settings = self.count(epoch), self.settings
        if count == self.images:
            return Shown(np.arange(self.images))
        if settings.asks(epoch):
            last = epoch + settings.every - 1  # the order must reach as far as it is used
            order = self._order(network, self.count(last))
        else:
            order = kept["order"].numpy()
        return Shown(order[:count], kept={"order": torch.from_numpy(order)} if settings.every > 1 else {})

    def _order(self, network: Asked, count: int) -> np.ndarray:
        if self.settings.first == "facilities":
            return facilities(network, self._labels, count, of="softmax_gradient", classwise=self.settings.classwise)
        losses = -log_softmax(network.logits, axis=1)[np.arange(self.images), self._labels]
        return np.argsort(losses if self.settings.first == "easiest" else -losses, kind="stable")[:count]
