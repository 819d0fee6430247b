"""The contract of a sampler: before each epoch, which images it shows, in which order and with which weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from curation.plugin import Plugin


@dataclass(frozen=True)
class About:
    """What is known of the images of a training, beside their pixels; of all N, None: not known.

    labels: int64 N, of a soft label the likeliest class; sample_ids: int64 N, of the source; kinds: N names, ``clean``
    or a variant's, as in an export's manifest; clusters: integers N, as exported; space: where they lie.
    """

    labels: np.ndarray
    sample_ids: np.ndarray | None = None
    kinds: np.ndarray | None = None
    clusters: np.ndarray | None = None
    space: Space | None = None


@dataclass(frozen=True)
class Space:
    """Where images lie. key: returns a hash of what places them there, beside their pixels; points: float32 N×D.

    Both are worked out only where they are asked for, and may raise a CurationError: they cannot be had.
    """

    key: Callable[[], str]
    points: Callable[[], np.ndarray]


class Asked(Protocol):
    """The network in training as it is before an epoch: what it says of every image as it is, not augmented.

    Nothing is computed before it is asked for.
    """

    device: torch.device

    @property
    def logits(self) -> np.ndarray:
        """Float32 N×K."""

    @property
    def features(self) -> np.ndarray:
        """Float32 N×D, of the penultimate layer."""


class Shown(NamedTuple):
    """What an epoch shows.

    rows: int64 M, places among all images; ordered: whether they are shown in this order, else they are shuffled;
    weights: float32 M, by which each image's own weight is multiplied, None: 1 each; kept: what later epochs need of
    this one, kept with the state of the training and so of tensors on the CPU.
    """

    rows: np.ndarray
    ordered: bool = False
    weights: np.ndarray | None = None
    kept: Mapping[str, Tensor] = {}


class Showing(ABC):
    """What a sampler shows of some images, epoch by epoch."""

    images: int
    """The number of images, N, that it chooses from."""
    altered: np.ndarray | None = None
    """Which of them are variants, bool N; None: not known."""

    @abstractmethod
    def count(self, epoch: int) -> int:
        """Return how many images an epoch, counted from 0, shows."""

    @abstractmethod
    def show(self, epoch: int, random: np.random.Generator, network: Asked, kept: Mapping[str, Tensor]) -> Shown:
        """Return what an epoch shows; the same arguments give the same.

        Args:
            epoch: from 0.
            random: of this epoch alone, and the same for every device.
            network: as it is before the epoch.
            kept: what the epoch before kept; nothing before the first.
        """

    @property
    def clean(self) -> Showing:
        """What shows as many images, clean ones where there is a choice, for methods that learn from these first."""
        return self

    @property
    def key(self) -> str:
        """Hash of what is known of the images and decides what is shown, but for labels; empty where nothing does."""
        return ""

    def require(self) -> None:  # noqa: B027 - most can always choose
        """Raises: UsageError where there is nothing to choose between."""


class Sampler(Plugin):
    """Which images each epoch shows, in which order and with which weights. A member writes ``of``."""

    family = "sampler"
    of_variants: ClassVar[bool] = False
    """Whether it chooses among the variants of samples: then only a curated set can be trained on so."""

    def check(self, epochs: int) -> None:
        """Raises: ValueError where a training of so many epochs is too short, in one sentence."""

    def most(self, images: int, epoch: int) -> int:
        """Return how many of so many images an epoch, counted from 0, shows at most; exact unless they decide it."""
        return images

    def asks(self, epoch: int) -> bool:
        """Return whether it asks the network about all images before an epoch: a pass over them."""
        return False

    @abstractmethod
    def of(self, about: About) -> Showing:
        """Return what it shows of some images. Raises: UsageError: that cannot be, in one sentence."""


def check_short(name: str, value: int, epochs: int) -> None:
    """Raises: ValueError where a number of epochs leaves none of the training."""
    if value >= epochs:
        raise ValueError(f"sampling.{name} must be below the training's {epochs} epochs, or none is left, got {value}")


def counts_of(showing: Showing | None, images: int, epochs: int) -> list[int]:
    """Return how many of so many images each epoch shows; showing: None: all."""
    return [images if showing is None else showing.count(epoch) for epoch in range(epochs)]
