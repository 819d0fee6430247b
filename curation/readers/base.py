"""The contract of a reader: open a source once, then read any range of positions from it.

A position is a sample's index in the source's own order, and is its ``sample_id`` permanently. A sample that cannot be
read leaves a gap and a ``Skipped`` line; it never shifts the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from curation.plugin import Plugin
from curation.readers.splits import canonical, choose_split

__all__ = ["Chunk", "Reader", "Skipped", "Source", "choose_split"]


@dataclass(frozen=True)
class Skipped:
    """A sample that could not be read: its position, its name (file or row) and why, as a clause: "it is empty"."""

    sample_id: int
    name: str
    reason: str


@dataclass(frozen=True)
class Chunk:
    """A run of samples.

    images: uint8 N×H×W×C, C = 1 or 3; labels: int64 N in [0, K); sample_ids: int64 N, rising; names: N strings
    (file name or row), each once in the source, by which people find the sample; skipped: what is missing and why;
    notes: by sample_id, how a sample was changed where a person would not expect it ("first of 12 frames");
    soft_labels: float32 N×K, rows sum to 1, where the source has them; weights: float32 N, how much each sample
    counts in training, likewise.
    """

    images: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray
    names: list[str]
    skipped: list[Skipped] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    soft_labels: np.ndarray | None = None
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        count = len(self.names)
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] not in (1, 3):
            raise ValueError(f"images must be uint8 N×H×W×1 or 3, got {self.images.dtype} {self.images.shape}")
        if not count == len(self.images) == len(self.labels) == len(self.sample_ids):
            raise ValueError("images, labels, sample_ids and names must have one entry per sample")
        if self.labels.dtype != np.int64 or self.sample_ids.dtype != np.int64:
            raise ValueError("labels and sample_ids must be int64")


class Source(ABC):
    """An opened source: what is known before any pixel is read, and random access by range of positions.

    A source can be pickled, so that a shard can be read by another process or machine that reaches the same files.
    """

    classes: list[str]
    """Class names, K ≥ 2; a label is an index into them."""
    shape: tuple[int, int, int]
    """Height, width, channels of every image delivered."""
    fingerprint: str
    """Changes when the source's files change (names, sizes, modification times, or contents where cheap)."""
    labels: Sequence[int] | np.ndarray | None = None
    """The label of every position, −1 where it has none, if they are known before any pixel is read; else None."""
    white_level: float | None = None
    """The pixel value that is white, where it is not 255 in bytes or 1 in floats."""
    layout: str = "one table"
    """How the source is laid out: "a folder a class, no splits"."""
    labels_are: str = "numbers of classes"
    """What labels are in the source."""
    remarks: tuple[str, ...] = ()
    """What a person should know of how the whole source is read, one sentence each: told when it is read."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of positions, skipped ones included."""

    @abstractmethod
    def read(self, start: int, stop: int) -> Chunk:
        """Return the samples at positions start … stop − 1; as in a slice, positions past the end are not there.

        Memory is bounded by the range, not by the source. Reading forward, range after range, costs one pass over the
        source in total.
        Raises: CurationError naming file or row when the source itself is broken.
        """

    def read_at(self, positions: np.ndarray) -> Chunk:
        """Return the samples at some positions, as ``read`` does. Args: positions: int64, rising."""
        return joined([self.read(start, stop) for start, stop in runs(positions)])


def runs(positions: np.ndarray) -> list[tuple[int, int]]:
    """Return the ranges start … stop − 1 that rising positions make up; one that is empty where there are none."""
    if not len(positions):
        return [(0, 0)]
    parts = np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Return chunks of one source, in the order of their samples, as one."""
    if len(chunks) == 1:
        return chunks[0]
    soft = [chunk.soft_labels for chunk in chunks if chunk.soft_labels is not None]
    weights = [chunk.weights for chunk in chunks if chunk.weights is not None]
    return Chunk(
        images=np.concatenate([chunk.images for chunk in chunks]),
        labels=np.concatenate([chunk.labels for chunk in chunks]),
        sample_ids=np.concatenate([chunk.sample_ids for chunk in chunks]),
        names=[name for chunk in chunks for name in chunk.names],
        skipped=[line for chunk in chunks for line in chunk.skipped],
        notes={at: note for chunk in chunks for at, note in chunk.notes.items()},
        soft_labels=np.concatenate(soft) if soft else None,
        weights=np.concatenate(weights) if weights else None,
    )


class Reader(Plugin):
    """How to open one source format; the fields are what a recipe's ``source`` may say."""

    family = "reader"
    split: str = Field("train", description="split of the source: train, test or val, however it is spelled there")

    @field_validator("split")
    @classmethod
    def _one_spelling(cls, split: str) -> str:
        return canonical(split)

    @abstractmethod
    def open(self) -> Source:
        """Open the source and check everything that can be checked without reading all of it.

        Raises: CurationError: one sentence naming the file and what to do.
        """

    def look(self, *, most: int, seed: int) -> Source:
        """Open the source as ``open`` does, but look at ``most`` samples only where all would be: for a preview.

        Args: seed: draws the samples. Raises: CurationError, as ``open``.
        """
        return self.open()

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether an existing file or folder looks like this format, from names alone."""
        return False
