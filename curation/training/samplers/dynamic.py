"""Dynamic-probability sampling: each epoch one image of every sample, its clean one or one of its variants.

Source: Tan, Gao & Li 2022, "A Simple Structure for Building a Robust Model".
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping

import numpy as np
from pydantic import Field, field_validator
from torch import Tensor

from curation.errors import UsageError
from curation.plugin import fingerprint
from curation.training.samplers.base import About, Asked, Sampler, Showing, Shown

CLEAN = "clean"
"""The kind of images that are no variant."""


class DynamicSampling(Sampler):
    """One image of every sample: with a probability a variant, of a kind that a wheel draws, else the clean one.

    The text of the source has a dynamic probability within bounds, its code a constant one and a uniform wheel: bounds
    that are equal, and no weights. The probability is drawn once an epoch: drawn anew for every image it would be the
    same as a constant one, halfway between the bounds.
    """

    name = "dynamic"
    title = "Dynamic-probability sampling"
    of_variants = True

    ratio: tuple[float, float] = Field(
        (0.25, 0.75),
        description="bounds of the probability that a sample is shown as a variant; it is drawn every epoch, uniformly "
        "between them, and constant where they are equal",
    )
    weights: dict[str, float] = Field(
        {}, description="weights of kinds on the wheel that is spun for a variant; a kind that is not named has 1"
    )

    @field_validator("ratio")
    @classmethod
    def _bounds(cls, ratio: tuple[float, float]) -> tuple[float, float]:
        low, high = ratio
        if not 0 <= low <= high <= 1:
            raise ValueError(f"must be two probabilities in [0, 1], the lower one first, got {low:g} and {high:g}")
        return ratio

    @field_validator("weights")
    @classmethod
    def _not_negative(cls, weights: dict[str, float]) -> dict[str, float]:
        wrong = next((name for name, weight in weights.items() if weight < 0), None)
        if wrong is not None:
            raise ValueError(f"must be 0 or more, got {weights[wrong]:g} for {wrong}")
        return weights

    def of(self, about: About) -> Wheel:
        """Return what draws from these images. Raises: UsageError: their samples or kinds are not known."""
        if about.sample_ids is None or about.kinds is None:
            raise UsageError(
                "dynamic sampling draws among the clean images and variants of samples, and of these images neither is "
                "known: give sample_ids and kinds of each, or train without sampling"
            )
        return Wheel(about.sample_ids, about.kinds, self)


class Wheel(Showing):
    """Draws an image of every sample.

    A variant's kind is drawn by weight from those that the sample has; where it has several of that kind (severities)
    all are equally likely. A sample without variants always gives its clean image, one without a clean image always a
    variant, and one whose images are all of kinds of weight 0 gives none.
    """

    def __init__(self, sample_ids: np.ndarray, kinds: np.ndarray, settings: DynamicSampling) -> None:
        """Args: sample_ids: int64 N; kinds: names N, ``clean`` or a variant's, as in an export's manifest."""
        self.settings, self.images = settings, len(sample_ids)
        self.altered = np.asarray(kinds, dtype=str) != CLEAN
        names, kind = np.unique(np.asarray(kinds, dtype=str), return_inverse=True)
        ids, owner = np.unique(sample_ids, return_inverse=True)
        weight = np.array([0.0 if name == CLEAN else settings.weights.get(str(name), 1.0) for name in names])[kind]
        _, group, sizes = np.unique(owner * len(names) + kind, return_inverse=True, return_counts=True)
        weight /= sizes[group]
        varied = np.flatnonzero(weight)
        self._variants = varied[np.argsort(owner[varied], kind="stable")]
        starts = np.searchsorted(owner[self._variants], np.arange(len(ids) + 1))
        clean = np.full(len(ids), -1)
        plain = np.flatnonzero(names[kind] == CLEAN)
        clean[owner[plain]] = plain
        some = (clean >= 0) | (np.diff(starts) > 0)
        self._clean, self._first, self._last = clean[some], starts[:-1][some], starts[1:][some]
        self._sums = np.concatenate([[0.0], np.cumsum(weight[self._variants])])

    def __len__(self) -> int:
        """The number of images in an epoch: of samples that have any."""
        return len(self._clean)

    @property
    def key(self) -> str:
        """Hash of all that decides which images are drawn, besides the random numbers."""
        parts = (self._clean, self._first, self._last, self._variants, self._sums)
        hashes = [hashlib.blake2b(part.tobytes(), digest_size=8).hexdigest() for part in parts]
        return fingerprint([{"method": self.settings.name, **self.settings.model_dump(mode="json")}, *hashes])

    def require(self) -> None:
        """Raises: UsageError when there is nothing to choose between."""
        if not ((self._clean >= 0) & (self._first < self._last)).any():
            raise UsageError(
                "sampling: no sample of this set has both its clean image and a variant of a kind with a weight above "
                "0; choose a set with clean images and their variants, or train without sampling"
            )

    @property
    def clean(self) -> Wheel:
        """The same with a probability of 0: a variant only of samples that have nothing else."""
        wheel = copy.copy(self)
        wheel.settings = self.settings.model_copy(update={"ratio": (0.0, 0.0)})
        return wheel

    def count(self, epoch: int) -> int:
        """Return the number of samples that have any image."""
        return len(self)

    def show(self, epoch: int, random: np.random.Generator, network: Asked, kept: Mapping[str, Tensor]) -> Shown:
        """Return what is drawn, to be shuffled."""
        return Shown(self.draw(random))

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """Return an epoch's images, rows int64, in the order of their samples' ids."""
        low, high = self.settings.ratio
        probability = low + (high - low) * random.random()
        dice, spins = random.random((2, len(self)))
        taken = (self._clean < 0) | ((self._first < self._last) & (dice < probability))
        first, last = self._first[taken], self._last[taken]
        below, above = self._sums[first], self._sums[last]
        stops = np.searchsorted(self._sums, below + spins[taken] * (above - below), side="right") - 1
        rows = self._clean.copy()
        rows[taken] = self._variants[np.clip(stops, first, last - 1)]  # rounding may have left the sample's own
        return rows
