"""Every class as often in each epoch, however many images it has.

Source: Wei 2024, a survey of robustness training, class balancing; Chawla et al. 2002, "SMOTE", section 2, compares it
with oversampling, which this is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from curation.training.samplers.base import About, Asked, Sampler, Showing, Shown


class BalancedSampling(Sampler):
    """As many images of each class in every epoch, and in all as many as there are.

    Of a class that has more than its part others are drawn in each epoch; of one that has fewer all are shown, several
    times over, each time augmented anew.
    """

    name = "balanced"
    title = "Every class as often"

    def of(self, about: About) -> Showing:
        """Return what it draws from these images."""
        return _Even(about.labels)


class _Even(Showing):
    def __init__(self, labels: np.ndarray) -> None:
        self.images = len(labels)
        self._classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def count(self, epoch: int) -> int:
        return self.images

    def show(self, epoch: int, random: np.random.Generator, network: Asked, kept: Mapping[str, Tensor]) -> Shown:
        parts = np.full(len(self._classes), self.images // len(self._classes))
        parts[random.permutation(len(parts))[: self.images - parts.sum()]] += 1
        rows = []
        for members, part in zip(self._classes, parts, strict=True):
            whole, rest = divmod(int(part), len(members))
            rows += [members] * whole + [random.choice(members, rest, replace=False)]
        return Shown(np.concatenate(rows))
