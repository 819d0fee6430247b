"""Doubt from the labels of similar samples: near neighbors, and the rest of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from curation.label_errors.base import Evidence, LabelScore

_VALUES = 2**24
"""Probabilities of neighbors that are looked at together."""


def votes(evidence: Evidence, rows: slice = slice(None)) -> np.ndarray:
    """Return what share of their neighbors' say some samples have for every class, float32 M×K, rows sum to 1.

    A sample without neighbors is spoken for by its probabilities.
    """
    assert evidence.neighbors is not None
    own = evidence.probabilities[rows]
    count, classes = own.shape
    weights = _weights(evidence, rows)
    at = np.arange(count)[:, None] * classes + evidence.labels[evidence.neighbors[rows]]
    found = np.bincount(at.ravel(), weights=weights.ravel(), minlength=count * classes).reshape(count, classes)
    total = weights.sum(1, keepdims=True)
    return np.where(total > 0, found / np.where(total > 0, total, 1), own).astype(np.float32)


def blocks(evidence: Evidence) -> Iterator[slice]:
    """Yield the samples in parts of which all probabilities of all neighbors are held at once."""
    width = 1 if evidence.neighbors is None else evidence.neighbors.shape[1]
    together = max(1, _VALUES // (width * evidence.probabilities.shape[1]))
    for at in range(0, len(evidence.labels), together):
        yield slice(at, at + together)


def _weights(evidence: Evidence, rows: slice) -> np.ndarray:
    """Return the say of each neighbor of some samples, float32 M×k, 0 where there is none.

    Where distances are known, a neighbor at distance d has the say exp(−(d / r)²), r being the farthest one's.
    """
    assert evidence.neighbors is not None
    there = evidence.neighbors[rows] >= 0
    weights = there.astype(np.float32)
    if evidence.distances is not None:
        distances = np.where(there, evidence.distances[rows], 0)
        farthest = distances.max(1, keepdims=True)
        weights *= np.exp(-((distances / np.where(farthest > 0, farthest, 1)) ** 2))
    return weights


def neighbors_probabilities(evidence: Evidence, rows: slice) -> np.ndarray:
    """Return the mean probabilities of the neighbors of some samples, nearer ones counting more, float64 M×K.

    A sample without neighbors has its own.
    """
    assert evidence.neighbors is not None
    weights = _weights(evidence, rows).astype(np.float64)
    total = weights.sum(1, keepdims=True)
    found = np.einsum("nk,nkc->nc", weights, evidence.probabilities[evidence.neighbors[rows]])
    return np.where(total > 0, found / np.where(total > 0, total, 1), evidence.probabilities[rows])


class NeighborDisagreement(LabelScore):
    """Share of the nearest neighbors, nearer ones counting more, that have another label: 0 … 1.

    Source: Bahri, Jiang & Gupta 2020, "Deep k-NN for Noisy Labels", section 3.
    """

    name: ClassVar[str] = "neighbor_disagreement"
    title: ClassVar[str] = "Neighbors' disagreement"
    uses: ClassVar[tuple[str, ...]] = ("neighbors",)

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return the share of the votes for other classes."""
        labels = evidence.labels
        agreeing = [np.take_along_axis(votes(evidence, rows), labels[rows, None], 1)[:, 0] for rows in blocks(evidence)]
        return 1 - np.concatenate(agreeing)


class NeighborConfidence(LabelScore):
    """1 − the mean probability of the given label among the nearest neighbors, nearer ones counting more: 0 … 1.

    What networks say of similar samples, whatever labels these were given: where labels are often wrong in the same
    way, it holds when the neighbors' labels do not. A sample without neighbors has its own probability.
    """

    name: ClassVar[str] = "neighbor_confidence"
    title: ClassVar[str] = "Neighbors' confidence"
    uses: ClassVar[tuple[str, ...]] = ("neighbors",)

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return the probability of all other classes together, over the neighbors."""
        return np.concatenate([self._of(evidence, rows) for rows in blocks(evidence)])

    def _of(self, evidence: Evidence, rows: slice) -> np.ndarray:
        assert evidence.neighbors is not None
        labels = evidence.labels[rows, None]
        weights = _weights(evidence, rows).astype(np.float64)
        total = weights.sum(1)
        found = (weights * evidence.probabilities[evidence.neighbors[rows], labels]).sum(1)
        own = np.take_along_axis(evidence.probabilities[rows], labels, 1)[:, 0]
        return 1 - np.where(total > 0, found / np.where(total > 0, total, 1), own)


class ClusterDisagreement(LabelScore):
    """Share of the other members of its cluster that have another label: 0 … 1.

    A sample in no cluster, or alone in one, gets the mean of all others.
    """

    name: ClassVar[str] = "cluster_disagreement"
    title: ClassVar[str] = "Cluster's disagreement"
    uses: ClassVar[tuple[str, ...]] = ("clusters",)

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return the share of others in the cluster with another label."""
        assert evidence.clusters is not None
        _, cluster = np.unique(evidence.clusters, return_inverse=True)
        pairs = cluster * (int(evidence.labels.max()) + 1) + evidence.labels
        _, same = np.unique(pairs, return_inverse=True)
        size, agreeing = (np.bincount(groups)[groups] for groups in (cluster, same))
        told = (evidence.clusters >= 0) & (size > 1)
        shares = (size - agreeing) / np.maximum(size - 1, 1)
        return np.where(told, shares, shares[told].mean() if told.any() else 0.0)
