"""The contract of a reader: open a source once, then read any range of positions from it.

A position is a sample's place in the source's own order, and is its ``sample_id`` for ever. A sample that cannot be
read leaves a gap and a ``Skipped`` line; it never shifts the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from pydantic import Field

from curation.plugin import Plugin


@dataclass(frozen=True)
class Skipped:
    """A sample that could not be read: its position, its name (file or row) and why, as a sentence."""

    sample_id: int
    name: str
    reason: str


@dataclass(frozen=True)
class Chunk:
    """A run of samples.

    images: uint8 N×H×W×C, C = 1 or 3; labels: int64 N in [0, K); sample_ids: int64 N, rising; names: N strings
    (file name or row) that let a person find the sample in the source.
    """

    images: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray
    names: list[str]
    skipped: list[Skipped] = field(default_factory=list)


class Source(ABC):
    """An opened source: what is known before any pixel is read, and random access by range of positions."""

    classes: list[str]
    """Class names, K ≥ 2; a label is an index into them."""
    shape: tuple[int, int, int]
    """Height, width, channels of every image delivered."""
    fingerprint: str
    """Changes when the source's files change (names, sizes, modification times, or contents where cheap)."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of positions, skipped ones included."""

    @abstractmethod
    def read(self, start: int, stop: int) -> Chunk:
        """Return the samples at positions start … stop − 1. Memory is bounded by the range, not by the source.

        Reading forward, range after range, costs one pass over the source in total.
        Raises: CurationError naming file or row when the source itself is broken.
        """


class Reader(Plugin):
    """How to open one source format; the fields are what a recipe's ``source`` may say."""

    split: str = Field("train", description="which part of the source: train or test")

    @abstractmethod
    def open(self) -> Source:
        """Open the source and check everything that can be checked without reading all of it.

        Raises: CurationError: one sentence naming the file and what to do.
        """
