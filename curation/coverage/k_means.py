"""k-means centers, as the points nearest to them."""

from __future__ import annotations

import time

import numpy as np
import torch

from curation.coverage.k_center import farthest_first
from curation.coverage.on_device import on_device
from curation.coverage.points import Points
from curation.coverage.subset import Choice, OnProgress, Subset
from curation.embedding.clusters import clusters
from curation.embedding.distances import Metric


def k_means(
    points: np.ndarray,
    *,
    count: int,
    metric: Metric = "l2",
    seed: int = 0,
    given: np.ndarray | None = None,
    owners: np.ndarray | None = None,
    device: str | torch.device = "cpu",
    on_progress: OnProgress = lambda done, total: None,
) -> Subset:
    """Choose, of each of k clusters, the point nearest to its center, largest clusters first.

    The value is what the squared distances to the nearest chosen one are less than those to the mean of all, its share
    that of the latter; a choice's gain is the part of those nearest to it. Clusters are found as if none were given.
    Where a cluster has no point that may be chosen, or points coincide, the farthest from all chosen ones follow.

    Args: as ``facility_location``; metric: cosine clusters unit vectors; seed: of the first centers.
    Rounds of k-means are told as a share of what is to be chosen.

    Raises: CurationError: more points to choose than there are, broken points.
    Source: Lloyd 1982; Arthur & Vassilvitskii 2007 for the first centers.
    """
    begun = time.perf_counter()
    values = on_device(points, metric=metric, device=device)
    choice = Choice(values.size, given=given, owners=owners)
    choice.check(count)
    on_progress(0, count)
    features = values.values
    most = min(count, len(np.unique(features, axis=0)))
    found = clusters(
        features, count=most, seed=seed, on_progress=lambda done, rounds: on_progress(count * done // rounds, count)
    )
    found = np.unique(found, return_inverse=True)[1]
    chosen = _nearest_to_centers(features, found, choice)
    if len(chosen) < count:
        apart = values.nearest(np.append(choice.given, chosen))[1]
        rest, _ = farthest_first(
            values, choice, apart, count=count - len(chosen), told=lambda done: on_progress(len(chosen) + done, count)
        )
        chosen = np.append(chosen, rest)
    on_progress(count, count)
    return by_spread(
        values,
        choice,
        chosen,
        guarantee="none: k-means finds a spread around its centers that is least nearby, not of all",
        begun=begun,
    )


def by_spread(values: Points, choice: Choice, chosen: np.ndarray, *, guarantee: str, begun: float) -> Subset:
    """Return what is chosen, valued by how much nearer it is to all points than their mean; begun: a counter's time."""
    at, apart = values.nearest(served := np.append(choice.given, chosen))
    spread = values.from_mean().astype(np.float64) ** 2
    saved = spread - (2 * apart if values.cosine else apart.astype(np.float64) ** 2)
    return Subset(
        chosen=chosen,
        gains=np.bincount(at, weights=saved, minlength=len(served))[len(choice.given) :],
        value=float(saved.sum()),
        share=min(max(float(saved.sum() / spread.sum()), 0.0), 1.0) if spread.any() else 1.0,
        guarantee=guarantee,
        radius=float(apart.max()),
        seconds=time.perf_counter() - begun,
    )


def _nearest_to_centers(features: np.ndarray, found: np.ndarray, choice: Choice) -> np.ndarray:
    """Return of each cluster, the largest first, the point nearest to its mean that may be chosen, int64."""
    sizes = np.bincount(found)
    order = np.argsort(found, kind="stable")
    begins = sizes.cumsum() - sizes
    centers = np.add.reduceat(features[order], begins, axis=0, dtype=np.float64) / sizes[:, None]
    away = np.linalg.norm(features - centers[found], axis=1)
    rank = np.argsort(np.argsort(-sizes, kind="stable"))
    chosen: list[int] = []
    done = -1
    for position in np.lexsort((away, rank[found])):
        if choice.may[position] and rank[found[position]] != done:
            done = rank[found[position]]
            chosen.append(int(position))
            choice.shut(int(position))
    return np.array(chosen, dtype=np.int64)
