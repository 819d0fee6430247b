"""k-center: no point is far from a chosen one."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from curation.coverage.on_device import on_device
from curation.coverage.points import Points
from curation.coverage.subset import Choice, OnProgress, Subset
from curation.embedding.distances import Metric


def k_center(
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
    """Choose, each time, the point farthest from all chosen ones; ties by position.

    The first one is that nearest to the mean, unless some are given. The value is by how much the radius shrank from
    then on, its share that of the radius at first.

    Args: as ``facility_location``; seed: changes nothing, for nothing is drawn.
    Raises: CurationError: more points to choose than there are, broken points.
    Source: Gonzalez 1985, "Clustering to minimize the maximum intercluster distance"; Sener & Savarese 2018.
    """
    begun = time.perf_counter()
    values = on_device(points, metric=metric, device=device)
    choice = Choice(values.size, given=given, owners=owners)
    choice.check(count)
    chosen = np.empty(0, np.int64)
    if len(choice.given):
        apart = values.nearest(choice.given)[1]
    else:
        away = np.where(choice.may, values.from_mean(), np.inf)
        chosen = np.array([away.argmin()])
        choice.shut(int(chosen[0]))
        apart = values.block(chosen)[0].cpu().numpy()
    at_first = float(apart.max())
    rest, radii = farthest_first(
        values, choice, apart, count=count - len(chosen), told=lambda done: on_progress(len(chosen) + done, count)
    )
    radius = float(apart.max())
    gains = -np.diff(radii, prepend=at_first)
    return Subset(
        chosen=np.append(chosen, rest),
        gains=np.append(np.zeros(len(chosen)), gains),
        value=at_first - radius,
        share=1 - radius / at_first if at_first else 1.0,
        guarantee=_guarantee(choice, values),
        radius=radius,
        seconds=time.perf_counter() - begun,
    )


def farthest_first(
    points: Points, choice: Choice, apart: np.ndarray, *, count: int, told: Callable[[int], object]
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the farthest so many times; ``apart``, float32 N, is each point's distance so far, and is lowered.

    Returns: positions int64, and the radius after each, float64.
    """
    chosen, radii = np.empty(count, np.int64), np.empty(count)
    for done in range(count):
        position = int(np.where(choice.may, apart, -1).argmax())
        points.lower(position, apart)
        choice.shut(position)
        chosen[done], radii[done] = position, apart.max()
        told(done + 1)
    return chosen, radii


def _guarantee(choice: Choice, points: Points) -> str:
    if choice.owned:
        return "none: with at most one of each owner the farthest point may be ruled out"
    if points.cosine:  # half a squared distance: twice that distance is four times this
        return "radius at most four times the smallest possible (1 − cosine; Gonzalez 1985)"
    return "radius at most twice the smallest possible (Gonzalez 1985)"
