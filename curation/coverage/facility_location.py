"""Facility location: points that stand for all others, each for those nearest to it."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np
import torch

from curation.coverage.greedy import Greedy
from curation.coverage.on_device import on_device
from curation.coverage.points import Graph
from curation.coverage.subset import Choice, OnProgress, Subset
from curation.embedding.neighbors import Metric, Neighbors, nearest_neighbors
from curation.errors import CurationError

Method = Literal["lazy", "stochastic"]


def facility_location(
    points: np.ndarray,
    *,
    count: int,
    metric: Metric = "l2",
    neighbors: int | Neighbors | None = None,
    method: Method = "lazy",
    epsilon: float = 0.1,
    seed: int = 0,
    given: np.ndarray | None = None,
    owners: np.ndarray | None = None,
    device: str | torch.device = "cpu",
    on_progress: OnProgress = lambda done, total: None,
) -> Subset:
    """Choose the points to which all others have the shortest way: the greatest Σᵢ maxⱼ (c − dᵢⱼ), greedily.

    c is the largest distance there is, so that the value is what all points together are nearer to their nearest chosen
    one than they could be; it is added to every choice's value alike and changes none. With ``neighbors`` a point is
    served by itself and its nearest neighbors alone, anything else adds nothing to it, and c is the largest distance
    of a neighbor. The value's share is that of what all points chosen together would reach, N·c.

    Memory: as ``greedy.GRAPH_PAIRS`` says and a few copies of the points, whatever N; time grows with N² · D. With
    ``neighbors`` 20 bytes for each, and time grows with their search: progress counts the points searched for first.

    Args:
        points: float32 N×D.
        count: how many to choose, k.
        neighbors: how many neighbors a point has, or these as they were found; None: all points.
        method: lazy chooses what plain greedy choice would, ties by position; stochastic the best of some drawn at
            random, each time N/k · ln(1/ε).
        epsilon: of the stochastic one, in (0, 1); the smaller, the better and slower.
        seed: of the stochastic one's draws.
        given: positions already chosen; they serve from the start.
        owners: integers N, e.g. sample ids: at most one of each is chosen.
        device: where distances are worked out.

    Raises: CurationError: more points to choose than there are, broken points, unknown names.
    Source: CRAIG (Mirzasoleiman, Bilmes & Leskovec 2020) with max(D) − D; Minoux 1978; Mirzasoleiman et al. 2015.
    """
    begun = time.perf_counter()
    values = on_device(points, metric=metric, device=device)
    choice = Choice(values.size, given=given, owners=owners)
    choice.check(count)
    if method not in ("lazy", "stochastic"):
        raise CurationError(f"method must be lazy or stochastic, got {method!r}")
    if not 0 < epsilon < 1:
        raise CurationError(f"epsilon must be in (0, 1), got {epsilon}")
    on_progress(0, count)
    if neighbors is None:
        sums, widest = values.totals(lambda: on_progress(0, count))
        reach = np.full(values.size, widest, np.float32)
        graph = None
    else:
        if isinstance(neighbors, int):
            search, on_progress = _in_two(on_progress, values.size, count)
            neighbors = nearest_neighbors(points, count=neighbors, metric=metric, device=device, on_progress=search)
        graph, widest = _of_neighbors(neighbors, values.size)
        reach = np.full(values.size, widest, np.float32)
    greedy = Greedy(values, choice, reach, count=count, counting=False, on_progress=on_progress, graph=graph)
    if graph is not None:
        for position in choice.given:
            part = slice(graph.start[position], graph.stop[position])
            reach[graph.index[part]] = np.minimum(reach[graph.index[part]], graph.distance[part])
    elif len(choice.given):
        np.minimum(reach, values.nearest(choice.given)[1], out=reach)
    else:  # what each adds first is known from the sums
        added = values.size * widest - sums
        first = int(np.where(choice.may, added, -1).argmax())
        greedy.bounds[:] = added * _ROUNDING
        greedy.take(first, float(added[first]))
    if method == "lazy":
        greedy.lazy()
    else:
        greedy.stochastic(epsilon=epsilon, seed=seed)
    value = float((widest - greedy.reach).sum(dtype=np.float64))
    far = greedy.reach.copy()
    unserved = np.flatnonzero(far == np.float32(widest))
    if graph is not None and len(unserved):
        far[unserved] = values.nearest(np.append(choice.given, greedy.chosen), of=unserved)[1]
    return Subset(
        chosen=greedy.chosen,
        gains=greedy.gains,
        value=value,
        share=value / (values.size * widest) if widest else 1.0,
        guarantee=choice.guarantee(_GUARANTEES[method].format(epsilon)),
        radius=float(far.max()),
        seconds=time.perf_counter() - begun,
    )


_ROWS = 1 << 16
"""Of so many points neighbors are counted at once."""

_ROUNDING = 1 + 1e-6
"""A matrix product may round otherwise in another block."""

_GUARANTEES = {
    "lazy": "at least 63 % (1 − 1/e) of the best possible value (Nemhauser, Wolsey & Fisher 1978)",
    "stochastic": "expected: at least 1 − 1/e − {:g} of the best possible value (Mirzasoleiman et al. 2015)",
}


def _in_two(on_progress: OnProgress, first: int, second: int) -> tuple[OnProgress, OnProgress]:
    """Return what tells of the first and what of the second of two parts of the work, so many steps each."""
    whole = first + second
    return lambda done, _: on_progress(done, whole), lambda done, _: on_progress(first + done, whole)


def _of_neighbors(neighbors: Neighbors, size: int) -> tuple[Graph, float]:
    """Return the graph of whom each may serve, itself included, and the largest distance in it."""
    if len(neighbors.index) != size:
        raise CurationError(
            f"there are neighbors of {len(neighbors.index):,} points, but {size:,} points; find them for these points"
        )
    from curation.coverage import graph_kernels  # compiles

    counts, widest = np.ones(size, np.int64), np.float32(0)
    for first in range(0, size, _ROWS):
        index, distance = (side[first : first + _ROWS] for side in (neighbors.index, neighbors.distance))
        known = index >= 0
        counts += np.bincount(index[known], minlength=size)
        widest = max(widest, distance[known].max(initial=0))
    stop = counts.cumsum()
    served, apart = np.empty(stop[-1], np.int32), np.empty(stop[-1], np.float32)
    graph_kernels.served_by(neighbors.index, neighbors.distance, stop - counts, served, apart)
    return Graph(stop - counts, stop, served, apart), float(widest)
