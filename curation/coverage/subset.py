"""What a choice of points covers, and the checks that every way of choosing shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curation.errors import CurationError

OnProgress = Callable[[int, int], object]
"""Is told how far the choice is: steps done, of how many, mostly points chosen; may raise to stop."""


@dataclass(frozen=True)
class Subset:
    """Points chosen to stand for all.

    chosen: int64 k, positions, in the order of choice, without those given; gains: float64 k, what each added to the
    value; value: of the objective at the end, see each function; share: of what all points together would reach, in
    [0, 1]; guarantee: for people, in one line; radius: the largest distance of any point to its nearest chosen or given
    one; seconds: what it took; note: a warning for people, or nothing.
    """

    chosen: np.ndarray
    gains: np.ndarray
    value: float
    share: float
    guarantee: str
    radius: float
    seconds: float
    note: str = ""


class Choice:
    """Who may still be chosen: not those given, and of each owner one."""

    def __init__(self, size: int, *, given: np.ndarray | None, owners: np.ndarray | None) -> None:
        """Args: given: positions chosen by hand; owners: integers N.

        Raises: CurationError: positions that are none, owners of another number of points.
        """
        self.given = np.unique(np.asarray([] if given is None else given, np.int64))
        if len(self.given) and not 0 <= self.given[0] <= self.given[-1] < size:
            wrong = self.given[0] if self.given[0] < 0 else self.given[-1]
            raise CurationError(f"given positions must be in [0, {size:,}), got {wrong:,}; there are {size:,} points")
        if owners is not None and np.shape(owners) != (size,):
            raise CurationError(f"there are owners of {len(owners):,} points, but {size:,} points; give one owner each")
        self.owned = owners is not None
        self.owner = np.arange(size) if owners is None else np.unique(owners, return_inverse=True)[1]
        self.members = np.argsort(self.owner, kind="stable")
        self.begins = np.append(0, np.bincount(self.owner).cumsum())
        self.may = ~np.isin(self.owner, self.owner[self.given])

    @property
    def most(self) -> int:
        """How many can be chosen at most."""
        return len(np.unique(self.owner[self.may]))

    def check(self, count: int) -> None:
        """Raises: CurationError unless 1 ≤ count ≤ most."""
        if count < 1:
            raise CurationError(f"the number of points to choose must be at least 1, got {count}")
        if count > self.most:
            which = [f"{len(self.owner):,} points"]
            if len(self.given):
                which.append(f"{len(self.given):,} of them chosen by hand")
            if self.owned:
                which.append("at most one of each owner")
            raise CurationError(
                f"{count:,} points are to be chosen, but of {', '.join(which)} there are only {self.most:,} to choose "
                "from; choose fewer or offer more"
            )

    def shut(self, position: int) -> None:
        """Rule out a chosen one and all of its owner."""
        self.may[self.members[self.begins[self.owner[position]] : self.begins[self.owner[position] + 1]]] = False

    def guarantee(self, free: str) -> str:
        """Return the words of a guarantee of greedy choice, or those of the weaker one with owners."""
        if self.owned:
            return "at least half of the best possible value with one of each owner (Fisher, Nemhauser & Wolsey 1978)"
        return free
