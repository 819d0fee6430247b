"""Blocks of distances between queries and points: those that cannot matter are dropped, the rest are exact.

A block's squared distances come from ‖a‖² + ‖b‖² − 2ab in float32, lowered by the largest possible rounding error, so
that they are lower bounds. The few that matter are computed again from the differences: duplicates are then exactly 0
apart and the order is right. Where the bounds cannot tell (many points about as near as the last one kept) they say so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from curation.embedding.owners import Owners
from curation.errors import CurationError

Metric = Literal["l2", "cosine"]
"""l2: the Euclidean distance; cosine: 1 − cosine similarity, in [0, 2]; a vector of zeros is at 0 from other such
vectors and at 1 from all else."""

LARGEST = 1e18
"""No feature may be further from 0, so that squares are finite in float32."""

_BLOCK_VALUES = {"cpu": 1 << 24, "other": 1 << 28}
_GROUP = 6
_EXACT_SHARE = 64
"""Exact distances are made in blocks smaller by so much, which a processor's cache holds."""


class _Centered(NamedTuple):
    """What the bounds are made from: matrices that are centered, with norms of at most 1."""

    scale: float
    """What the bounds' distances are multiplied with."""
    right: Tensor
    """(D + 1)×N: the points, and the squares of their norms lowered by the error."""
    left: Tensor
    """M×(D + 1): −2 times the queries, and 1; left @ right is the bounds but for the queries' own norms."""
    squares: Tensor
    query_squares: Tensor
    error: float
    """Bound of the rounding errors of a squared distance, as a share of the sum of the two squared norms."""

    @classmethod
    def between(cls, ours: Tensor, asked: Tensor | None, device: torch.device) -> _Centered:
        """Put them on a device. Args: points and queries, None: the points, on the CPU."""
        mean = ours.mean(0)
        near = ours - mean
        far = near if asked is None else asked - mean
        scale = max(float(torch.linalg.vector_norm(side, dim=1, dtype=torch.float64).max()) for side in (near, far))
        scale = scale or 1.0
        near, far = (near / scale).to(device), (far / scale).to(device)
        error = 2 * (near.shape[1] + 16) * 2.0**-24
        squares = near.square().sum(1)
        return cls(
            scale=scale,
            right=torch.cat([near.T, squares[None] * (1 - error)]),
            left=torch.cat([-2 * far, torch.ones_like(far[:, :1])], dim=1),
            squares=squares,
            query_squares=far.square().sum(1),
            error=error,
        )


@dataclass(frozen=True)
class Distances:
    """Queries against points."""

    points: Tensor
    """float32 N×D; for cosine unit vectors, as are the queries."""
    queries: Tensor
    """float32 M×D."""
    owners: Owners
    metric: Metric
    center: Callable[[], _Centered]
    """Makes what the bounds are made from: another way to the nearest points needs none of it."""

    @classmethod
    def between(
        cls,
        points: np.ndarray,
        queries: np.ndarray | None,
        *,
        metric: Metric,
        owners: np.ndarray | None,
        query_owners: np.ndarray | None,
        device: str | torch.device,
    ) -> Distances:
        """Check the input (see ``nearest_neighbors``) and put it on the device; queries None: the points."""
        device = torch.device(device)
        ours = torch.from_numpy(checked(points, "points"))
        asked = ours if queries is None else torch.from_numpy(checked(queries, "queries"))
        if asked.shape[1] != ours.shape[1]:
            raise CurationError(
                f"the queries have {asked.shape[1]:,} features and the points {ours.shape[1]:,}; take both of one space"
            )
        if metric not in ("l2", "cosine"):
            raise CurationError(f"metric must be l2 or cosine, got {metric!r}")
        if queries is None:
            owners = query_owners = np.arange(len(ours)) if owners is None else owners
        pairs = Owners.of(owners, query_owners, len(ours), len(asked), device)
        if metric == "cosine":
            bare = not (ours.any(1).all() and asked.any(1).all())
            ours = _directions(ours, bare)
            asked = ours if queries is None else _directions(asked, bare)
        here = ours.to(device)
        return cls(
            points=here,
            queries=here if queries is None else asked.to(device),
            owners=pairs,
            metric=metric,
            center=partial(_Centered.between, ours, None if queries is None else asked, device),
        )

    @property
    def device(self) -> torch.device:
        """Where the work is done."""
        return self.points.device

    def together(self, keep: int) -> int:
        """Return how many queries make a block, where so many points of each are kept."""
        return max(1, self._block // (len(self.points) + 8 * keep))

    def nearest(self, rows: Tensor, count: int, keep: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return some queries' nearest points, looking closely at ``keep`` ≥ count of each.

        Returns: positions int64 and distances float32, as in ``Neighbors``; bool, which rows are certain.
        """
        bounds = self._bounds(rows)
        kept, columns = _smallest(bounds, keep)
        last = kept.amax(1)
        index, distance = self.ranked(rows, columns, kept.isinf(), count)
        if keep == len(self.points):
            return index, distance, torch.ones(len(rows), dtype=torch.bool, device=self.device)
        reached = self._squared(distance[:, -1]) - self._centered.query_squares[rows] * (1 - self._centered.error)
        return index, distance, (last > reached) | last.isinf()

    def within(self, rows: Tensor, radius: float) -> tuple[Tensor, Tensor]:
        """Return the pairs within a radius: positions in ``rows`` and of points, int64, by row and rising."""
        bounds = self._bounds(rows)
        bounds[torch.arange(len(rows), device=self.device), rows] = -math.inf
        limit, own = self._squared(torch.tensor(radius, device=self.device)), self._centered.query_squares[rows]
        at, columns = (bounds <= (limit - own * (1 - self._centered.error))[:, None]).nonzero(as_tuple=True)
        largest = bounds[at, columns] + own[at] + 2 * self._centered.error * (own[at] + self._centered.squares[columns])
        unclear = (largest > limit * (1 - 1e-5)).nonzero()[:, 0]
        inside = torch.ones_like(at, dtype=torch.bool)
        inside[unclear] = self._exact(rows[at[unclear]], columns[unclear]) <= radius
        return at[inside], columns[inside]

    def ranked(self, rows: Tensor, columns: Tensor, none: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Return the nearest of some points of each query, ``columns``, but for those that are ``none``."""
        columns, order = columns.sort(1)
        apart = self._exact(rows.repeat_interleave(columns.shape[1]), columns.flatten()).view_as(columns)
        apart[none.gather(1, order)] = math.inf
        distance, order = apart.sort(dim=1, stable=True)
        distance, index = distance[:, :count], columns.gather(1, order[:, :count])
        return index.masked_fill(distance.isinf(), -1), distance

    def _bounds(self, rows: Tensor) -> Tensor:
        """Return lower bounds of squared distances less the query's own part, rows×N; inf for points of its owner."""
        bounds = self._buffer[: len(rows) * len(self.points)].view(len(rows), -1)
        torch.mm(self._centered.left.index_select(0, rows), self._centered.right, out=bounds)
        bounds[self.owners.pairs(rows)] = math.inf
        return bounds

    def _squared(self, distance: Tensor) -> Tensor:
        """Return what squared distance of the bounds a distance may have been, at most."""
        squared = 2 * distance if self.metric == "cosine" else distance.square()
        return squared / self._centered.scale**2 * (1 + 1e-6)

    def _exact(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the distances of pairs, float32; the squares of the differences are summed in float64."""
        wide = torch.float32 if self.device.type == "mps" else torch.float64
        together = max(1, self._block // _EXACT_SHARE // self.points.shape[1])
        parts = [torch.empty(0, device=self.device)]
        for mine, theirs in zip(rows.split(together), columns.split(together), strict=True):
            change = (self.queries.index_select(0, mine) - self.points.index_select(0, theirs)).to(wide)
            squares = torch.linalg.vecdot(change, change)
            parts.append((squares / 2 if self.metric == "cosine" else squares.sqrt()).float())
        return torch.cat(parts)

    @cached_property
    def _centered(self) -> _Centered:
        return self.center()

    @cached_property
    def _buffer(self) -> Tensor:
        """All blocks are made in one place: memory mapped again for each would cost as much as the products."""
        return torch.empty(max(self._block, len(self.points)), device=self.device)

    @property
    def _block(self) -> int:
        return _BLOCK_VALUES.get(self.device.type, _BLOCK_VALUES["other"])


def checked(features: np.ndarray, name: str) -> np.ndarray:
    """Return features as float32. Raises: CurationError where they are not finite numbers, N×D, N and D above 0."""
    features = np.asarray(features)
    if features.ndim != 2 or features.dtype.kind not in "fiu":
        raise CurationError(f"{name} must be numbers in rows, N×D, got {features.dtype} of shape {features.shape}")
    if not features.size:
        raise CurationError(f"there are no {name}: {len(features):,} rows of {features.shape[1]:,} features")
    if not (features.max() <= LARGEST and features.min() >= -LARGEST):
        row = int((~(np.abs(features) <= LARGEST)).any(1).argmax())
        raise CurationError(
            f"row {row:,} of the {name} holds NaN, infinity or a number beyond {LARGEST:g}; leave it out, or train the "
            "model again with a lower learning rate"
        )
    return np.ascontiguousarray(features, dtype=np.float32)


def _directions(features: Tensor, bare: bool) -> Tensor:
    """Return unit vectors; ``bare``: with one more dimension, in which the vectors of zeros point."""
    norms = torch.linalg.vector_norm(features, dim=1, keepdim=True, dtype=torch.float64)
    unit = (features / norms.where(norms > 0, 1)).float()
    return torch.cat([unit, (norms == 0).float()], dim=1) if bare else unit


def _smallest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return each row's smallest values in any order, and their columns.

    They lie in the ``count`` groups of columns with the smallest minima, which are found the same way: minima cost far
    less than a selection.
    """
    width = values.shape[1]
    if count >= width:
        return values, torch.arange(width, device=values.device).expand_as(values)
    if width <= 2 * _GROUP * count:
        return values.topk(count, largest=False, sorted=False)
    groups = width // _GROUP
    rest = torch.arange(groups * _GROUP, width, device=values.device)
    _, best = _smallest(values[:, : groups * _GROUP].unflatten(1, (_GROUP, groups)).amin(1), count)
    members = best[:, None, :] + groups * torch.arange(_GROUP, device=values.device)[:, None]
    columns = torch.cat([members.flatten(1), rest.expand(len(values), -1)], dim=1)
    kept, at = values.gather(1, columns).topk(count, largest=False, sorted=False)
    return kept, columns.gather(1, at)
