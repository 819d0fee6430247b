"""Points, and the distances between them: computed block by block when they are asked for, never all kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from curation.embedding.distances import Metric

_BLOCK_VALUES = {"cpu": 1 << 22, "other": 1 << 28}
_PAIR_VALUES = 1 << 24


@dataclass(frozen=True)
class Graph:
    """For each candidate the points that it may serve: start, stop: int64 N, its part of ``index`` (int32, positions of
    points, rising) and ``distance`` (float32)."""

    start: np.ndarray
    stop: np.ndarray
    index: np.ndarray
    distance: np.ndarray


class Points:
    """Points on a device. Distances are within a few roundings of float32; of duplicates they are exactly 0."""

    def __init__(self, values: np.ndarray, *, metric: Metric, device: str | torch.device) -> None:
        """Args: values: float32 N×D, for cosine unit vectors."""
        self._describe(values, metric, device)
        self._values = torch.from_numpy(values).to(self.device)
        self._values = self._values - self._values.mean(0)
        self._squares = self._values.square().sum(1)

    def _describe(self, values: np.ndarray, metric: Metric, device: str | torch.device) -> None:
        self.values = values
        self.size = len(values)
        self.cosine = metric == "cosine"
        self.device = torch.device(device)

    def from_mean(self) -> np.ndarray:
        """Return each point's Euclidean distance to the mean of all, float32 N."""
        return np.linalg.norm(self.values - self.values.mean(0, dtype=np.float64), axis=1).astype(np.float32)

    @property
    def together(self) -> int:
        """How many candidates' distances to all points make a block."""
        return max(1, _BLOCK_VALUES.get(self.device.type, _BLOCK_VALUES["other"]) // self.size)

    def blocks(self, candidates: np.ndarray) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield some of the candidates, int64 B, and their distances to all points, float32 B×N on the device."""
        for first in range(0, len(candidates), self.together):
            some = candidates[first : first + self.together]
            yield some, self.block(some)

    def block(self, candidates: np.ndarray) -> Tensor:
        """Return the distances of candidates, int64 B, to all points, float32 B×N."""
        at = torch.from_numpy(candidates).to(self.device)
        norms = self._squares[at, None] + self._squares
        squares = torch.addmm(norms, self._values[at], self._values.T, alpha=-2).clamp_(min=0)
        # The small difference of large numbers says little: such pairs are computed again.
        near, there = (squares < 1e-3 * norms).nonzero(as_tuple=True)
        most = max(1, _PAIR_VALUES // self._values.shape[1])
        for mine, theirs in zip(near.split(most), there.split(most), strict=True):
            squares[mine, theirs] = (self._values[at[mine]] - self._values[theirs]).square().sum(1)
        return squares.div_(2) if self.cosine else squares.sqrt_()

    def totals(self, told: Callable[[], object]) -> tuple[np.ndarray, float]:
        """Return every point's summed distance to all, float64 N, and the largest distance of two."""
        sums, most = [], 0.0
        for _, apart in self.blocks(np.arange(self.size)):
            wide = torch.float32 if self.device.type == "mps" else torch.float64
            sums.append(apart.sum(1, dtype=wide).cpu().numpy())
            most = max(most, float(apart.max()))
            told()
        return np.concatenate(sums), most

    def gains(self, candidates: np.ndarray, reach: np.ndarray, *, counting: bool) -> np.ndarray:
        """Return what each candidate would add, float64: Σ max(0, reach − distance); counting: points within reach."""
        far = torch.from_numpy(reach).to(self.device)
        wide = torch.float32 if self.device.type == "mps" else torch.float64
        added = [
            ((apart <= far).sum(1) if counting else (far.to(wide) - apart).clamp_(min=0).sum(1)).cpu()
            for _, apart in self.blocks(candidates)
        ]
        return torch.cat(added).double().numpy() if added else np.empty(0)

    def graph(
        self, candidates: np.ndarray, reach: np.ndarray, *, counting: bool, most: int, told: Callable[[], object]
    ) -> Graph | None:
        """Return which points lie within reach of each candidate; None where they are more than ``most`` pairs.

        Within reach is nearer than it or, counting, at most as far.
        """
        far = torch.from_numpy(reach).to(self.device)
        counts = np.zeros(self.size, np.int64)
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        pairs = 0
        for some, apart in self.blocks(candidates):
            inside = apart <= far if counting else apart < far
            counts[some] = inside.sum(1).cpu().numpy()
            pairs += int(counts[some].sum())
            if pairs > most:
                return None
            parts.append((inside.nonzero()[:, 1].int().cpu().numpy(), apart[inside].cpu().numpy()))
            told()
        index, distance = (np.concatenate(side) for side in zip(*parts, strict=True))
        stop = np.zeros(self.size, np.int64)
        stop[candidates] = counts[candidates].cumsum()
        return Graph(stop - counts, stop, index, distance)

    def nearest(self, chosen: np.ndarray, *, of: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return each point's nearest of some: its position among them, int64 N, and the distance, float32 N.

        Args: of: positions of the points, int64 M, whose nearest are wanted; None: all.
        """
        mine = slice(None) if of is None else torch.from_numpy(of).to(self.device)
        size = self.size if of is None else len(of)
        distance = torch.full((size,), torch.inf, device=self.device)
        index = torch.zeros(size, dtype=torch.int64, device=self.device)
        before = 0
        for some, apart in self.blocks(chosen):
            least, at = apart[:, mine].min(0)
            nearer = least < distance
            index[nearer] = at[nearer] + before
            distance = torch.minimum(distance, least)
            before += len(some)
        return index.cpu().numpy(), distance.cpu().numpy()

    def first_within(self, chosen: np.ndarray, radius: float) -> np.ndarray:
        """Return which of some is the first with each point within a radius, int64 N; their number where none is."""
        first = torch.full((self.size,), len(chosen), device=self.device)
        before = 0
        for some, apart in self.blocks(chosen):
            inside = apart <= radius
            found = inside.any(0) & (first == len(chosen))
            first[found] = inside.byte().argmax(0)[found] + before
            before += len(some)
        return first.cpu().numpy()

    def lower(self, position: int, apart: np.ndarray) -> None:
        """Lower distances, float32 N, where a point is nearer."""
        np.minimum(apart, self.block(np.array([position]))[0].cpu().numpy(), out=apart)
