"""Facility location before each epoch: it shows what stands for all others as the network now sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from curation.coverage.weighing import Weights, weigh
from curation.embedding.spaces import SpaceName
from curation.errors import UsageError
from curation.training.samplers.base import About, Asked, Sampler, Showing, Shown, check_short
from curation.training.samplers.facilities import facilities, placed


class FacilityLocation(Sampler):
    """The images that stand for all others in the network's own space, chosen anew before each epoch.

    Until ``warm_up`` epochs are over all images are shown. Two switches: ``ratio: 1`` shows all of them in every epoch,
    with weights alone; ``weigh: none`` chooses without weights.
    Source: Cai, Cao & Liu, "An Empirical Study of Robust Deep Models", training with facility location on p − y.
    """

    name = "facility_location"
    title = "Facility location in each epoch"

    ratio: float = Field(0.4, gt=0, le=1, description="share of the images that an epoch shows; 1: all, weighted")
    count: int | None = Field(None, ge=2, description="number of images that an epoch shows; None: by the ratio")
    warm_up: int = Field(1, ge=0, description="epochs that show all images first")
    every: int = Field(1, ge=1, description="epochs between two choices")
    classwise: bool = Field(
        True, description="choose of each class by its share, among its own; not for labels that may be wrong"
    )
    space: SpaceName = Field(
        "softmax_gradient",
        description="space of the network in which distances are measured: softmax_gradient (p − y, needs no backward "
        "pass), features, last_layer_gradient",
    )
    in_order: bool = Field(True, description="show the images in the order of their choice; else shuffled")
    weigh: Literal["cluster_size", "within_radius", "label_agreement", "none"] = Field(
        "cluster_size",
        description="weight of an image: cluster_size, the number of images nearest to it; within_radius, of those "
        "within the radius; label_agreement, the share of its cluster, in the network's features, with its label; none",
    )
    radius: float | None = Field(
        None,
        gt=0,
        description="for weights, in units of the space (label_agreement: of features): clusters are balls of this "
        "radius over the images shown; None: each image shown has its own cluster",
    )
    weights_after: int | None = Field(None, ge=0, description="epochs without weights; None: as many as the warm-up")

    @model_validator(mode="after")
    def _weighable(self) -> Self:
        if self.weigh == "within_radius" and self.radius is None:
            raise ValueError("weigh: within_radius needs a radius")
        if self.whole and self.weigh != "none" and self.radius is None:
            raise ValueError(
                "where every image is shown each stands for itself alone: give a radius for weights, or a ratio below 1"
            )
        return self

    @property
    def whole(self) -> bool:
        """Whether every epoch shows all images."""
        return self.count is None and self.ratio == 1

    def check(self, epochs: int) -> None:
        """See ``Sampler.check``."""
        if not self.whole:
            check_short("warm_up", self.warm_up, epochs)
        check_short("weights_after", self.weights_after or 0, epochs)

    def most(self, images: int, epoch: int) -> int:
        """See ``Sampler.most``."""
        return images if epoch < self.warm_up else min(self.count or max(2, round(self.ratio * images)), images)

    def asks(self, epoch: int) -> bool:
        """See ``Sampler.asks``: to choose, and for weights, in epochs of the warm-up too where they begin before."""
        grown = epoch - self.warm_up
        chooses = grown >= 0 and not self.whole
        begun = epoch >= (self.warm_up if self.weights_after is None else self.weights_after)
        weighs = self.weigh != "none" and begun and (chooses or self.radius is not None)
        return (chooses or weighs) and (grown < 0 or grown % self.every == 0)

    def of(self, about: About) -> Showing:
        """Return what it shows of these images. Raises: UsageError: more than there are."""
        images = len(about.labels)
        if (self.count or 0) > images:
            raise UsageError(
                f"{self.name} sampling is to show {self.count:,} images an epoch, and there are only {images:,}; lower "
                "sampling.count, or give a ratio instead"
            )
        return _Chosen(self, about.labels)


class _Chosen(Showing):
    def __init__(self, settings: FacilityLocation, labels: np.ndarray) -> None:
        self.settings, self._labels, self.images = settings, labels, len(labels)
        after = settings.weights_after
        self._weighs_from = settings.warm_up if after is None else after

    def count(self, epoch: int) -> int:
        return self.settings.most(self.images, epoch)

    def show(self, epoch: int, random: np.random.Generator, network: Asked, kept: Mapping[str, Tensor]) -> Shown:
        settings = self.settings
        again = epoch > settings.warm_up and (epoch - settings.warm_up) % settings.every > 0
        rows = kept["rows"].numpy() if again else self._rows(epoch, network)
        weights = None
        if settings.weigh != "none" and epoch >= self._weighs_from:
            weights = kept["weights"].numpy() if again and "weights" in kept else self._weights(rows, network)
        if settings.every == 1 or epoch < settings.warm_up:
            keep = {}
        else:
            keep = {"rows": torch.from_numpy(rows)}
            keep |= {} if weights is None else {"weights": torch.from_numpy(weights)}
        return Shown(rows, settings.in_order and len(rows) < self.images, weights, keep)

    def _rows(self, epoch: int, network: Asked) -> np.ndarray:
        settings, count = self.settings, self.count(epoch)
        if count == self.images:
            return np.arange(count)
        return facilities(network, self._labels, count, of=settings.space, classwise=settings.classwise)

    def _weights(self, rows: np.ndarray, network: Asked) -> np.ndarray | None:
        settings = self.settings
        if len(rows) == self.images and settings.radius is None:
            return None
        agreement = settings.weigh == "label_agreement"
        points = network.features if agreement else placed(network, self._labels, of=settings.space)
        asked = Weights(by=settings.weigh, radius=settings.radius)
        return weigh(points, self._labels, rows, asked, metric="l2", device=str(network.device)).weights
