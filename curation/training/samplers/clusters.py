"""One image of each cluster in every epoch.

Source: Cai, Cao & Liu, "An Empirical Study of Robust Deep Models", training with clusters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from curation.coverage import assign, label_agreement, set_cover
from curation.embedding import clusters as k_means
from curation.errors import UsageError
from curation.plugin import fingerprint
from curation.training.samplers.base import About, Asked, Sampler, Showing, Shown, check_short

SEED = 0
"""Of the first centers of k-means: what is drawn of the clusters differs by epoch, they do not."""


def members_of(clusters: np.ndarray) -> list[np.ndarray]:
    """Return the places of each cluster's members, int64, by the cluster's number; clusters: integers N."""
    order = np.argsort(clusters, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1)


def one_of_each(members: Sequence[np.ndarray], random: np.random.Generator) -> np.ndarray:
    """Return a member of each cluster, drawn at random, clusters in a random order, int64."""
    return np.array([random.choice(members[index]) for index in random.permutation(len(members))], dtype=np.int64)


class ClusterSampling(Sampler):
    """One image drawn from each cluster in every epoch, weighted by what it stands for or by whether labels agree.

    Weights by ``cluster_size`` train faster with nearly the loss of all images, those by ``label_agreement`` are for
    wrong labels. A batch's loss is the weighted mean, so that weights are normalized in the batch.
    """

    name = "clusters"
    title = "One image of each cluster"

    by: Literal["k_means", "radius", "set"] = Field(
        "k_means",
        description="k_means: as many clusters as the ratio or count says; radius: balls of this radius that hold all "
        "images; set: the clusters of a curated set whose recipe has weights.radius",
    )
    ratio: float = Field(0.4, gt=0, le=1, description="k-means: clusters, as a share of the images")
    count: int | None = Field(None, ge=2, description="k-means: number of clusters; None: by the ratio")
    radius: float | None = Field(None, gt=0, description="radius of the balls, in units of the space")
    space: Literal["network", "given"] = Field(
        "network",
        description="network: the features of the network in training, once the warm-up is over; given: the space of a "
        "curated set, which is its recipe's, else its goal model's features",
    )
    warm_up: int = Field(1, ge=0, description="epochs that show all images first")
    weigh: Literal["cluster_size", "label_agreement", "none"] = Field(
        "cluster_size",
        description="weight of an image: the size of its cluster, or the share of the cluster with its label",
    )

    @model_validator(mode="after")
    def _countable(self) -> Self:
        if (self.radius is None) == (self.by == "radius"):
            raise ValueError("by: radius needs a radius, and nothing else takes one")
        if self.by == "radius" and self.space == "network":
            raise ValueError(
                "how many balls hold all images is not known before the network has learned: write space: given, or "
                "by: k_means"
            )
        return self

    def check(self, epochs: int) -> None:
        """See ``Sampler.check``."""
        check_short("warm_up", self.warm_up, epochs)

    def most(self, images: int, epoch: int) -> int:
        """See ``Sampler.most``: how many balls or clusters of a set there are is not known before they are."""
        if epoch < self.warm_up or self.by != "k_means":
            return images
        return min(self.count or max(2, round(self.ratio * images)), images)

    def asks(self, epoch: int) -> bool:
        """See ``Sampler.asks``: clusters of the network are made once."""
        return self.by == "k_means" and self.space == "network" and epoch == self.warm_up

    def of(self, about: About) -> Showing:
        """Return what it draws from these images.

        Raises: UsageError: they have no clusters, they lie in no space that is known, or they are too few.
        """
        if self.by == "set" and about.clusters is None:
            raise UsageError(
                "these images have no clusters: set weights.radius in the recipe of the set, or choose sampling.by: "
                "k_means"
            )
        if self.by != "set" and self.space == "given" and about.space is None:
            raise UsageError(
                "these images lie in no space that is known before the network is trained: write sampling.space: "
                "network, or train on a curated set"
            )
        if self.by == "k_means" and (self.count or 0) > len(about.labels):
            raise UsageError(
                f"sampling is to make {self.count:,} clusters of {len(about.labels):,} images; lower sampling.count, "
                "or give a ratio instead"
            )
        return _Drawn(self, about)


class _Drawn(Showing):
    def __init__(self, settings: ClusterSampling, about: About) -> None:
        self.settings, self._about, self.images = settings, about, len(about.labels)

    def count(self, epoch: int) -> int:
        if self.settings.by == "k_means" or epoch < self.settings.warm_up:
            return self.settings.most(self.images, epoch)
        return int(self._given.max()) + 1

    def show(self, epoch: int, random: np.random.Generator, network: Asked, kept: Mapping[str, Tensor]) -> Shown:
        settings = self.settings
        if epoch < settings.warm_up:
            return Shown(np.arange(self.images))
        if settings.by == "set" or settings.space == "given":
            clusters, keep = self._given, {}
        else:
            clusters = kept["clusters"].numpy() if "clusters" in kept else self._k_means(network.features)
            keep = {"clusters": torch.from_numpy(clusters)}
        rows = one_of_each(members_of(clusters), random)
        if len(rows) < self.count(epoch):  # images that coincide make fewer clusters than were asked for
            rest = np.setdiff1d(np.arange(self.images), rows)
            rows = np.concatenate([rows, random.choice(rest, self.count(epoch) - len(rows), replace=False)])
        return Shown(rows, ordered=True, weights=self._weights(rows, clusters), kept=keep)

    @property
    def key(self) -> str:
        if self.settings.by == "set":
            return hashlib.blake2b(self._given.tobytes(), digest_size=8).hexdigest()
        if self.settings.space == "given":
            assert self._about.space is not None
            return fingerprint(["space", self._about.space.key()])
        return ""

    @cached_property
    def _given(self) -> np.ndarray:
        """Clusters that are known before the training, int32 N, numbered from 0 without gaps."""
        about, settings = self._about, self.settings
        if settings.by == "set":
            assert about.clusters is not None
            return np.unique(about.clusters, return_inverse=True)[1].astype(np.int32)
        assert about.space is not None
        points = about.space.points()
        if settings.radius is None:
            return self._k_means(points)
        balls = set_cover(points, radius=settings.radius).chosen
        return assign(points, balls)[0].astype(np.int32)

    def _k_means(self, points: np.ndarray) -> np.ndarray:
        return np.unique(k_means(points, count=self.count(self.settings.warm_up), seed=SEED), return_inverse=True)[
            1
        ].astype(np.int32)

    def _weights(self, rows: np.ndarray, clusters: np.ndarray) -> np.ndarray | None:
        if self.settings.weigh == "none":
            return None
        if self.settings.weigh == "cluster_size":
            return np.bincount(clusters)[clusters[rows]].astype(np.float32)
        labels = self._about.labels
        return label_agreement(labels[rows], clusters[rows], labels, clusters)
