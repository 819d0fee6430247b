"""Random selection: any candidate of the family, regardless of its score."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.randomness import stream_seeds
from curation.selection.base import Group, Selector, Within


class Random(Selector):
    """Uniformly at random over the whole family, or with ``within: boundary`` over the band alone."""

    name: ClassVar[str] = "random"
    title: ClassVar[str] = "Random, ignoring hardness"
    within: ClassVar[Within] = "family"

    def prefer(self, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Return a random order."""
        return uniform(group, seed=seed)


def uniform(group: Group, *, seed: int) -> np.ndarray:
    """Return uint32 N, one uniform draw a candidate, a function of seed and candidate_id alone.

    So a larger quota, or a wider band, keeps what a smaller one took wherever it can.
    """
    draws = stream_seeds(seed, group.candidate_ids, "selection", group.family.name).numpy().view(np.uint64)
    return (draws >> np.uint64(32)).astype(np.uint32)
