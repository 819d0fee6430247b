"""Which images may be near some others: their points on the grid in a tree of boxes, the many far ones passed over.

The grid's numbers are turned so that the first few hold most of what images differ in. Every part of them is at most as
far apart as the whole, so a box or a point that is too far by the first few is too far: nothing is missed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch

from curation.duplicates import sieve_kernels
from curation.sampling import subset

LEAF = 64
"""So many points lie in a leaf."""

HEAD = 16
"""So many of a point's first numbers are in boxes and leaves."""

FOUND = 1 << 21
"""So many pairs are found at once by each thread, or as many as there are points."""

_AT_ONCE = 1 << 14
_SPREAD_OF = 20_000
_PROBED = 1000


class Turn(NamedTuple):
    """center: float32 D; basis: float32 D×D, orthonormal columns, those along which points differ most first."""

    center: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> Turn:
        """Return the turn of float32 N×D, by the spread of some of them."""
        some = points[subset(np.arange(len(points)), _SPREAD_OF)].astype(np.float64)
        center = some.mean(0)
        _, basis = np.linalg.eigh((some - center).T @ (some - center))
        return cls(center.astype(np.float32), np.ascontiguousarray(basis[:, ::-1], dtype=np.float32))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Turn points, float32 N×D, in place and return them, made up to ``HEAD`` numbers by zeros."""
        for start in range(0, len(points), _AT_ONCE):
            part = points[start : start + _AT_ONCE]
            part[:] = (part - self.center) @ self.basis
        missing = max(0, HEAD - points.shape[1])
        return np.pad(points, ((0, 0), (0, missing))) if missing else points


def unclear(points: np.ndarray, bound: float) -> float:
    """Return what share of pairs is within a bound, a squared distance, by the first numbers; measured on some."""
    some = torch.from_numpy(points[subset(np.arange(len(points)), _PROBED), :HEAD])
    return float((torch.cdist(some, some).square() <= bound).float().mean()) - 1 / len(some)


class Sieve:
    """Some of the points, in a tree."""

    def __init__(self, points: np.ndarray, rows: np.ndarray, bound: float) -> None:
        """Args: points: float32 N×D, turned; rows: int64 M, those in the tree; bound: of the squared distance."""
        self._points, self._bound, self.size = points, np.float32(bound), len(rows)
        head = points[rows, :HEAD]
        order = np.array(rows)
        low: list[np.ndarray] = []
        high: list[np.ndarray] = []
        skip: list[int] = []
        leaves: list[int] = []
        starts: list[int] = []
        waiting = [(0, len(rows), -1)]
        while waiting:
            start, stop, above = waiting.pop()
            if above >= 0:  # all below that node are there: who passes it over goes on behind them
                skip[above] = len(low)
                continue
            part = head[start:stop]
            low.append(part.min(0))
            high.append(part.max(0))
            skip.append(-1)
            waiting.append((start, stop, len(low) - 1))
            if stop - start <= LEAF:
                leaves.append(len(starts))
                starts.append(start)
                continue
            leaves.append(-1)
            middle = max(1, -(-(stop - start) // LEAF) // 2) * LEAF
            apart = np.argpartition(part[:, part.var(0).argmax()], middle)
            head[start:stop], order[start:stop] = part[apart], order[start:stop][apart]
            waiting += [(start + middle, stop, -1), (start, start + middle, -1)]
        self._nodes = np.array(low), np.array(high), np.array(skip), np.array(leaves)
        self._lanes, self._rows = _leaves(head, order, np.array([*starts, len(rows)]))

    def __call__(self, queries: np.ndarray, after: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        """Return which points, later than each query, may be near it.

        Args: queries: float32 M×D, turned; after: int64 M, of each the row behind which those that count lie.
        Returns: how many queries are answered, at least the first; positions of queries, int64 P, rising, and rows,
            int64 P, rising for each.
        """
        threads = min(torch.get_num_threads(), len(queries))
        room = max(FOUND, self.size)

        def work(part: slice) -> tuple[int, np.ndarray, np.ndarray]:
            at, rows = np.empty(room, np.int32), np.empty(room, np.int32)
            done, found = sieve_kernels.search(
                queries[part], after[part], *self._nodes, self._lanes, self._rows, self._points, self._bound, at, rows
            )
            return done, at[:found].astype(np.int64) + part.start, rows[:found].astype(np.int64)

        length = -(-len(queries) // threads)
        parts = [slice(start, min(start + length, len(queries))) for start in range(0, len(queries), length)]
        done, found = 0, []
        with ThreadPoolExecutor(threads) as pool:
            for part, (answered, at, rows) in zip(parts, pool.map(work, parts), strict=True):
                if done == part.start:  # else one before it found too many: both are asked again
                    done += answered
                    found.append((at, rows))
        at, rows = (np.concatenate(side) for side in zip(*found, strict=True))
        order = np.lexsort((rows, at))
        return done, at[order], rows[order]


def _leaves(head: np.ndarray, rows: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return leaves, float32 L×HEAD×LEAF, and the rows in them, int64 L×LEAF, −1 where there is none."""
    sizes = np.diff(starts)
    at = np.repeat(np.arange(len(sizes)), sizes), np.arange(len(rows)) - np.repeat(starts[:-1], sizes)
    lanes, of = np.zeros((len(sizes), HEAD, LEAF), np.float32), np.full((len(sizes), LEAF), -1)
    lanes[at[0], :, at[1]], of[at] = head, rows
    return lanes, of
