"""Clusters of features."""

from __future__ import annotations

import numpy as np


def clusters(features: np.ndarray, *, count: int, seed: int) -> np.ndarray:
    """Group features by k-means, the largest cluster first.

    Args:
        features: float32 N×D.
        count: number of clusters; lowered to N for tiny sets. Mini-batches above 20,000 samples.
        seed: the same seed and features give the same clusters.

    Returns: int32 N in [0, count), ordered by falling size.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans  # imports for seconds, so only where it is used

    method = KMeans if len(features) <= 20_000 else MiniBatchKMeans
    found = method(n_clusters=min(count, len(features)), n_init=1, random_state=seed).fit_predict(features)
    sizes = np.bincount(found, minlength=min(count, len(features)))
    rank = np.empty(len(sizes), dtype=np.int32)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes), dtype=np.int32)
    return rank[found]
