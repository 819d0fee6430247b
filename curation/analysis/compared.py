"""Two curated sets side by side: how many images they share, by family, and how hard these are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from curation.analysis.changes import Changes, Chosen
from curation.selection.pool import FAMILIES

BINS = 40
COPY = ("sample_id", "kind", "severity")


def overlap(families: Mapping[str, tuple[int, int, int]]) -> pd.DataFrame:
    """Return a row a family and one of all: only_a, both, only_b, and shared, the share of both in either, in [0, 1].

    Args: families: by name, images only in A, in both, only in B.
    """
    named = [name for name in FAMILIES if any(families.get(name, ()))]
    counts = np.array([families[name] for name in named], dtype=np.int64).reshape(-1, 3)
    counts = np.vstack([counts, counts.sum(0)])
    table = pd.DataFrame(counts, columns=["only_a", "both", "only_b"])
    table.insert(0, "family", [*named, "all"])
    either = counts.sum(1)
    table["shared"] = np.where(either > 0, counts[:, 1] / np.maximum(either, 1), 1.0)
    return table


def overlap_of_sets(a: Chosen, b: Chosen, found: Changes) -> pd.DataFrame:
    """Return ``overlap`` of two sets. Args: found: what changes from a to b."""

    def counts(it: Chosen, rows: np.ndarray) -> dict[str, int]:
        names, numbers = np.unique(it.pool["family"].to_numpy()[rows].astype(str), return_counts=True)
        return dict(zip(names.tolist(), numbers.tolist(), strict=True))

    leave, enter, whole = counts(a, found.leave), counts(b, found.enter), counts(a, a.selected.pool_rows)
    return overlap(
        {name: (leave.get(name, 0), whole.get(name, 0) - leave.get(name, 0), enter.get(name, 0)) for name in FAMILIES}
    )


def overlap_of_manifests(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return ``overlap`` of two exports' manifests: an image is the same where it is the same copy of a sample."""
    found = {}
    for family in FAMILIES:
        mine, theirs = (
            set(one.loc[one["family"] == family, list(COPY)].itertuples(index=False, name=None)) for one in (a, b)
        )
        found[family] = len(mine - theirs), len(mine & theirs), len(theirs - mine)
    return overlap(found)


def histogram(pool: pd.DataFrame, rows: np.ndarray, classes: int) -> np.ndarray:
    """Return the share of some rows of a pool by entropy, float64 ``BINS``, from 0 to ln K."""
    shares = np.clip(pool["entropy"].to_numpy()[rows] / np.log(classes), 0, 1)
    found: np.ndarray = np.histogram(shares, BINS, (0, 1))[0] / max(1, len(rows))
    return found
