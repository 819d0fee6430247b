"""Greedy choice of what adds most: first from the points themselves, then on a graph of what still matters.

A candidate only ever helps points that are further from all chosen ones than from it. Once some are chosen these pairs
are few; then they are found in one pass over all distances, kept, and the rest is chosen on that graph. Both parts
give the same numbers, so where the change happens is a matter of memory alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from curation.coverage.points import Graph, Points
from curation.coverage.subset import Choice, OnProgress
from curation.randomness import SampleRandom, stream_seeds
from curation.sampling import subset

GRAPH_PAIRS = 1 << 26
"""At most so many pairs are kept: 0.5 GB."""

_FIRST_BATCH = 128
_MOST_BATCH = 4096
_SAMPLED = 256
_SAMPLED_PAIRS = 1 << 24
_MARGIN = 1.25
_REPORTS = 20


class Greedy:
    """What is chosen so far, and how far it reaches.

    reach: float32 N. A candidate adds Σ max(0, reach − distance), and then lowers the reach of what it serves to that
    distance. Counting, it adds the points within reach, and lowers their reach to −1.
    """

    def __init__(
        self,
        points: Points,
        choice: Choice,
        reach: np.ndarray,
        *,
        count: int,
        counting: bool,
        on_progress: OnProgress,
        graph: Graph | None = None,
    ) -> None:
        """Args: graph: all pairs that matter, where they are known."""
        self._points, self._choice, self._counting, self._graph = points, choice, counting, graph
        self.reach = reach
        self._chosen, self._gains = np.empty(count, np.int64), np.empty(count)
        self._done, self._count = 0, count
        self._limit = GRAPH_PAIRS / _MARGIN
        self._sample: tuple[np.ndarray, Tensor] | None = None
        self._told = lambda: on_progress(self._done, count)
        open_ = np.flatnonzero(choice.may)
        self._slot = np.full(len(reach), -1)
        self._slot[open_] = np.arange(len(open_))
        self._open = np.append(np.resize(open_, len(reach)), len(open_))
        self.bounds = np.full(len(reach), math.inf)
        """What each would add at most, float64 N."""

    @property
    def chosen(self) -> np.ndarray:
        """In the order of choice."""
        return self._chosen[: self._done]

    @property
    def gains(self) -> np.ndarray:
        """What each added, float64."""
        return self._gains[: self._done]

    def lazy(self) -> None:
        """Choose those that add most, ties by position; counting, stop when nothing is left to add.

        Source: Minoux 1978, "Accelerated greedy algorithms for maximizing submodular set functions".
        """
        from curation.coverage import graph_kernels  # compiles

        while self._done < self._count and self._find_graph() is None:
            best, at = self._best()
            if at < 0 or (self._counting and best == 0):
                return
            self.take(at, best)
        self._on_graph(graph_kernels.lazy, self.bounds)

    def stochastic(self, *, epsilon: float, seed: int) -> None:
        """Choose each time the best of N/k · ln(1/ε) open candidates drawn at random.

        Source: Mirzasoleiman et al. 2015, "Lazier than lazy greedy" (draws with replacement).
        """
        from curation.coverage import graph_kernels  # compiles

        size = min(len(self.reach), math.ceil(len(self.reach) / self._count * math.log(1 / epsilon)))
        seeds = stream_seeds(seed, np.arange(self._count), "stochastic greedy")
        draws = SampleRandom(seeds).uniform(size).double().numpy()
        while self._done < self._count and self._find_graph() is None:
            some = np.unique(self._open[(draws[self._done] * self._open[-1]).astype(np.int64)])
            gains = self._evaluated(some)
            best = int(gains.argmax())
            self.take(int(some[best]), float(gains[best]))
        self._on_graph(graph_kernels.stochastic, draws)

    def take(self, position: int, gain: float) -> None:
        """Choose one."""
        from curation.coverage import graph_kernels  # compiles

        apart = self._points.block(np.array([position]))[0].cpu().numpy()
        if self._counting:
            self.reach[apart <= self.reach] = -1
        else:
            np.minimum(self.reach, apart, out=self.reach)
        choice = self._choice
        graph_kernels.shut(position, choice.owner, choice.members, choice.begins, self._slot, self._open)
        self._chosen[self._done], self._gains[self._done] = position, gain
        self._done += 1
        self._told()

    def _evaluated(self, candidates: np.ndarray) -> np.ndarray:
        return self._points.gains(candidates, self.reach, counting=self._counting)

    def _best(self) -> tuple[float, int]:
        """Return what the best open candidate adds, and which it is: only those are computed that could be it."""
        stale = np.where(self._slot >= 0, self.bounds, -math.inf)
        best, at, together = -math.inf, -1, _FIRST_BATCH
        while True:
            could = np.flatnonzero((stale > best) | ((stale == best) & (np.arange(len(stale)) < at)))
            if not len(could):
                return best, at
            if len(could) > together:
                could = np.sort(could[np.argpartition(-stale[could], together - 1)[:together]])
            self.bounds[could] = gains = self._evaluated(could)
            stale[could] = -math.inf
            top = int(gains.argmax())
            if gains[top] > best or (gains[top] == best and could[top] < at):
                best, at = float(gains[top]), int(could[top])
            together = min(2 * together, _MOST_BATCH)
            self._told()

    def _find_graph(self) -> Graph | None:
        """Return the graph once it is small enough to be kept."""
        if self._graph is None and self._expected() <= self._limit:
            candidates = np.sort(self._open[: self._open[-1]])
            self._graph = self._points.graph(
                candidates, self.reach, counting=self._counting, most=GRAPH_PAIRS, told=self._told
            )
            if self._graph is None:
                self._limit /= 2
        return self._graph

    def _expected(self) -> float:
        """Return about how many pairs still matter: as many of all points as of some."""
        size = len(self.reach)
        if size * size <= self._limit:
            return size * size
        if self._sample is None:
            some = subset(np.arange(size), max(1, min(_SAMPLED, _SAMPLED_PAIRS // size)))
            self._sample = some, self._points.block(some)
        some, apart = self._sample
        far = torch.from_numpy(self.reach[some]).to(apart.device)
        return float((apart <= far[:, None]).sum()) * size / len(some)

    def _on_graph(self, choose: Callable[..., int], what: np.ndarray) -> None:
        graph, choice = self._graph, self._choice
        if graph is None:
            return
        step = max(1, self._count // _REPORTS)
        while self._done < self._count:
            until = min(self._done + step, self._count)
            self._done = choose(
                graph.start,
                graph.stop,
                graph.index,
                graph.distance,
                self.reach,
                self._counting,
                choice.owner,
                choice.members,
                choice.begins,
                self._slot,
                self._open,
                what,
                self._chosen,
                self._gains,
                self._done,
                until,
            )
            self._told()
            if self._done < until:
                return
