"""Radii worth trying."""

from __future__ import annotations

import numpy as np
import torch

from curation.coverage.on_device import on_device
from curation.embedding.distances import Metric
from curation.sampling import subset

_PROBES = 500


def suggest_radius(
    points: np.ndarray, *, metric: Metric = "l2", device: str | torch.device = "cpu"
) -> tuple[float, float, float]:
    """Return the radii at which a ball holds, of half of the points, one other, 1 % and half of all points.

    Below the first a ball is hardly more than its center; beyond the last one a few hold everything. Of up to 500
    points, drawn by a hash of their positions, all distances are measured.

    Raises: CurationError: broken points.
    """
    values = on_device(points, metric=metric, device=device)
    probes = subset(np.arange(values.size), _PROBES)
    apart = np.sort(np.concatenate([some.cpu().numpy() for _, some in values.blocks(probes)]), axis=1)
    ranks = np.array([1, values.size // 100, values.size // 2]).clip(min(1, values.size - 1), values.size - 1)
    low, middle, high = np.median(apart[:, ranks], axis=0).tolist()
    return low, middle, high
