"""Which variants of samples are drawn on a map, and what is read of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.sampling import subset
from curation.selection.pool import CODE_BITS, variant_code

MOST, MOST_IN_LASSO = 300, 1000
"""More copies than these hide the map; a lasso around few samples shows all of their own."""


@dataclass(frozen=True)
class Drawn:
    """Copies that are drawn: xy, float32 M×2; rows, int64 M, their samples; sets, int64 M, the set of images that each
    is of; left_out, how many more there are."""

    xy: np.ndarray
    rows: np.ndarray
    sets: np.ndarray
    left_out: int

    def candidate_ids(self, sample_ids: np.ndarray, variants: Sequence[tuple[str, int]]) -> np.ndarray:
        """Return their ids in the pool, int64 M. Args: sample_ids: int64, of all samples; variants: kind and severity
        of each set."""
        codes = np.array([variant_code(kind, severity) for kind, severity in variants], np.int64)
        return (sample_ids[self.rows] << CODE_BITS) + codes[self.sets]


def drawn(
    places: Sequence[np.ndarray], rows: Sequence[np.ndarray], at: np.ndarray, among: np.ndarray | None, *, count: int
) -> Drawn:
    """Return the copies of the samples that are drawn, or some of them where they are too many.

    Args:
        places: of each set of images, float32 N×2.
        rows: of each set, int64 N, the samples that its images are of.
        at: int64, the samples that are drawn.
        among: bool, of all samples: only copies of these are wanted; None: of all.
        count: of all samples.
    """
    wanted = np.zeros(count, bool)
    wanted[at] = True if among is None else among[at]
    of = [np.flatnonzero(wanted[mine]) for mine in rows]
    xy = np.concatenate([one[mine] for one, mine in zip(places, of, strict=True)])
    samples = np.concatenate([one[mine] for one, mine in zip(rows, of, strict=True)])
    sets = np.repeat(np.arange(len(of)), [len(mine) for mine in of])
    some = subset(np.arange(len(xy)), MOST if among is None else MOST_IN_LASSO)
    return Drawn(xy[some], samples[some], sets[some], len(xy) - len(some))


def predictions_in_words(pool: pd.DataFrame, candidate_ids: np.ndarray, classes: Sequence[str]) -> list[str]:
    """Return what the goal model predicts for some candidates, and its entropy as a share of ln K."""
    mine = pool[np.isin(pool["candidate_id"].to_numpy(), candidate_ids)].set_index("candidate_id").loc[candidate_ids]
    shares = mine["entropy"] / np.log(len(classes))
    return [f"{classes[label]}, entropy {share:.0%}" for label, share in zip(mine["prediction"], shares, strict=True)]
