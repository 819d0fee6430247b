"""Moderate coresets: neither the typical points of a class nor its outliers."""

from __future__ import annotations

import time

import numpy as np
import torch

from curation.coverage.k_means import by_spread
from curation.coverage.on_device import on_device
from curation.coverage.subset import Choice, OnProgress, Subset
from curation.embedding.distances import Metric


def moderate(
    points: np.ndarray,
    *,
    count: int,
    metric: Metric = "l2",
    given: np.ndarray | None = None,
    owners: np.ndarray | None = None,
    device: str | torch.device = "cpu",
    on_progress: OnProgress = lambda done, total: None,
) -> Subset:
    """Choose the points of one class whose distance to its mean is nearest to the median of these distances.

    The center is a mean, as in the paper's text; its released code takes each feature's median, and as many ranks on
    either side of the median distance, over all classes at once. The value is that of ``k_means``.

    Args: as ``facility_location``; metric: cosine takes unit vectors, and their Euclidean distances to their mean.
    Raises: CurationError: more points to choose than there are, broken points.
    Source: Xia et al. 2023, "Moderate Coreset: A Universal Method of Data Selection for Real-world Data-efficient Deep
        Learning", section 3.
    """
    begun = time.perf_counter()
    values = on_device(points, metric=metric, device=device)
    choice = Choice(values.size, given=given, owners=owners)
    choice.check(count)
    on_progress(0, count)
    apart = values.from_mean().astype(np.float64)
    order = np.argsort(np.abs(apart - np.median(apart)), kind="stable")
    order = order[choice.may[order]]
    first = np.unique(choice.owner[order], return_index=True)[1]
    chosen = order[np.sort(first)[:count]]
    on_progress(count, count)
    return by_spread(values, choice, chosen, guarantee="none: the chosen are neither typical nor outliers", begun=begun)
