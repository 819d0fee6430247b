"""Stratified selection: all grades of hardness below the offset, instead of one end of them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.selection.base import Group, Selector
from curation.selection.order import least_of_each_sample
from curation.selection.random import uniform


class Stratified(Selector):
    """Every grade of hardness below the offset alike: strata of equal width, drawn from at random.

    The quota is spread over the strata, the smallest first; what one lacks goes to the others.
    The offset is the paper's β, the hardest share that is dropped. Source: Zheng, Liu, Lai & Prakash 2023,
    "Coverage-centric Coreset Selection for High Pruning Rates", algorithm 1.
    """

    name: ClassVar[str] = "stratified"
    title: ClassVar[str] = "Stratified: every grade of hardness (CCS)"

    strata: int = Field(50, ge=1, le=10_000, description="strata of equal width in the range of hardness")

    def prefer(self, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Return 0 for what is chosen and 1 for the rest; of each sample, where only one counts, one drawn before."""
        draws = uniform(group, seed=seed)
        at = least_of_each_sample(draws, group.candidate_ids) if group.one_per_sample else np.arange(len(draws))
        stratum = strata_of(group.family.hardness[group.positions[at]], self.strata)
        sizes = np.bincount(stratum, minlength=self.strata)
        place = np.arange(len(at)) - np.repeat(sizes.cumsum() - sizes, sizes)
        drawn = np.lexsort((draws[at], stratum))[place < np.repeat(budgets(sizes, need), sizes)]
        preference = np.ones(len(draws), dtype=np.uint32)
        preference[at[drawn]] = 0
        return preference


def strata_of(hardness: np.ndarray, count: int) -> np.ndarray:
    """Return which of ``count`` parts of equal width of their range some values lie in, int64 N, from the least up."""
    if not len(hardness):
        return np.empty(0, np.int64)
    least, most = float(hardness.min()), float(hardness.max())
    share = (hardness.astype(np.float64) - least) / ((most - least) or 1.0)
    return np.minimum((share * count).astype(np.int64), count - 1)


def budgets(sizes: np.ndarray, need: int) -> np.ndarray:
    """Return how many to take of strata of some sizes, int64: an equal part of what is left, the smallest first."""
    parts = np.zeros(len(sizes), np.int64)
    for done, stratum in enumerate(np.argsort(sizes, kind="stable")):
        parts[stratum] = min(int(sizes[stratum]), need // (len(sizes) - done))
        need -= int(parts[stratum])
    return parts
