"""Doubt from the labels of similar samples: near neighbors, and the rest of a cluster."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.label_errors.base import Evidence, LabelScore


def votes(evidence: Evidence) -> np.ndarray:
    """Return what share of its neighbors' say each sample has for every class, float32 N×K, rows sum to 1.

    A sample without neighbors is spoken for by its probabilities.
    """
    assert evidence.neighbors is not None
    count, classes = evidence.probabilities.shape
    weights = _weights(evidence)
    at = np.arange(count)[:, None] * classes + evidence.labels[evidence.neighbors]
    found = np.bincount(at.ravel(), weights=weights.ravel(), minlength=count * classes).reshape(count, classes)
    total = weights.sum(1, keepdims=True)
    return np.where(total > 0, found / np.where(total > 0, total, 1), evidence.probabilities).astype(np.float32)


def _weights(evidence: Evidence, rows: slice = slice(None)) -> np.ndarray:
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
        return 1 - votes(evidence)[np.arange(len(evidence.labels)), evidence.labels]


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
        assert evidence.neighbors is not None
        weights = _weights(evidence).astype(np.float64)
        total = weights.sum(1)
        found = (weights * evidence.probabilities[evidence.neighbors, evidence.labels[:, None]]).sum(1)
        own = evidence.probabilities[np.arange(len(evidence.labels)), evidence.labels]
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
        _, same = np.unique(np.stack([cluster, evidence.labels]), axis=1, return_inverse=True)
        size, agreeing = (np.bincount(groups)[groups] for groups in (cluster, same.ravel()))
        told = (evidence.clusters >= 0) & (size > 1)
        shares = (size - agreeing) / np.maximum(size - 1, 1)
        return np.where(told, shares, shares[told].mean() if told.any() else 0.0)
