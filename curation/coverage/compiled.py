"""Points on a CPU: compiled loops on all threads take the place of matrix products."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from curation.coverage import kernels
from curation.coverage.points import Graph, Points
from curation.embedding.distances import Metric

_TOGETHER = 64
_LEAST_STRETCH = 1 << 14


class CompiledPoints(Points):
    """Distances from exact differences, the same to the last bit in whatever block; see ``Points``."""

    def __init__(self, values: np.ndarray, *, metric: Metric, device: str | torch.device) -> None:
        self._describe(values, metric, device)
        height, width = (up(of, to) for of, to in zip(values.shape, (kernels.ROWS, kernels.WIDTH), strict=True))
        self._padded = np.zeros((height, width), np.float32)
        self._padded[: self.size, : values.shape[1]] = values

    def block(self, candidates: np.ndarray) -> Tensor:
        """Return the distances of candidates to all points, float32 B×N; see ``Points.block``."""
        out = np.empty((len(candidates), self.size), np.float32)

        def work(lanes: np.ndarray, part: slice) -> None:
            kernels.block(self._padded, lanes, self.cosine, out[part])

        self._each(candidates, _TOGETHER, work)
        return torch.from_numpy(out)

    def nearest(self, chosen: np.ndarray, *, of: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return each point's nearest of the chosen, int64 N, and its distance, float32 N; see ``Points.nearest``."""
        points = self._padded if of is None else self._values_of(of, kernels.ROWS)
        size = self.size if of is None else len(of)
        distance, index = np.full(len(points), np.inf, np.float32), np.zeros(len(points), np.int64)
        lanes = self._values_of(chosen, kernels.LANES)

        def work(part: slice) -> None:
            kernels.nearest(points[part], lanes, len(chosen), self.cosine, index[part], distance[part])

        self._shared(work, _stretches(len(points)))
        return index[:size], distance[:size]

    def first_within(self, chosen: np.ndarray, radius: float) -> np.ndarray:
        """Return for each point the first chosen one within the radius, int64; see ``Points.first_within``."""
        first = np.full(len(self._padded), len(chosen))
        lanes = self._values_of(chosen, kernels.LANES)

        def work(part: slice) -> None:
            kernels.first_within(self._padded[part], lanes, len(chosen), self.cosine, np.float32(radius), first[part])

        self._shared(work, _stretches(len(self._padded)))
        return first[: self.size]

    def lower(self, position: int, apart: np.ndarray) -> None:
        """Lower ``apart``, float32 N, in place to the distance from one more point; see ``Points.lower``."""
        lane = self._padded[position]

        def work(part: slice) -> None:
            kernels.lower(self._padded[part], lane, self.cosine, apart[part])

        self._shared(work, _stretches(len(self._padded), least=_LEAST_STRETCH))

    def totals(self, told: Callable[[], object]) -> tuple[np.ndarray, float]:
        """Return each point's summed distances, float64 N, and the largest distance; see ``Points.totals``."""
        sums, most = np.empty(self.size), np.zeros(self.size)

        def work(lanes: np.ndarray, part: slice) -> None:
            out = np.empty(len(lanes))
            most[part] = kernels.totals(self._padded, self.size, lanes, self.cosine, out)
            sums[part] = out[: len(sums[part])]

        self._each(np.arange(self.size), _TOGETHER, work, told)
        return sums, float(most.max())

    def gains(self, candidates: np.ndarray, reach: np.ndarray, *, counting: bool) -> np.ndarray:
        """Return what each candidate would add, float64; see ``Points.gains``."""
        far, added = self._reach(reach), np.empty(len(candidates))

        def work(lanes: np.ndarray, part: slice) -> None:
            out = np.empty(len(lanes))
            kernels.gains(self._padded, far, lanes, self.cosine, counting, out)
            added[part] = out[: len(added[part])]

        self._each(candidates, _TOGETHER, work)
        return added

    def graph(
        self, candidates: np.ndarray, reach: np.ndarray, *, counting: bool, most: int, told: Callable[[], object]
    ) -> Graph | None:
        """Return the pairs within reach, or None where they are more than ``most``; see ``Points.graph``."""
        far, counts, start = self._reach(reach), np.zeros(self.size, np.int64), np.zeros(self.size, np.int64)
        index, distance = np.empty(most, np.int32), np.empty(most, np.float32)
        filled, lock = 0, threading.Lock()

        def work(lanes: np.ndarray, part: slice) -> None:
            nonlocal filled
            some = candidates[part]
            inside, apart = np.empty((len(lanes), self.size), np.int32), np.empty((len(lanes), self.size), np.float32)
            found = np.zeros(len(lanes), np.int64)
            if filled <= most:
                kernels.columns(self._padded, far, lanes, self.cosine, counting, inside, apart, found)
            counts[some] = found[: len(some)]
            with lock:
                first, filled = filled, filled + int(counts[some].sum())
            if filled > most:
                return
            for row, position in enumerate(some):
                start[position], last = first, first + counts[position]
                index[first:last], distance[first:last] = inside[row, : found[row]], apart[row, : found[row]]
                first = last

        self._each(candidates, _TOGETHER, work, told)
        return None if filled > most else Graph(start, start + counts, index, distance)

    def _reach(self, reach: np.ndarray) -> np.ndarray:
        padded = np.full(len(self._padded), -1, np.float32)
        padded[: self.size] = reach
        return padded

    def _each(
        self,
        candidates: np.ndarray,
        together: int,
        work: Callable[[np.ndarray, slice], None],
        told: Callable[[], object] = lambda: None,
    ) -> None:
        """Share candidates out among threads: ``work`` gets the lanes of some, and which."""
        together = min(together, -(-len(candidates) // torch.get_num_threads()))
        parts = [slice(first, first + together) for first in range(0, len(candidates), together)]
        self._shared(lambda part: work(self._values_of(candidates[part], kernels.LANES), part), parts, told)

    def _values_of(self, positions: np.ndarray, step: int) -> np.ndarray:
        """Return the values of some points, made up to a multiple of ``step`` by the last one."""
        more = up(len(positions), step) - len(positions)
        return self._padded[np.append(positions, np.repeat(positions[-1:], more))]

    def _shared(
        self, work: Callable[[slice], None], parts: list[slice], told: Callable[[], object] = lambda: None
    ) -> None:
        threads = min(torch.get_num_threads(), len(parts))
        if threads < 2:
            for part in parts:
                work(part)
                told()
            return
        with ThreadPoolExecutor(threads) as pool:
            try:
                for _ in pool.map(work, parts):
                    told()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _stretches(size: int, *, least: int = 1) -> list[slice]:
    """Return parts of so many points, whole tiles: one a thread, or fewer where they are short."""
    length = up(max(least, -(-size // torch.get_num_threads())), kernels.ROWS)
    return [slice(first, first + length) for first in range(0, size, length)]


def up(number: int, step: int) -> int:
    """Return the next multiple of ``step``, at least one."""
    return max(1, -(-number // step)) * step
