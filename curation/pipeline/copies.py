"""Corrupted copies as a function of their samples: made where they are scored, looked at or exported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from curation.copying import ahead, fetched
from curation.corruptions.base import Corruption
from curation.pipeline.pixels import shards_in_block, variant_seeds
from curation.storage.samples import Samples


@dataclass(frozen=True)
class Corrupted:
    """The copies that one corruption makes of samples.

    A copy follows from its sample, the corruption and the seed alone: it is the same to the bit on one kind of device,
    whatever is made with it.
    """

    samples: Samples
    corruption: Corruption
    seed: int
    device: str

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return the copies, uint8 M×H×W×C, of samples by their rows, int64 M: a block of shards is made at once.

        Raises: CurationError as ``Corruption.__call__``.
        """
        header = self.samples.header
        together = header.shard_rows * shards_in_block(self.device, header.shape, header.shard_rows)
        parts = [rows[at : at + together] for at in range(0, max(len(rows), 1), together)]
        pixels = ahead(map(self.samples.images, parts), self.device)
        made = [fetched(self.of(some, theirs)) for some, theirs in zip(pixels, parts, strict=True)]
        return torch.cat([copies() for copies in made]).numpy()

    def of(self, pixels: Tensor, rows: np.ndarray) -> Tensor:
        """Return the copies of samples' images on the device, both uint8 M×H×W×C."""
        seeds = variant_seeds(self.corruption, self.seed, self.samples.sample_ids[rows])
        return self.corruption.levels(pixels, seeds=seeds)
