"""What a page says of clusters: how pure they are together, how much of each is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Summary:
    """clusters: how many; agreeing: share of their samples that have their cluster's most common label, None without
    clusters; pure: clusters with one label alone; outside: samples in no cluster."""

    clusters: int
    agreeing: float | None
    pure: int
    outside: int


def summary(table: pd.DataFrame, samples: int) -> Summary:
    """Sum a table of ``cluster_table`` up. Args: samples: how many there are, in clusters or not."""
    inside = table[table["cluster"] >= 0]
    sizes = int(inside["size"].sum())
    agreeing = float((inside["purity"] * inside["size"]).sum() / sizes) if len(inside) else None
    return Summary(len(inside), agreeing, int((inside["purity"] == 1).sum()), samples - sizes)


def chosen_share(table: pd.DataFrame, clusters: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return for each row of a table of ``cluster_table`` the share of its samples that is chosen, float64.

    Args: clusters: integers N, -1 for none; chosen: bool N.
    """
    counts = np.bincount(clusters + 1, chosen, int(clusters.max(initial=-1)) + 2)
    return counts[table["cluster"] + 1] / table["size"].to_numpy()


def positions(clusters: np.ndarray, only: int | None) -> np.ndarray:
    """Return the positions, int64, of the samples in one cluster, or of all where it is None."""
    return np.arange(len(clusters)) if only is None else np.flatnonzero(clusters == only)
