"""One set of images of chosen samples: the clean ones, one corruption at one severity, or one attack.

Corrupted copies are a function of their samples: those that are not kept as files are made again where they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from curation.errors import CurationError
from curation.plugin import fingerprint
from curation.selection.pool import variant_name
from curation.storage.samples import Samples
from curation.storage.shards import Shards


@dataclass(frozen=True)
class ImageSet:
    """Where the images lie and of which samples they are.

    kind, severity: as in the pool; among attacks of one name severity counts them, from 0, in the recipe's order;
    plugin: the corruption or attack that makes them, None for clean; pixels: the shards of those that are kept;
    sample_rows: int64 M, rising: of its samples; starts: int64 shards + 1: where each shard begins among them;
    relabel: of an attack, the labels, by sample id, that it moves away from instead of the source's. A set with such
    labels is of those samples alone, and goes before the set of the same attack that was made for the source's.
    make: from samples' rows, int64 M, to their images, uint8 M×H×W×C, the same whichever are asked for together; None
    where that would be dear, so that all are kept.
    """

    family: Literal["clean", "corruption", "adversarial"]
    kind: str
    severity: int
    plugin: Any
    pixels: Shards
    sample_rows: np.ndarray
    starts: np.ndarray
    relabel: Mapping[int, int] = field(default_factory=dict)
    make: Callable[[np.ndarray], np.ndarray] | None = None

    @property
    def name(self) -> str:
        """As in the recipe: clean, fog/3, pgd."""
        return variant_name(self.kind, self.severity)

    @property
    def key(self) -> str:
        """Hash of all that determines the images, under which they are kept."""
        return self.pixels.folder.name

    @property
    def sizes(self) -> np.ndarray:
        """Images in each shard, int64."""
        return np.diff(self.starts)

    def frozen(self) -> ImageSet:
        """Return the finished set with its shards' names looked up once."""
        return replace(self, pixels=self.pixels.freeze())

    def lacking(self, *, verify: bool = False) -> list[int]:
        """Return the shards that cannot be read, nor made again; with ``verify`` damaged ones are removed before."""
        missing = self.pixels.missing(verify=verify)
        return missing if self.make is None else []

    def kept(self) -> int:
        """Return how many of its images are kept as files."""
        return int(self.sizes[self.pixels.known()].sum())

    def ready(self) -> bool:
        """Whether every image can be read, from a file or made again."""
        return not self.lacking()

    def digest(self) -> str:
        """Return a hash that tells the images from others', the same whether or not they are kept where they are made.

        Raises: CurationError when a shard is missing.
        """
        return self.pixels.digest() if self.make is None else fingerprint(["made", self.key])

    def rows_of(self, *indices: int) -> np.ndarray:
        """Return the samples' rows of some shards, int64."""
        return np.concatenate([self.sample_rows[self.starts[index] : self.starts[index + 1]] for index in indices])

    def split(self, values: np.ndarray, indices: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each of some shards and its part of what was made of ``rows_of`` them all."""
        yield from zip(indices, np.split(values, np.cumsum(self.sizes[list(indices)])[:-1]), strict=True)

    def of_samples(self, samples: Samples, index: int) -> np.ndarray:
        """Return those of its rows that lie in one shard of the samples: the grain in which sets are scored."""
        low, high = np.searchsorted(self.sample_rows, samples.starts[index : index + 2])
        return self.sample_rows[low:high]

    def sizes_of_samples(self, samples: Samples) -> np.ndarray:
        """Return how many of its images each shard of ``of_samples`` has, int64."""
        return np.diff(np.searchsorted(self.sample_rows, samples.starts))

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return pixels, uint8 M×H×W×C, of some of its samples by their rows, in any order: what is kept, or made."""
        places = np.searchsorted(self.sample_rows, rows)
        if self.make is None:
            return self.pixels.gather(places, self.starts)
        kept = np.isin(np.searchsorted(self.starts, places, side="right") - 1, self.pixels.known())
        if not kept.any():
            return self.make(rows)
        try:
            found = self.pixels.gather(places[kept], self.starts)
        except CurationError:  # damaged, or removed meanwhile
            return self.make(rows)
        out = np.empty((len(rows), *found.shape[1:]), dtype=found.dtype)
        out[kept] = found
        if not kept.all():
            out[~kept] = self.make(rows[~kept])
        return out
