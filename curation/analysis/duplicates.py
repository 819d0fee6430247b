"""Groups of samples that are the same picture, as pages, reports and the command line speak of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.duplicates import groups


@dataclass(frozen=True)
class Group:
    """Images that are the same.

    rows: int64, of the samples, rising, the kept one first; farthest: distance from it, pixels in [0, 1]; mirrored:
    whether one is the same only mirrored; disagree: whether their labels differ.
    """

    rows: np.ndarray
    farthest: float
    mirrored: bool
    disagree: bool

    def split(self, sample_ids: np.ndarray, dropped: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows still in the set and those that were dropped. Args: sample_ids: int64, of all rows."""
        gone = np.isin(sample_ids[self.rows], list(dropped))
        return self.rows[~gone], self.rows[gone]


def described_groups(repeats: pd.DataFrame, labels: np.ndarray) -> list[Group]:
    """Return the groups of ``near_duplicates``: those whose labels differ first, then the largest.

    Args: labels: int64, of all images.
    """
    about = repeats.groupby("row").agg({"distance": "max", "mirrored": "any"})
    made = [
        Group(
            rows,
            float(about["distance"][rows[0]]),
            bool(about["mirrored"][rows[0]]),
            len(np.unique(labels[rows])) > 1,
        )
        for rows in groups(repeats, len(labels))
    ]
    return sorted(made, key=lambda group: not group.disagree)


def to_drop(every: Sequence[Group], left: Sequence[np.ndarray], *, disagree: bool) -> np.ndarray:
    """Return the rows to drop from all groups at once, int64.

    All but the first of groups that agree about the label, or, with ``disagree``, all of those that do not: no label of
    theirs can be trusted.

    Args: left: of each group, the rows that are still in the set.
    """
    rows = [
        mine if disagree else mine[1:] for group, mine in zip(every, left, strict=True) if group.disagree == disagree
    ]
    return np.concatenate([np.empty(0, np.int64), *rows])
