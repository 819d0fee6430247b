"""Set cover: balls of one radius around chosen points, as few as possible or as much in them as possible."""

from __future__ import annotations

import math
import time

import numpy as np
import torch

from curation.coverage.greedy import Greedy
from curation.coverage.k_center import farthest_first
from curation.coverage.on_device import on_device
from curation.coverage.subset import Choice, OnProgress, Subset
from curation.embedding.distances import Metric
from curation.errors import CurationError


def set_cover(
    points: np.ndarray,
    *,
    radius: float,
    count: int | None = None,
    metric: Metric = "l2",
    given: np.ndarray | None = None,
    owners: np.ndarray | None = None,
    device: str | torch.device = "cpu",
    on_progress: OnProgress = lambda done, total: None,
) -> Subset:
    """Choose greedily the centers of balls that hold most points not in a ball yet; ties by position.

    The value is the number of points in balls, its share that of all points. Without ``count`` balls are chosen until
    all points (with ``owners``: all that can be) are in one. With it just so many are: where fewer hold everything, the
    rest are those farthest from all chosen ones, which add nothing to the value.

    Memory: see ``facility_location``. Args: radius: a point is in a ball when it is at most so far from its center;
    the others as ``facility_location`` has them.

    Returns: with a note where no ball holds more than its own center, or one holds everything.
    Raises: CurationError: a radius not above 0, more points to choose than there are, broken points.
    Source: Chvátal 1979, "A greedy heuristic for the set-covering problem"; Minoux 1978.
    """
    begun = time.perf_counter()
    radius = checked_radius(radius)
    values = on_device(points, metric=metric, device=device)
    choice = Choice(values.size, given=given, owners=owners)
    if count is not None:
        choice.check(count)
    reach = np.full(values.size, radius, np.float32)
    if len(choice.given):
        reach[values.nearest(choice.given)[1] <= reach] = -1
    most = choice.most if count is None else count
    greedy = Greedy(values, choice, reach, count=most, counting=True, on_progress=on_progress)
    greedy.lazy()
    chosen, gains = greedy.chosen, greedy.gains
    apart = values.nearest(np.append(choice.given, chosen))[1]
    if count is not None and len(chosen) < count:
        for position in chosen:
            choice.shut(position)
        rest, _ = farthest_first(
            values, choice, apart, count=count - len(chosen), told=lambda done: on_progress(len(chosen) + done, count)
        )
        chosen, gains = np.append(chosen, rest), np.append(gains, np.zeros(len(rest)))
    on_progress(len(chosen), len(chosen))
    inside = int((greedy.reach < 0).sum())
    largest = int(gains[0]) if len(gains) else 0
    return Subset(
        chosen=chosen,
        gains=gains,
        value=float(inside),
        share=inside / values.size,
        guarantee=_guarantee(choice, count, largest),
        radius=float(apart.max()),
        seconds=time.perf_counter() - begun,
        note=_note(radius, largest, values.size) if not len(choice.given) else "",
    )


def checked_radius(radius: float) -> float:
    """Return a radius. Raises: CurationError unless it is a number above 0."""
    if not (math.isfinite(radius) and radius > 0):
        raise CurationError(f"the radius must be a number above 0, got {radius}")
    return float(radius)


def _guarantee(choice: Choice, count: int | None, largest: int) -> str:
    if count is not None:
        return choice.guarantee(
            "at least 63 % (1 − 1/e) of the most points that so many balls can hold (Nemhauser, Wolsey & Fisher 1978)"
        )
    if choice.owned:
        return "none: with at most one of each owner the fewest balls may not be found"
    times = float((1 / np.arange(1, max(largest, 1) + 1)).sum())
    return f"at most {times:.1f} times as many balls as the fewest possible (at most ln n + 1; Chvátal 1979)"


def _note(radius: float, largest: int, size: int) -> str:
    if size > 1 and largest == size:
        return f"one ball of radius {radius:g} holds all {size:,} points; choose a smaller radius"
    if size > 1 and largest <= 1:
        return f"no ball of radius {radius:g} holds more than its own center; choose a larger radius"
    return ""
