"""Random selection: any candidate of the family, regardless of its score."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.sampling import hashes
from curation.selection.base import Group, Selector, Within
from curation.selection.order import parts


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
    ids = group.candidate_ids
    draws = np.empty(len(ids), dtype=np.uint32)
    for part in parts(len(ids)):
        draws[part] = hashes(seed, ids[part], "selection", group.family.name) >> np.uint64(32)
    return draws
