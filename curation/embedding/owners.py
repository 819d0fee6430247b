"""Whose points are whose: a sample's own variants are no neighbors of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from curation.errors import CurationError


@dataclass(frozen=True)
class Owners:
    """Owners of points and of queries, int64; order: the points by owner. No points where nobody owns any."""

    points: Tensor
    queries: Tensor
    order: Tensor

    @classmethod
    def of(
        cls,
        owners: np.ndarray | None,
        query_owners: np.ndarray | None,
        points: int,
        queries: int,
        device: torch.device,
    ) -> Owners:
        """Raises: CurationError where only one is given, or the lengths are not those of points and queries."""
        if owners is None and query_owners is None:
            owners = np.empty(0, np.int64)
            query_owners = np.zeros(queries, np.int64)
        elif owners is None or query_owners is None:
            raise CurationError("owners and query_owners go together: give both or neither")
        elif (len(owners), len(query_owners)) != (points, queries):
            raise CurationError(
                f"there are owners of {len(owners):,} points and {len(query_owners):,} queries, but {points:,} points "
                f"and {queries:,} queries; give one owner each"
            )
        theirs, mine = (torch.from_numpy(np.asarray(side, np.int64)).to(device) for side in (owners, query_owners))
        return cls(theirs, mine, theirs.argsort(stable=True))

    def pairs(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pairs of one owner: positions in ``rows``, and of points."""
        mine, theirs = self.queries[rows], self.points[self.order]
        first = torch.searchsorted(theirs, mine)
        counts = torch.searchsorted(theirs, mine, right=True) - first
        start = (first - counts.cumsum(0) + counts).repeat_interleave(counts)
        at = torch.arange(len(rows), device=rows.device).repeat_interleave(counts)
        return at, self.order[start + torch.arange(len(start), device=rows.device)]

    @cached_property
    def most(self) -> int:
        """Return how many points the owner with the most of them has."""
        return int(self.points.unique(return_counts=True)[1].max()) if len(self.points) else 0
