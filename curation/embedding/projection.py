"""Projection of features to two dimensions, and where further points land on a projection that is there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch

from curation.embedding.distances import checked
from curation.embedding.neighbors import OnProgress, nearest_neighbors
from curation.errors import CurationError
from curation.threads import torch_threads

Method = Literal["pca", "umap"]

WIDE = 50
"""Features wider than this are reduced by PCA to this many dimensions before UMAP."""

LANDMARKS = 200_000
"""Above so many points UMAP lays out as many of them, drawn at random, and the others are placed onto these."""

_TOGETHER = 100_000
"""Points placed onto the landmarks at once."""

EPOCHS = 100
"""Of moving a new point; UMAP's own transform takes 30 for more than 10,000 points."""

_NEAR = 1e-3
"""A neighborhood is at least this share of the mean distance of its points wide."""


def project(
    features: np.ndarray,
    *,
    method: Method,
    seed: int,
    neighbors: int = 15,
    min_dist: float = 0.1,
    landmarks: int = LANDMARKS,
    device: str | torch.device = "cpu",
    on_progress: OnProgress = lambda done, total: None,
) -> np.ndarray:
    """Project features to the plane.

    UMAP's time and memory grow too fast for millions of points, which need few of them to be laid out: of more than
    ``landmarks``, as many are drawn by the seed and projected alone, and each of the others is placed onto them.

    Args:
        features: float32 N×D.
        method: pca (milliseconds) or umap (McInnes, Healy & Melville 2018; PCA first when D > 50).
        seed: UMAP's; the same seed and features give the same map.
        neighbors: UMAP's n_neighbors; lowered to N − 1 for tiny sets.
        min_dist: UMAP's min_dist.
        landmarks: points that UMAP lays out, at most; at least 3. PCA takes all.
        device: where the others look for their nearest landmarks.

    Returns: float32 N×2.
    Raises: CurationError when features are not finite or there are fewer than 3.
    """
    features = _features(features, "features", 3)
    if method == "umap" and len(features) > landmarks:
        drawn = np.zeros(len(features), dtype=bool)
        drawn[np.random.default_rng(seed).choice(len(features), landmarks, replace=False)] = True
        reference, plane = features[drawn], np.empty((len(features), 2), dtype=np.float32)
        plane[drawn] = project(
            reference, method="umap", seed=seed, neighbors=neighbors, min_dist=min_dist, landmarks=landmarks
        )
        others = np.flatnonzero(~drawn)
        for at in range(0, len(others), _TOGETHER):
            on_progress(landmarks + at, len(features))
            some = others[at : at + _TOGETHER]
            plane[some] = project_onto(
                features[some],
                reference=reference,
                plane=plane[drawn],
                method="umap",
                seed=seed,
                neighbors=neighbors,
                min_dist=min_dist,
                device=device,
            )
        return plane
    reduced = _reduction(features, method=method, seed=seed)(features)
    if method == "pca":
        return reduced
    from umap import UMAP  # imports for ten seconds, so only where it is used

    with torch_threads(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_jobs value")
        init = "random" if len(reduced) < 10 else "spectral"
        umap = UMAP(n_neighbors=min(neighbors, len(reduced) - 1), min_dist=min_dist, random_state=seed, init=init)
        return np.asarray(umap.fit_transform(reduced), dtype=np.float32)


def project_onto(
    points: np.ndarray,
    *,
    reference: np.ndarray,
    plane: np.ndarray,
    method: Method,
    seed: int,
    neighbors: int = 15,
    min_dist: float = 0.1,
    device: str | torch.device = "cpu",
) -> np.ndarray:
    """Return where points land on the projection of a reference, each by itself.

    For UMAP they land where the fitted model's transform would bring them, but that needs no kept model, its neighbors
    are exact, and what it sets by a batch (epochs, the largest weight, the mean distance) is fixed, so that a point
    lands at the same position whatever it is projected with. A point of the reference lands near its own position.

    Args:
        points: float32 M×D, e.g. of corrupted images.
        reference: float32 N×D, what was projected.
        plane: float32 N×2, where ``project`` put it, with the same method, seed, neighbors and min_dist.
        device: where neighbors are looked for.

    Returns: float32 M×2.
    Raises: CurationError: values that are not finite, widths or lengths that do not fit.
    Source: ``umap.UMAP.transform`` of umap-learn 0.5.
    """
    reference = _features(reference, "features of the reference", 3)
    plane = checked(plane, "positions of the reference")
    if plane.shape != (len(reference), 2):
        raise CurationError(
            f"a position x, y is needed of each of the {len(reference):,} points of the reference, got {plane.shape}"
        )
    if not len(points):
        return np.empty((0, 2), dtype=np.float32)
    points = _features(points, "features of the points", 1)
    if points.shape[1] != reference.shape[1]:
        raise CurationError(
            f"the points have {points.shape[1]:,} features and the reference {reference.shape[1]:,}; take both of one "
            "model"
        )
    reduce = _reduction(reference, method=method, seed=seed)
    if method == "pca":
        return reduce(points)
    count = min(neighbors, len(reference) - 1)
    near = nearest_neighbors(reduce(reference), queries=reduce(points), count=count, device=device)
    weights = _memberships(near.distance)
    start = (weights / weights.sum(1, keepdims=True))[:, None] @ plane[near.index]
    start = np.where(near.distance[:, :1] > 0, start[:, 0], plane[near.index[:, 0]]).astype(np.float32)
    return _moved(start, plane, near.index, weights, min_dist=min_dist, seed=seed)


def _features(features: np.ndarray, name: str, least: int) -> np.ndarray:
    features = np.asarray(features)
    if len(features) < least:
        raise CurationError(f"a map needs at least {least} samples, got {len(features)}")
    return checked(features, name)


def _reduction(reference: np.ndarray, *, method: Method, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function to the reference's first principal components: 2 for pca, up to ``WIDE`` for umap."""
    if method == "umap" and reference.shape[1] <= WIDE:
        return lambda features: features
    from sklearn.decomposition import PCA  # imports for seconds, so only where it is used

    width = 2 if method == "pca" else WIDE
    pca = PCA(n_components=min(width, *reference.shape), random_state=seed).fit(reference)
    axes = np.zeros((reference.shape[1], max(2, pca.n_components_)))
    axes[:, : pca.n_components_] = pca.components_.T
    return lambda features: ((features - pca.mean_.astype(np.float64)) @ axes).astype(np.float32)


def _memberships(distance: np.ndarray) -> np.ndarray:
    """Return how strongly points belong to their neighbors: exp(−d/σ), but for the first of them log₂ k in sum.

    Source: ``umap.umap_.smooth_knn_dist`` with local connectivity 0 and ``compute_membership_strengths``.
    """
    distance = distance.astype(np.float64)
    target = np.log2(max(distance.shape[1], 2))
    high = distance.max(1, keepdims=True) * 1e6
    low = np.zeros_like(high)
    for _ in range(64):
        middle = (low + high) / 2
        above = np.exp(-distance[:, 1:] / middle).sum(1, keepdims=True) > target
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    width = np.maximum(high, _NEAR * distance.mean(1, keepdims=True))
    return np.exp(-distance / np.where(width > 0, width, 1))


def _moved(
    start: np.ndarray, plane: np.ndarray, index: np.ndarray, weights: np.ndarray, *, min_dist: float, seed: int
) -> np.ndarray:
    """Move points by UMAP's gradient descent, drawn to their neighbors and away from others, which stay."""
    from umap.layouts import optimize_layout_euclidean  # imports for ten seconds, so only where it is used
    from umap.umap_ import find_ab_params

    a, b = find_ab_params(1.0, min_dist)
    heads, which = (weights >= 1 / EPOCHS).nonzero()
    state = np.random.default_rng(seed).integers(-(2**31) + 1, 2**31 - 1, 3)
    with torch_threads():
        moved = optimize_layout_euclidean(
            start,
            plane.copy(),
            heads.astype(np.int32),
            index[heads, which].astype(np.int32),
            EPOCHS,
            len(plane),
            1 / weights[heads, which],
            a,
            b,
            state,
            initial_alpha=0.25,
        )
    return np.asarray(moved, dtype=np.float32)
