"""The inner loop of the sieve: one query after the other down the tree. It runs without Python's lock."""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.compilation import compiled

_STEP = 16


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _beyond(query: np.ndarray, low: np.ndarray, high: np.ndarray, bound: float) -> Any:
    """Say whether a box is farther than the bound."""
    total = np.float32(0)
    for d in range(len(low)):
        out = max(max(low[d] - query[d], query[d] - high[d]), np.float32(0))
        total += out * out
    return total > bound


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _of_leaf(query: np.ndarray, lanes: np.ndarray, out: np.ndarray) -> None:
    """Write the squared distances of a leaf's points by their first numbers."""
    out[:] = 0
    for d in range(len(lanes)):
        for lane in range(len(out)):
            out[lane] += (lanes[d, lane] - query[d]) * (lanes[d, lane] - query[d])


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _part(a: np.ndarray, b: np.ndarray) -> Any:
    """Return the squared distance of two parts, float32."""
    total = np.float32(0)
    for d in range(len(a)):
        total += (a[d] - b[d]) * (a[d] - b[d])
    return total


@compiled()
def search(
    queries: np.ndarray,
    after: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    skip: np.ndarray,
    leaves: np.ndarray,
    lanes: np.ndarray,
    rows: np.ndarray,
    points: np.ndarray,
    bound: float,
    at: np.ndarray,
    near: np.ndarray,
) -> tuple[int, int]:
    """Write the pairs of query and point within the bound, a squared distance, the point's row behind ``after``.

    Returns: how many queries are answered, and how many pairs that is: the next query's would not have fitted.
    """
    found, apart = 0, np.empty(lanes.shape[2], np.float32)
    head = lanes.shape[1]
    for q in range(len(queries)):
        query, begun, node = queries[q], found, 0
        while node < len(skip):
            if _beyond(query[:head], low[node], high[node], bound):
                node = skip[node]
                continue
            leaf = leaves[node]
            node += 1
            if leaf < 0:
                continue
            _of_leaf(query[:head], lanes[leaf], apart)
            for lane in range(len(apart)):
                row = rows[leaf, lane]
                if apart[lane] > bound or row <= after[q]:
                    continue
                total, first = apart[lane], head
                while first < len(query) and total <= bound:
                    total += _part(query[first : first + _STEP], points[row, first : first + _STEP])
                    first += _STEP
                if total > bound:
                    continue
                if found == len(at):
                    return q, begun
                at[found], near[found] = q, row
                found += 1
    return len(queries), found
