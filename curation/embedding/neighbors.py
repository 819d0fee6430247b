"""Nearest neighbors and neighbors within a radius, exact on any device in blocks of matrix products."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from curation.embedding.distances import Distances, Metric
from curation.errors import CurationError

__all__ = ["EXACT_POINTS", "MOST_PAIRS", "Metric", "Neighbors", "nearest_neighbors", "within_radius"]

OnProgress = Callable[[int, int], object]
"""Is told how many queries are done, of how many; may raise to stop."""

EXACT_POINTS = 200_000
"""On a CPU FAISS answers for more points than these (for more pairs of query and point than their square)."""

MOST_PAIRS = 200_000_000
"""At most so many pairs within a radius are returned: 1 GB."""

_LISTS_SEARCHED = 1 / 32


@dataclass(frozen=True)
class Neighbors:
    """Positions among the points, and distances, of each query's neighbors; the nearest first, ties by position.

    index: int64 M×k, −1 where there is none; distance: float32 M×k, inf where there is none.
    """

    index: np.ndarray
    distance: np.ndarray


def nearest_neighbors(
    points: np.ndarray,
    *,
    count: int,
    queries: np.ndarray | None = None,
    metric: Metric = "l2",
    owners: np.ndarray | None = None,
    query_owners: np.ndarray | None = None,
    device: str | torch.device = "cpu",
    on_progress: OnProgress = lambda done, total: None,
) -> Neighbors:
    """Find the nearest points of each query.

    Exact, in memory of five times the points' own and 0.5 GB more (on other devices than a CPU 2 GB), however many
    there are. Approximate on a CPU above ``EXACT_POINTS``: FAISS' inverted lists (k-means with a fixed seed; of the
    lists 1 in 32 is searched), the distances of what they find exact as ever. Of 240,000 points' 15 neighbors they
    find 99.9 % (benchmarks/neighbors.py).

    Args:
        points: float32 N×D.
        count: neighbors of each query, k.
        queries: float32 M×D; None: the points themselves, none its own neighbor.
        owners: int64 N, e.g. sample ids: points of the query's owner never count.
        query_owners: int64 M, with ``queries`` and ``owners``.

    Raises: CurationError: values that are not finite, no points, widths that differ, more neighbors than points.
    """
    distances = Distances.between(
        points, queries, metric=metric, owners=owners, query_owners=query_owners, device=device
    )
    size, total = len(distances.points), len(distances.queries)
    most = size - (queries is None)
    if count < 1:
        raise CurationError(f"the number of neighbors must be at least 1, got {count}")
    if count > most:
        fix = f"ask for at most {most:,} or take more samples" if most else "take more samples"
        raise CurationError(f"{count:,} neighbors of each are wanted, but there are only {size:,} points; {fix}")
    index, distance = np.empty((total, count), np.int64), np.empty((total, count), np.float32)
    on_progress(0, total)
    if distances.device.type == "cpu" and total * size > EXACT_POINTS**2:
        find = _lists(distances)
    else:
        find = distances.nearest
    pending, keep, done = torch.arange(total), min(size, count + 8), 0
    while len(pending):
        unclear = []
        for rows in pending.split(distances.together(keep)):
            some, apart, certain = find(rows.to(distances.device), count, keep)
            index[rows], distance[rows] = some.cpu().numpy(), apart.cpu().numpy()
            unclear.append(rows[~certain.cpu()])
            done += len(rows) - len(unclear[-1])
            on_progress(done, total)
        pending, keep = torch.cat(unclear), min(size, 8 * keep)
    return Neighbors(index, distance)


def within_radius(
    points: np.ndarray,
    *,
    radius: float,
    metric: Metric = "l2",
    owners: np.ndarray | None = None,
    device: str | torch.device = "cpu",
    on_progress: OnProgress = lambda done, total: None,
) -> scipy.sparse.csr_array:
    """Find the points within a radius of each, itself included.

    Always exact; memory as of ``nearest_neighbors`` and 10 bytes a pair.

    Args:
        points: float32 N×D.
        radius: the largest distance (float32, as ``nearest_neighbors`` gives it) that is within.
        owners: int64 N: other points of the same owner never count.

    Returns: bool N×N, symmetric; each row's indices rise.
    Raises: CurationError: as ``nearest_neighbors``; a radius not above 0; more than ``MOST_PAIRS`` pairs.
    """
    if not (math.isfinite(radius) and radius > 0):
        raise CurationError(f"the radius must be a number above 0, got {radius}")
    distances = Distances.between(points, None, metric=metric, owners=owners, query_owners=owners, device=device)
    total, pairs = len(distances.points), 0
    counts: list[np.ndarray] = [np.zeros(1, np.int64)]
    columns: list[np.ndarray] = []
    on_progress(0, total)
    for rows in torch.arange(total).split(distances.together(1)):
        at, inside = distances.within(rows.to(distances.device), radius)
        counts.append(torch.bincount(at, minlength=len(rows)).cpu().numpy())
        columns.append(inside.int().cpu().numpy())
        pairs, done = pairs + len(inside), int(rows[-1]) + 1
        if pairs > MOST_PAIRS:
            raise CurationError(
                f"within a radius of {radius:g} lie {pairs / done:,.0f} points of each on average, together more than "
                f"{MOST_PAIRS:,} pairs; choose a smaller radius"
            )
        on_progress(done, total)
    indices = np.concatenate(columns)
    starts = np.concatenate(counts).cumsum().astype(np.int32)
    return scipy.sparse.csr_array((np.ones(len(indices), bool), indices, starts), shape=(total, total))


def _lists(distances: Distances) -> Callable[[Tensor, int, int], tuple[Tensor, Tensor, Tensor]]:
    """Return FAISS' answer in the place of ``Distances.nearest``.

    Source: Jégou, Douze & Schmid 2011, "Product quantization for nearest neighbor search", the inverted file without
    the quantization; ``faiss.IndexIVFFlat``.
    """
    try:
        import faiss
    except ImportError:
        raise CurationError(
            f"more than {EXACT_POINTS:,} points need FAISS for their neighbors on a CPU; install faiss-cpu, or take "
            "fewer samples"
        ) from None
    points = distances.points.numpy()
    lists = round(4 * len(points) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(points.shape[1]), points.shape[1], lists)
    index.nprobe = max(1, round(lists * _LISTS_SEARCHED))
    index.train(points)
    index.add(points)
    owners = distances.owners

    def nearest(rows: Tensor, count: int, keep: int) -> tuple[Tensor, Tensor, Tensor]:
        _, found = index.search(distances.queries[rows].numpy(), min(len(points), count + owners.most))
        columns = torch.from_numpy(found)
        none = columns < 0
        columns = columns.clamp(min=0)
        if len(owners.points):
            none |= owners.points[columns] == owners.queries[rows, None]
        return *distances.ranked(rows, columns, none, count), torch.ones(len(rows), dtype=torch.bool)

    return nearest
