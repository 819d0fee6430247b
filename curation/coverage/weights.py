"""What chosen points stand for: whom each serves, how much they cover, and what each may weigh in training."""

from __future__ import annotations

import numpy as np
import torch

from curation.coverage.on_device import on_device
from curation.coverage.set_cover import checked_radius
from curation.embedding.distances import Metric
from curation.errors import CurationError


def assign(
    points: np.ndarray, chosen: np.ndarray, *, metric: Metric = "l2", device: str | torch.device = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's nearest chosen one, ties to the one chosen first; a chosen one's is itself.

    Args: points: float32 N×D; chosen: int64 k, different positions.
    Returns: positions in ``chosen``, int64 N, and distances, float32 N.
    Raises: CurationError: none chosen, positions that are none or twice there, broken points.
    """
    values = on_device(points, metric=metric, device=device)
    chosen = _checked(chosen, values.size)
    if not len(chosen):
        raise CurationError("no points are chosen to which others could be assigned; choose at least one")
    at, apart = values.nearest(chosen)
    at[chosen], apart[chosen] = np.arange(len(chosen)), 0
    return at, apart


def coverage_curve(
    points: np.ndarray,
    chosen: np.ndarray,
    *,
    radius: float,
    metric: Metric = "l2",
    device: str | torch.device = "cpu",
) -> np.ndarray:
    """Return the share of points within a radius of the first 0, 1, … k chosen, float64 k + 1, rising.

    Raises: CurationError: a radius not above 0, positions that are none or twice there, broken points.
    """
    values, radius = on_device(points, metric=metric, device=device), checked_radius(radius)
    chosen = _checked(chosen, values.size)
    first = values.first_within(chosen, radius)
    counts = np.bincount(first, minlength=len(chosen) + 1)[: len(chosen)]
    return np.append(0, counts.cumsum()) / values.size


def within_radius_counts(
    points: np.ndarray,
    chosen: np.ndarray,
    *,
    radius: float,
    metric: Metric = "l2",
    device: str | torch.device = "cpu",
) -> np.ndarray:
    """Return how many points lie within a radius of each chosen one, itself included, float32 k.

    Raises: as ``coverage_curve``. Source: "points within r" of Cai, Cao & Liu, "An Empirical Study of Robust Deep
        Models".
    """
    values, radius = on_device(points, metric=metric, device=device), checked_radius(radius)
    reach = np.full(values.size, radius, np.float32)
    return values.gains(_checked(chosen, values.size), reach, counting=True).astype(np.float32)


def cluster_sizes(assigned: np.ndarray, count: int) -> np.ndarray:
    """Return how many points are assigned to each of ``count`` chosen ones, float32.

    Source: the weights of CRAIG (Mirzasoleiman, Bilmes & Leskovec 2020).
    """
    return np.bincount(assigned, minlength=count).astype(np.float32)


def label_agreement(
    labels: np.ndarray, clusters: np.ndarray, member_labels: np.ndarray, member_clusters: np.ndarray
) -> np.ndarray:
    """Return the share of a cluster's members that have a label, for each pair of label and cluster, float32 k.

    Args: labels, clusters: integers k, such as the chosen ones' labels and 0 … k − 1; member_labels, member_clusters:
        integers M, every point's label and what it is ``assign``\\ ed to.
    Returns: in [0, 1]; 0 for a cluster without members. Source: the same study, weights inside clusters.
    """
    classes = 1 + max((int(side.max()) for side in (labels, member_labels) if len(side)), default=0)
    count = 1 + max((int(side.max()) for side in (clusters, member_clusters) if len(side)), default=0)
    sizes = np.bincount(member_clusters, minlength=count)
    same = np.bincount(member_clusters * classes + member_labels, minlength=count * classes)
    return (same[clusters * classes + labels] / np.maximum(sizes[clusters], 1)).astype(np.float32)


def _checked(chosen: np.ndarray, size: int) -> np.ndarray:
    chosen = np.asarray(chosen, dtype=np.int64)
    if len(chosen) and not 0 <= chosen.min() <= chosen.max() < size:
        raise CurationError(f"chosen positions must be in [0, {size:,}), got {chosen.min():,} … {chosen.max():,}")
    if len(np.unique(chosen)) < len(chosen):
        raise CurationError("a position is chosen twice; give each once")
    return chosen
