"""One set of images of chosen samples: the clean ones, one corruption at one severity, or one attack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from curation.selection.pool import variant_name
from curation.storage.samples import Samples
from curation.storage.shards import Shards


@dataclass(frozen=True)
class ImageSet:
    """Where the images lie and of which samples they are.

    kind, severity: as in the pool; among attacks of one name severity counts them, from 0, in the recipe's order;
    plugin: the corruption or attack that makes them, None for clean; pixels: their shards;
    sample_rows: int64 M, rising: of its samples; starts: int64 shards + 1: where each shard begins among them;
    relabel: of an attack, the labels, by sample id, that it moves away from instead of the source's. A set with such
    labels is of those samples alone, and goes before the set of the same attack that was made for the source's.
    """

    family: Literal["clean", "corruption", "adversarial"]
    kind: str
    severity: int
    plugin: Any
    pixels: Shards
    sample_rows: np.ndarray
    starts: np.ndarray
    relabel: Mapping[int, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As in the recipe: clean, fog/3, pgd."""
        return variant_name(self.kind, self.severity)

    @property
    def sizes(self) -> np.ndarray:
        """Images in each shard, int64."""
        return np.diff(self.starts)

    def frozen(self) -> ImageSet:
        """Return the finished set with its shards' names looked up once. Raises: CurationError: a shard is missing."""
        return replace(self, pixels=self.pixels.freeze())

    def rows_of(self, index: int) -> np.ndarray:
        """Return the samples' rows of one shard, int64."""
        return self.sample_rows[self.starts[index] : self.starts[index + 1]]

    def of_samples(self, samples: Samples, index: int) -> np.ndarray:
        """Return those of its rows that lie in one shard of the samples: the grain in which sets are scored."""
        low, high = np.searchsorted(self.sample_rows, samples.starts[index : index + 2])
        return self.sample_rows[low:high]

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return pixels, uint8 M×H×W×C, of some of its samples by their rows, in any order."""
        return self.pixels.gather(np.searchsorted(self.sample_rows, rows), self.starts)
