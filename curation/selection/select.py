"""The whole selection: a pure function of pool, settings and seed, fast enough to follow a slider."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from curation.errors import UsageError
from curation.selection.band import between, candidates, edges, widest_offset
from curation.selection.base import Group, Selector
from curation.selection.coverage_run import CoverageRun
from curation.selection.edits import find, gone, relabeled, without
from curation.selection.family import NEVER, Family, family_of
from curation.selection.mix import class_parts, quotas
from curation.selection.order import hardness_at, keys, positions, sample_starts
from curation.selection.pool import CODE_BITS, FAMILIES
from curation.selection.selected import FamilySummary, Selected, Shortage, difference, shortage_of
from curation.selection.settings import Selection

__all__ = ["FamilySummary", "Selected", "Shortage", "difference", "select"]

_FILL_ORDER = ("clean", "adversarial", "corruption")
"""With one image a sample, those with fewest to choose from come first: a sample has far more corrupted copies."""


def select(
    pool: pd.DataFrame, settings: Selection, *, seed: int, classes: int, coverage_run: CoverageRun | None = None
) -> Selected:
    """Choose the curated set.

    Args:
        pool: all candidates, rows in any order (see ``selection.pool``).
        settings: the recipe's ``selection`` block.
        seed: the recipe's seed, for what is drawn at random.
        classes: K; labels are in [0, K).
        coverage_run: computes a coverage strategy; None: its order is in the pool.

    Returns: the chosen rows; where a family has too few candidates, all it has, and a ``Shortage`` that says so.
    Raises: UsageError for edits that name what is not in the pool, or more of a family than its quota; CurationError
        for a pool with scores that are not numbers, labels out of range, a missing column or a candidate twice.
    """
    selectors = {name: settings.selector_of(name) for name in FAMILIES}
    follows = {name: None if it.by_coverage and coverage_run else it.follows for name, it in selectors.items()}
    families = {name: family_of(pool, name, settings.score, follows=follows[name]) for name in FAMILIES}
    families = relabeled(families, settings.edits, classes=classes)
    forced = find(families, settings.edits.include, where="edits.include")
    excluded = without(families, settings)
    taken = [families[name].candidate_ids[forced[name]] >> CODE_BITS for name in FAMILIES]
    filled = {}
    for name, quota in sorted(quotas(settings.mix, settings.budget).items(), key=lambda it: _FILL_ORDER.index(it[0])):
        family = families[name]
        if len(forced[name]) > quota:
            raise UsageError(
                f"edits.include holds {len(forced[name]):,} {name} candidates but their quota is {quota:,}; remove "
                "some, or raise the budget or the family's part of the mix"
            )
        fill = Fill(family, quota, settings, selectors[name], forced[name], seed, classes, coverage_run)
        fill.repeated = len(excluded[name]) - len(gone(family, settings))
        fill.run(*candidates(family, settings, excluded[name]), taken)
        filled[name] = fill
        taken.append(family.candidate_ids[fill.chosen] >> CODE_BITS)
    fills = [filled[name] for name in FAMILIES]
    return Selected(
        pool_rows=np.concatenate([fill.family.pool_rows[fill.chosen] for fill in fills]),
        candidate_ids=np.concatenate([fill.family.candidate_ids[fill.chosen] for fill in fills]),
        labels=np.concatenate([fill.family.labels[fill.chosen] for fill in fills]).astype(np.int64),
        families={fill.family.name: fill.summary() for fill in fills},
        shortages=shortages_of(fills, settings),
    )


_FEW = 16
"""So many classes are told apart faster by looking for one after the other than by sorting."""


@dataclass
class Fill:
    """The filling of one family's quota, group by group: all of it, or class by class."""

    family: Family
    quota: int
    settings: Selection
    selector: Selector
    forced: np.ndarray
    seed: int
    classes: int
    coverage_run: CoverageRun | None = None
    candidates: int = 0
    passed_over: int = 0
    repeated: int = 0
    hardest: int = 2**32 - 1
    easiest: int = -1
    """As ``hardest_first`` has them: the band's first, and the last one reached."""
    among: np.ndarray = field(default_factory=lambda: np.ones(0, bool))
    """bool K: the classes that have candidates; all, where none has."""
    chosen: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    available: list[int] = field(default_factory=list)
    fitting: list[float | None] = field(default_factory=list)
    """Of each group that is short: the offset with which it would not be."""

    @property
    def balanced(self) -> bool:
        return self.settings.class_balance.of(self.family.name)

    @property
    def one_per_sample(self) -> bool:
        return self.settings.variants_per_sample == "one"

    def parts(self, quota: int) -> np.ndarray:
        """Return how many images of a quota go to each group, int64."""
        if not self.balanced:
            return np.array([quota])
        return class_parts(quota, np.bincount(self.family.labels[self.forced], minlength=self.classes), self.among)

    def run(self, at: np.ndarray, order: np.ndarray, taken: list[np.ndarray]) -> None:
        """Choose among candidates (see ``candidates``); ``taken`` are the samples that have an image in the set."""
        self.candidates = len(at)
        if self.balanced:
            counts = np.bincount(self._labels(at), minlength=self.classes)
            there = counts + np.bincount(self.family.labels[self.forced], minlength=self.classes) > 0
            self.among = there if there.any() else np.ones(self.classes, bool)
        if not self.quota:
            self.available = [0] * len(self.parts(0))
            return
        blocked = self._blocked(taken)
        mask = np.zeros(len(self.family), dtype=bool)
        mask[self.forced] = True
        if self.family.given_order is not None and not self.selector.by_coverage:
            offered = self.family.given_order[at] != NEVER
            at, order = at[offered], order[offered]
        groups = self._groups(at, order)
        by_hand = [self.forced]
        if self.balanced:
            by_hand = [self.forced[self.family.labels[self.forced] == label] for label in range(self.classes)]
        for (where, ranks), part, given in zip(groups, self.parts(self.quota), by_hand, strict=True):
            mask[self._choose(where, ranks, int(part), given, blocked)] = True
        self.chosen = np.flatnonzero(mask)

    def _choose(
        self, at: np.ndarray, order: np.ndarray, part: int, given: np.ndarray, blocked: np.ndarray | None
    ) -> np.ndarray:
        """Return the positions in the family that are taken from one group; note what there was to take."""
        settings, name = self.settings, self.family.name
        banded, forced = settings.within_of(name) == "boundary", len(given)
        start, stop = edges(order, settings, name) if banded else (0, len(order))
        bounded = banded and settings.floor.of(name) is not None
        # Nothing after the hardest that are needed is looked at, where nothing hinders taking them.
        hardest = self.selector.takes_hardest and not (bounded or self.one_per_sample or blocked is not None)
        inside = between(order, start, min(stop, start + part - forced) if hardest else stop)
        free = self._free(at, inside, blocked)
        group = Group(self.family, at[free], order[free], bounded, self.one_per_sample, given, self.coverage_run)
        picked = self.selector(group, part - forced, seed=self.seed)
        there = len(sample_starts(group.candidate_ids)) if self.one_per_sample else len(group.positions)
        there = max(0, stop - start) if hardest else there
        self.available.append(forced + there)
        self.passed_over += min(start, len(order))
        if banded and len(picked):
            self.hardest = min(self.hardest, int(group.order.min()))
            reached = group.order if bounded or self.selector.within == "family" else group.order[picked]
            self.easiest = max(self.easiest, int(reached.max()))
        if len(picked) < part - forced:
            self.fitting.append(self._fit(at, order, stop, part - forced, blocked) if banded else None)
        return group.positions[picked]

    def _free(self, at: np.ndarray, inside: np.ndarray | slice, blocked: np.ndarray | None) -> np.ndarray | slice:
        """Return what takes those of ``between`` that may be taken: int64, or a slice when that is all or nothing."""
        if blocked is not None:
            free = ~(blocked if self._whole(at) else blocked[at])
            if not isinstance(inside, slice):
                inside &= free
            elif inside == slice(None):
                inside = free
        return inside if isinstance(inside, slice) else np.flatnonzero(inside)

    def _fit(self, at: np.ndarray, order: np.ndarray, stop: int, need: int, blocked: np.ndarray | None) -> float | None:
        eligible = self._free(at, between(order, 0, stop), blocked)
        eligible = np.arange(len(order))[eligible] if isinstance(eligible, slice) else eligible
        if self.one_per_sample:
            easiest = keys(order)[eligible]
            eligible = positions(np.maximum.reduceat(easiest, sample_starts(self.family.candidate_ids[at[eligible]])))
        return widest_offset(order, eligible, need, self.settings)

    def _groups(self, at: np.ndarray, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the candidates, all together or class by class, each by rising candidate_id."""
        if not self.balanced:
            yield at, order
            return
        labels = self._labels(at).astype(np.min_scalar_type(self.classes - 1), copy=False)
        if self.classes <= _FEW:
            groups: Iterable[np.ndarray] = (np.flatnonzero(labels == label) for label in range(self.classes))
        else:  # up to 16 bits are radix sorted
            ends = np.cumsum(np.bincount(labels, minlength=self.classes))
            groups = np.split(np.argsort(labels, kind="stable"), ends[:-1])
        for group in groups:
            yield group if self._whole(at) else at[group], order[group]

    def _whole(self, at: np.ndarray) -> bool:
        """Whether rising positions are all of the family."""
        return len(at) == len(self.family)

    def _labels(self, at: np.ndarray) -> np.ndarray:
        return self.family.labels if self._whole(at) else self.family.labels[at]

    def _blocked(self, taken: list[np.ndarray]) -> np.ndarray | None:
        """Return bool N, the candidates that may not be taken: forced ones, and images of samples that have one."""
        samples = np.concatenate(taken) if self.one_per_sample else np.empty(0, np.int64)
        if not len(self.forced) and not len(samples):
            return None
        starts = sample_starts(self.family.candidate_ids)
        there = np.isin(self.family.candidate_ids[starts] >> CODE_BITS, samples)
        blocked = np.repeat(there, np.diff(starts, append=len(self.family)))
        blocked[self.forced] = True
        return blocked

    def summary(self) -> FamilySummary:
        """Return what people see of it."""
        counts = np.bincount(self.family.labels[self.chosen], minlength=self.classes).tolist()
        some = self.easiest >= 0
        return FamilySummary(
            quota=self.quota,
            chosen=len(self.chosen),
            candidates=self.candidates,
            passed_over=self.passed_over,
            available=sum(self.available),
            upper=hardness_at(np.uint32(self.hardest)) if some else None,
            lower=hardness_at(np.uint32(self.easiest)) if some else None,
            class_counts=counts,
            repeated=self.repeated,
            without_candidates=np.flatnonzero(~self.among).tolist() if self.balanced and self.quota else [],
        )


def shortages_of(fills: list[Fill], settings: Selection) -> list[Shortage]:
    short = [fill for fill in fills if len(fill.chosen) < fill.quota]
    if not short:
        return []
    budget = _fitting_budget(fills, settings)
    by_score = settings.offset_by == "score"
    found = []
    for fill in short:
        name, parts = fill.family.name, fill.parts(fill.quota)
        lacking = [
            (label if fill.balanced else None, int(part), there)
            for label, (part, there) in enumerate(zip(parts, fill.available, strict=True))
            if there < part
        ]
        offsets = [offset for offset in fill.fitting if offset is not None]
        fits = (max(offsets) if by_score else min(offsets)) if len(offsets) == len(fill.fitting) else None
        found.append(
            shortage_of(
                name,
                short=lacking,
                any_at_all=fill.candidates > 0,
                fits_offset=fits,
                fits_budget=budget,
                offsets={family: settings.offset.of(family) for family in FAMILIES},
                floor=settings.floor.of(name) if settings.within_of(name) == "boundary" else None,
                by_score=by_score,
                repeated=fill.repeated,
            )
        )
    return found


def _fitting_budget(fills: list[Fill], settings: Selection) -> int | None:
    """Return the largest budget that every family can fill with offsets, floors and mix as they are, or None."""

    def enough(budget: int) -> bool:
        wanted = quotas(settings.mix, budget)
        return all(
            (fill.parts(max(wanted[fill.family.name], len(fill.forced))) <= np.array(fill.available)).all()
            for fill in fills
        )

    low, high = 0, settings.budget
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if enough(middle) else (low, middle)
    kept = quotas(settings.mix, low)
    return low if low and all(len(fill.forced) <= kept[fill.family.name] for fill in fills) else None
