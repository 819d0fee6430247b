"""Points checked and put where their distances are computed: compiled loops on a CPU, matrix products elsewhere."""

from __future__ import annotations

import numpy as np
import torch

from curation.coverage.points import Points
from curation.embedding.distances import Metric, checked
from curation.errors import CurationError


def on_device(points: np.ndarray, *, metric: Metric, device: str | torch.device) -> Points:
    """Check points, float32 N×D, and put them on a device.

    Raises: CurationError: values that are not finite, no points, an unknown metric.
    """
    values = checked(points, "points")
    if metric not in ("l2", "cosine"):
        raise CurationError(f"metric must be l2 or cosine, got {metric!r}")
    if metric == "cosine":
        values = _directions(values)
    if torch.device(device).type != "cpu":
        return Points(values, metric=metric, device=device)
    from curation.coverage.compiled import CompiledPoints  # compiles; a machine with a GPU can do without

    return CompiledPoints(values, metric=metric, device=device)


def _directions(values: np.ndarray) -> np.ndarray:
    """Return unit vectors; where there are vectors of zeros, with one more dimension, in which those point."""
    norms = np.linalg.norm(values.astype(np.float64), axis=1, keepdims=True)
    unit = (values / np.where(norms > 0, norms, 1)).astype(np.float32)
    return unit if norms.all() else np.column_stack([unit, norms == 0]).astype(np.float32)
