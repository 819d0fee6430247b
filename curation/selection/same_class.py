"""Nearest neighbors of the same class, by cosine similarity, among any number of candidates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Read = Callable[[np.ndarray], np.ndarray]
"""From rows, int64 M, to an array with M rows."""

BLOCK_ROWS = 8192
"""Candidates whose features are held at once."""


def nearest_of_same_class(
    rows: np.ndarray,
    labels: np.ndarray,
    *,
    query_rows: np.ndarray,
    query_labels: np.ndarray,
    need: int,
    features: Read,
    device: torch.device,
) -> np.ndarray:
    """Return ``need`` candidates that are nearest neighbors of some query: all first ones, then all second ones, ….

    Args: rows, query_rows: int64 N and M, as ``features`` takes them; labels, query_labels: integers in [0, K).
    Returns: int64, different positions in ``rows``; of neighbors of one rank the most similar first; fewer than
        ``need`` only where the queries' classes have no more candidates.
    """
    if not (need and len(rows) and len(query_rows)):
        return np.empty(0, dtype=np.int64)
    count, most = 2 * math.ceil(need / len(query_rows)), int(np.bincount(labels).max())
    while True:  # neighbors of several queries count once: look further until they suffice
        found = [
            _of_one_class(np.flatnonzero(labels == label), rows, query_rows[query_labels == label], count, features,
                          device)
            for label in np.unique(query_labels)
        ]  # fmt: skip
        at, rank, similarity = (np.concatenate(parts) for parts in zip(*found, strict=True))
        at = at[np.lexsort((at, -similarity, rank))]
        at = at[np.sort(np.unique(at, return_index=True)[1])]
        if len(at) >= need or count >= most:
            return at[:need]
        count *= 4


def _of_one_class(
    mine: np.ndarray, rows: np.ndarray, query_rows: np.ndarray, count: int, features: Read, device: torch.device
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each query's nearest of some candidates: positions int64, ranks int64 from 0, similarities float32."""
    queries = _directions(features(query_rows), device)
    best = torch.empty(len(queries), 0, device=device)
    where = torch.empty(len(queries), 0, dtype=torch.int64, device=device)
    for start in range(0, len(mine), BLOCK_ROWS):
        block = mine[start : start + BLOCK_ROWS]
        similarity = torch.cat([best, queries @ _directions(features(rows[block]), device).T], dim=1)
        at = torch.from_numpy(block).to(device).expand(len(queries), -1)
        best, top = similarity.topk(min(count, similarity.shape[1]), dim=1)
        where = torch.cat([where, at], dim=1).gather(1, top)
    ranks = np.tile(np.arange(best.shape[1]), len(queries))
    return where.cpu().numpy().ravel(), ranks, best.cpu().numpy().ravel()


def _directions(features: np.ndarray, device: torch.device) -> Tensor:
    """Return float32 M×D of length 1: the product of two is their cosine similarity."""
    return F.normalize(torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32)).to(device), dim=1)
