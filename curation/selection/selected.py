"""What a selection gives: the chosen rows, what each family contributed, and what fell short."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from curation.errors import CurationError, some_of


@dataclass(frozen=True)
class Shortage:
    """A family that cannot fill its quota. label: the class that lacks most, None when classes are not balanced;
    needed, available: images, of that class or of the family; fits_offset: the offset that passes over the most and
    leaves enough, None: none does; fits_budget: the largest budget with which no family is short, None: none;
    offers: recipe fields to set instead, as (dotted field, value, words)."""

    family: str
    label: int | None
    needed: int
    available: int
    fits_offset: float | None
    fits_budget: int | None
    sentence: str
    offers: list[tuple[str, Any, str]] = field(default_factory=list)


@dataclass(frozen=True)
class FamilySummary:
    """candidates: those that ranks count; passed_over: those harder than the offset; available: how many could be
    taken from the band, forced ones included; upper, lower: hardness of the hardest candidate in the band and of the
    easiest one reached (in the band, where there is a floor), None without a band; class_counts: chosen, by class;
    repeated: those that are no candidates because they repeat the picture of another sample; without_candidates:
    classes that have none and thus no part of a quota that is balanced by class."""

    quota: int
    chosen: int
    candidates: int
    passed_over: int
    available: int
    upper: float | None
    lower: float | None
    class_counts: list[int]
    repeated: int = 0
    without_candidates: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Selected:
    """pool_rows: int64 N, positions in the pool, by family and then by candidate_id; candidate_ids: int64 N; labels:
    int64 N with the relabeling applied; families: by name, in order."""

    pool_rows: np.ndarray
    candidate_ids: np.ndarray
    labels: np.ndarray
    families: Mapping[str, FamilySummary]
    shortages: list[Shortage]

    @property
    def quotas(self) -> dict[str, int]:
        """Each family's quota; they sum to the budget."""
        return {name: family.quota for name, family in self.families.items()}

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return ``families`` as plain data."""
        return {name: asdict(family) for name, family in self.families.items()}

    def unbalanced(self, classes: Sequence[str]) -> list[str]:
        """Return a sentence for each family that is balanced by class and has classes without candidates.

        Args: classes: the names of all K.
        """
        said = []
        for name, family in self.families.items():
            lacking = [classes[label] for label in family.without_candidates]
            if lacking:
                who = f"{len(lacking)} classes have" if len(lacking) > 1 else f"the class {lacking[0]} has"
                which = f" ({some_of(lacking)})" if len(lacking) > 1 else ""
                said.append(
                    f"{name}: {who} no candidates{which}; the quota is divided equally among the "
                    f"{len(classes) - len(lacking)} classes that have some"
                )
        return said

    def require(self) -> None:
        """Raises: CurationError with the first shortage's sentence when there are fewer images than the budget."""
        if self.shortages:
            rest = [shortage.family for shortage in self.shortages[1:]]
            more = f" (also short: {', '.join(rest)})" if rest else ""
            raise CurationError(self.shortages[0].sentence + more)


def difference(before: Selected, after: Selected) -> tuple[np.ndarray, np.ndarray]:
    """Return what changes from one selection to another.

    Returns: int64 rows, in the pool of ``after``, of the candidates that enter, and, in the pool of ``before``, of
        those that leave; candidates are told apart by candidate_id, so that the pools may differ.
    """
    # The last bit says whose it is; both lists are a few rising runs, which a merging sort joins in one pass.
    both = np.sort(np.concatenate([before.candidate_ids * 2, after.candidate_ids * 2 + 1]), kind="stable")
    pair = both[1:] ^ both[:-1] == 1
    alone = np.ones(len(both), dtype=bool)
    alone[1:] &= ~pair
    alone[:-1] &= ~pair
    only = both[alone]
    enter, leave = only[only % 2 == 1] // 2, only[only % 2 == 0] // 2
    return _rows_of(after, enter), _rows_of(before, leave)


def _rows_of(selected: Selected, candidate_ids: np.ndarray) -> np.ndarray:
    """Return the rows of some of the chosen candidates, in the selection's order."""
    rows, start = [], 0
    for family in selected.families.values():
        known = selected.candidate_ids[start : start + family.chosen]
        at = np.searchsorted(known, candidate_ids)
        inside = at < len(known)
        at = at[inside]
        rows.append(selected.pool_rows[start + at[known[at] == candidate_ids[inside]]])
        start += family.chosen
    return np.concatenate(rows)


def shortage_of(
    family: str,
    *,
    short: list[tuple[int | None, int, int]],
    any_at_all: bool,
    fits_offset: float | None,
    fits_budget: int | None,
    offsets: Mapping[str, float | None],
    floor: float | None,
    by_score: bool,
    repeated: int = 0,
) -> Shortage:
    """Return a family's shortage with its sentence.

    Args:
        short: (label or None, needed, available) of every group that is short.
        any_at_all: the family has candidates.
        offsets: every family's offset now; floor: this family's.
        repeated: candidates that do not count because they repeat the picture of another sample.
    """
    label, needed, there = max(short, key=lambda group: group[1] - group[2])
    offers: list[tuple[str, Any, str]] = []
    ways = []
    if fits_offset is not None:
        value = math.ceil(fits_offset * 1e4) / 1e4 if by_score else math.floor(fits_offset * 1e4) / 1e4
        words = f"{value:g}" if by_score else f"{value:.4g} ({value:.2%})"
        ways.append(f"{'raise' if by_score else 'lower'} its offset to {words}")
        offers.append(("selection.offset", {**offsets, family: value}, f"Offset of {family} to {words}"))
    if fits_budget is not None and any_at_all:
        ways.append(f"lower the budget to {fits_budget:,}")
        offers.append(("selection.budget", fits_budget, f"Budget to {fits_budget:,}"))
    if floor is not None and any_at_all:
        ways.append("move its floor")
    if repeated:
        ways.append(f"count the {repeated:,} that repeat others as well (selection.duplicates: all)")
        offers.append(("selection.duplicates", "all", "Count repeated images"))
    if not ways:
        ways.append("add variants of it or remove it from the mix")
    others = len(short) - 1
    more = f" and {others} more class{'es' if others > 1 else ''}" if others else ""
    who = family if label is None else f"{family}, class {label}{more}"
    sentence = f"{who}: {needed:,} wanted, {there:,} available, {needed - there:,} short; {' or '.join(ways)}"
    return Shortage(family, label, needed, there, fits_offset, fits_budget, sentence, offers)
