"""Projection of features to two dimensions."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np

from curation.errors import CurationError

WIDE = 50
"""Features wider than this are reduced by PCA to this many dimensions before UMAP."""


def project(
    features: np.ndarray,
    *,
    method: Literal["pca", "umap"],
    seed: int,
    neighbors: int = 15,
    min_dist: float = 0.1,
) -> np.ndarray:
    """Project features to the plane.

    Args:
        features: float32 N×D.
        method: pca (milliseconds) or umap (McInnes, Healy & Melville 2018; PCA first when D > 50).
        seed: UMAP's; the same seed and features give the same map.
        neighbors: UMAP's n_neighbors; lowered to N − 1 for tiny sets.
        min_dist: UMAP's min_dist.

    Returns: float32 N×2.
    Raises: CurationError when features are not finite or there are fewer than 3.
    """
    features = np.asarray(features, dtype=np.float32)
    if len(features) < 3:
        raise CurationError(f"a map needs at least 3 samples, got {len(features)}")
    if not np.isfinite(features).all():
        raise CurationError("the goal model's features hold NaN or infinity; train it again with a lower learning rate")
    if method == "pca" or features.shape[1] > WIDE:
        from sklearn.decomposition import PCA  # imports for seconds, so only where it is used

        width = 2 if method == "pca" else min(WIDE, *features.shape)
        reduced = PCA(n_components=min(width, features.shape[1]), random_state=seed).fit_transform(features)
        features = reduced.astype(np.float32)
    if method == "pca":
        return features if features.shape[1] == 2 else np.column_stack([features, np.zeros(len(features), np.float32)])
    from umap import UMAP  # imports for ten seconds, so only where it is used

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_jobs value")
        init = "random" if len(features) < 10 else "spectral"
        umap = UMAP(n_neighbors=min(neighbors, len(features) - 1), min_dist=min_dist, random_state=seed, init=init)
        return np.asarray(umap.fit_transform(features), dtype=np.float32)
