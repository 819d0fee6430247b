"""What is known of a source once it is opened, and how its samples are cut into shards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHARD_BYTES = 2 << 20
"""A shard of pixels is at most about this large: what a killed process loses, and the grain of parallel work."""


@dataclass(frozen=True)
class SampleHeader:
    """What is known of a source once it is opened: class names, image shape (H, W, C), positions, how many are read.

    remarks: what a person should know of how it is read, a sentence each; white_level: as the source has it.
    """

    classes: list[str]
    shape: tuple[int, int, int]
    positions: int
    limit: int | None
    remarks: tuple[str, ...] = ()
    white_level: float | None = None

    @property
    def shard_rows(self) -> int:
        """Samples in a shard: a power of two, 64 … 1,024, near ``SHARD_BYTES``."""
        height, width, channels = self.shape
        rows = SHARD_BYTES // (height * width * channels)
        return 1 << min(max(rows.bit_length() - 1, 6), 10)

    @property
    def count(self) -> int:
        """How many positions are read: all, or ``limit`` of them."""
        return self.positions if self.limit is None else min(self.limit, self.positions)

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.count // self.shard_rows)

    @property
    def positions_per_shard(self) -> np.ndarray:
        """Positions read into each shard, int64; the last may be smaller."""
        return np.diff(np.append(np.arange(self.shards) * self.shard_rows, self.count))
