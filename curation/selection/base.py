"""The contract of a selector: which of a group's candidates are preferred when there are more than needed."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from curation.plugin import Plugin
from curation.selection.family import Family
from curation.selection.order import first, least_of_each_sample

Within = Literal["boundary", "family"]
"""What a strategy chooses from: the candidates between offset and floor, or all of the family."""


class Ordering(Protocol):
    """What computes the order of a selector's choice while a selection is made."""

    def order(self, selector: Any, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Return uint32 N: the order of choice among the group's candidates."""


@dataclass(frozen=True)
class Group:
    """The candidates of one family, or of one class of it when classes are balanced, by rising candidate_id.

    family: theirs; positions: int64 N, rising positions in it; order: uint32 N, falls as hardness rises; bounded: a
    floor is set, so that the quota is drawn inside the band instead of from its top; one_per_sample: choose at most one
    candidate of a sample; given: int64, rising positions in the family of what was included by hand; coverage_run:
    computes a coverage strategy's order, None: it was computed before.
    """

    family: Family
    positions: np.ndarray
    order: np.ndarray
    bounded: bool = False
    one_per_sample: bool = False
    given: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    coverage_run: Ordering | None = None

    @property
    def rows(self) -> np.ndarray:
        """Positions in the pool, int64 N."""
        return self.family.pool_rows[self.positions]

    @cached_property
    def candidate_ids(self) -> np.ndarray:
        """Rising, int64 N."""
        return self.family.candidate_ids[self.positions]


class Selector(Plugin):
    """One way to fill a quota. A member writes ``prefer``; ``__call__`` chooses the most preferred."""

    family = "selector"
    within: ClassVar[Within] = "boundary"
    """What it chooses from where the recipe does not say."""

    follows: ClassVar[str | None] = None
    """A stage, and the column of the pool with the order it computes, uint32: ``NEVER`` for what is not chosen."""

    takes_hardest: ClassVar[bool] = False
    """In a band without a floor it takes the hardest, so that the others need not be known."""

    by_coverage: ClassVar[bool] = False
    """It chooses by how well the chosen cover the others; see ``selection.coverage``."""

    def __call__(self, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Choose candidates; the result depends on the group as a set, on ``need`` and on ``seed`` alone.

        Returns: int64, at most ``need`` different rising positions in the group; fewer only where there are no more.
        """
        if need <= 0:
            return np.empty(0, dtype=np.int64)
        preference = self.prefer(group, need, seed=seed)
        if not group.one_per_sample:
            return np.flatnonzero(first(preference, need))
        # Most often so many of the most preferred are of enough samples; otherwise all are looked at.
        some = np.flatnonzero(first(preference, 4 * need))
        leaders = some[least_of_each_sample(preference[some], group.candidate_ids[some])]
        if len(leaders) < need and len(some) < len(preference):
            leaders = least_of_each_sample(preference, group.candidate_ids)
        return leaders[first(preference[leaders], need)]

    @abstractmethod
    def prefer(self, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Return uint32 N: smaller values are chosen first; ties are broken by candidate_id.

        A greedy member may stop ordering after ``need`` candidates (all, when ``one_per_sample``).
        """
