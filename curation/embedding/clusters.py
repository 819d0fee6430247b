"""Clusters of features: k-means, HDBSCAN, and a table that says what is in each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from curation.embedding.distances import checked
from curation.errors import CurationError

NOISE = -1
"""The cluster of those that are in none."""

MOST_DENSE = 100_000
"""HDBSCAN takes at most so many points: its time grows with their square (50,000: 11 s of one core)."""


FEW = 20_000
"""Up to so many points scikit-learn's k-means is quick enough to need no word on how far it is."""

ROUNDS = 25
SETTLED = 1e-4
"""Rounds of k-means end where the sum of squared distances falls by less than this share."""


def clusters(
    features: np.ndarray, *, count: int, seed: int, on_progress: Callable[[int, int], object] = lambda done, total: None
) -> np.ndarray:
    """Group features by k-means, the largest cluster first.

    Args:
        features: float32 N×D.
        count: number of clusters; lowered to N for tiny sets. Above ``FEW`` points FAISS finds them, from points drawn
            as first centers and in at most ``ROUNDS`` rounds; below, scikit-learn does, from k-means++.
        seed: the same seed and features give the same clusters.
        on_progress: told of the rounds that are done and of ``ROUNDS``; below ``FEW`` points not called.

    Returns: int32 N in [0, count), ordered by falling size.
    Raises: CurationError: features that are not finite, a count below 1, FAISS is not installed where it is needed.
    Source: Lloyd 1982; Arthur & Vassilvitskii 2007 for k-means++; ``faiss.Kmeans``.
    """
    features = checked(features, "features")
    if count < 1:
        raise CurationError(f"the number of clusters must be at least 1, got {count}")
    count = min(count, len(features))
    if len(features) > FEW:
        return _largest_first(_by_rounds(features, count, seed, on_progress))
    from sklearn.cluster import KMeans  # imports for seconds, so only where it is used

    return _largest_first(KMeans(n_clusters=count, n_init=1, random_state=seed).fit_predict(features))


def _by_rounds(features: np.ndarray, count: int, seed: int, on_progress: Callable[[int, int], object]) -> np.ndarray:
    """Return each point's cluster after rounds that are told one by one, until the sum of squares falls no more."""
    try:
        import faiss
    except ImportError as error:
        raise CurationError(f"k-means of more than {FEW:,} points needs FAISS; install faiss-cpu") from error

    centers, before = None, np.inf
    for done in range(ROUNDS):
        on_progress(done, ROUNDS)
        rounds = faiss.Kmeans(features.shape[1], count, niter=1, seed=seed, min_points_per_centroid=1)
        rounds.train(features, init_centroids=centers)
        centers, now = rounds.centroids, float(np.asarray(rounds.obj)[-1])
        if now > before * (1 - SETTLED):
            break
        before = now
    found = rounds.index.search(features, 1)[1][:, 0]
    on_progress(ROUNDS, ROUNDS)
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def dense_clusters(points: np.ndarray, *, smallest: int = 50) -> np.ndarray:
    """Group points where they lie dense, the largest cluster first (HDBSCAN).

    Meant for the plane of a map: in the 64 and more dimensions of features everything is about as far apart, and most
    would be in no cluster.

    Args:
        points: float32 N×D, e.g. the map's x and y.
        smallest: a cluster has at least so many points.

    Returns: int32 N, ordered by falling size; ``NOISE`` for points that are in none.
    Raises: CurationError: points that are not finite, more than ``MOST_DENSE``, ``smallest`` not in [2, N].
    Source: Campello, Moulavi & Sander 2013, "Density-based clustering based on hierarchical density estimates".
    """
    from sklearn.cluster import HDBSCAN  # imports for seconds, so only where it is used

    points = checked(points, "points")
    if len(points) > MOST_DENSE:
        raise CurationError(f"HDBSCAN takes at most {MOST_DENSE:,} points, got {len(points):,}; take k-means")
    if not 2 <= smallest <= len(points):
        raise CurationError(
            f"the smallest cluster must have 2 to {len(points):,} points, as many as there are; got {smallest:,}"
        )
    return _largest_first(HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(points))


def cluster_table(
    clusters: np.ndarray, *, labels: np.ndarray, entropy: np.ndarray, features: np.ndarray, shown: int = 5
) -> pd.DataFrame:
    """Say what is in each cluster.

    Args:
        clusters: integers N; ``NOISE`` has the last row.
        labels: int64 N.
        entropy: float32 N, in nats.
        features: float32 N×D, to tell which samples are in the middle.
        shown: how many of these.

    Returns: cluster, size (int64), purity (float64, share of the commonest label), label (int64, that label; of equally
        common ones the lowest), entropy (float64, mean), rows (list of int: up to ``shown`` positions of samples, the
        nearest to the cluster's mean first).
    Raises: CurationError: lengths that differ, features that are not finite.
    """
    clusters, labels, entropy = np.asarray(clusters), np.asarray(labels), np.asarray(entropy, dtype=np.float64)
    features = checked(features, "features")
    lengths = [len(values) for values in (clusters, labels, entropy, features)]
    if len(set(lengths)) > 1:
        raise CurationError(
            "a table of clusters needs a cluster, a label, an entropy and features of each sample, got "
            f"{', '.join(f'{length:,}' for length in lengths)}"
        )
    names, of, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    order = np.argsort(of, kind="stable")
    starts = sizes.cumsum() - sizes
    centers = np.add.reduceat(features[order], starts, axis=0, dtype=np.float64) / sizes[:, None]
    apart = np.linalg.norm(features - centers[of], axis=1)
    middle = np.split(np.lexsort((apart, of)), starts[1:])
    pairs, together = np.unique(np.stack([of, labels]), axis=1, return_counts=True)
    commonest = pairs[:, np.lexsort((pairs[1], -together, pairs[0]))]
    _, first = np.unique(commonest[0], return_index=True)
    most = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(most, pairs[0], together)
    table = pd.DataFrame(
        {
            "cluster": names.astype(np.int64),
            "size": sizes,
            "purity": most / sizes,
            "label": commonest[1, first].astype(np.int64),
            "entropy": np.bincount(of, weights=entropy) / sizes,
            "rows": [rows[:shown].tolist() for rows in middle],
        }
    )
    noise = table["cluster"] == NOISE
    return pd.concat([table[~noise], table[noise]], ignore_index=True)


def _largest_first(found: np.ndarray) -> np.ndarray:
    """Return clusters renumbered by falling size; ``NOISE`` stays."""
    sizes = np.bincount(found[found >= 0])
    rank = np.empty(len(sizes) + 1, dtype=np.int32)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes), dtype=np.int32)
    rank[-1] = NOISE
    return rank[found]
