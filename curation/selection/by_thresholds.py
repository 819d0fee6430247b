"""Selection from columns that need not fit in memory: a few passes that count, then one that takes.

What the boundary strategy chooses from a family is a range of ranks, or, with a floor, the least random draws in one. A
rank's value is found without sorting: the first pass counts the upper 16 bits of the 32-bit keys, the second the lower
ones of the values that share the upper bits with it. Values that are equal go by candidate id, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from curation.errors import CurationError, UsageError
from curation.scores import SCORES
from curation.selection import SELECTORS
from curation.selection.base import Group
from curation.selection.family import Family
from curation.selection.mix import quotas
from curation.selection.order import hardest_first, hardness_at
from curation.selection.pool import FAMILIES
from curation.selection.random import uniform
from curation.selection.select import Fill, shortages_of
from curation.selection.selected import Selected
from curation.selection.settings import Edits, Selection

ROWS = 1 << 18
"""Rows at once: what is computed of them stays in a processor's cache."""

Orders = Callable[[], Iterable[np.ndarray]]
"""Starts a pass over the keys of all candidates, uint32, some at a time, by rising candidate_id."""


def select_by_thresholds(
    pool: Mapping[str, Mapping[str, np.ndarray]], settings: Selection, *, seed: int, classes: int
) -> Selected:
    """Choose the curated set, the same as ``select`` does, from memory-mapped columns and in memory for the result.

    Args:
        pool: by family, the columns ``candidate_id`` (int64, rising), ``label`` (integer, in [0, K)) and the score that
            ``settings`` name (float32), all of one length; no family: no candidates. Files of ``numpy.save``, opened
            with ``mmap_mode="r"``, do.
        settings, seed, classes: as for ``select``; the strategy is boundary, and what needs to know what else of a
            sample is chosen (classes balanced, one image a sample, edits, repeated images) is refused.

    Returns: as ``select``; rows are counted through the families, clean, corruption, adversarial.
    Raises: UsageError naming what is not possible here; CurationError for columns that are damaged.
    """
    _require(settings, pool)
    fills, first_row = [], 0
    for name, quota in quotas(settings.mix, settings.budget).items():
        columns = _Columns(name, pool.get(name, {}), settings.score, classes)
        fills.append(_filled(columns, quota, settings, seed=seed, first_row=first_row))
        first_row += len(columns)
    return Selected(
        pool_rows=np.concatenate([fill.family.pool_rows for fill in fills]),
        candidate_ids=np.concatenate([fill.family.candidate_ids for fill in fills]),
        labels=np.concatenate([fill.family.labels for fill in fills]),
        families={fill.family.name: fill.summary() for fill in fills},
        shortages=shortages_of(fills, settings),
    )


def _require(settings: Selection, pool: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    unknown = sorted(pool.keys() - set(FAMILIES))
    if unknown:
        raise CurationError(f"family must be one of {', '.join(FAMILIES)}, got {unknown[0]!r}")
    edits = settings.edits.model_copy(update={"confirmed": []})
    refused = {
        f"strategy {settings.strategy}": settings.strategy != "boundary",
        "class_balance": any(settings.class_balance.of(family) for family in FAMILIES),
        f"variants_per_sample {settings.variants_per_sample}": settings.variants_per_sample != "all",
        "edits": edits != Edits(),
        "duplicates once": settings.duplicates == "once" and any("same_as" in columns for columns in pool.values()),
    }
    for what, is_so in refused.items():
        if is_so:
            raise UsageError(
                f"selection by thresholds does not know {what}: it takes the boundary strategy's candidates by their "
                "scores alone; leave it out of the recipe's selection, or use `select`, which holds the pool in memory"
            )


@dataclass(frozen=True)
class _Columns:
    """One family's columns, read some rows at a time."""

    family: str
    columns: Mapping[str, np.ndarray]
    score: str
    classes: int

    def __post_init__(self) -> None:
        if not self.columns:
            return
        for name in ("candidate_id", "label", self.score):
            if name not in self.columns:
                raise CurationError(f"{self.family} candidates have no column {name!r}")
            if len(self.columns[name]) != len(self):
                raise CurationError(
                    f"{self.family} candidates have {len(self):,} ids and {len(self.columns[name]):,} values of "
                    f"{name}; all columns need one length"
                )

    def __len__(self) -> int:
        return len(self.columns["candidate_id"]) if self.columns else 0

    def chunks(self, column: str) -> Iterator[np.ndarray]:
        """Yield a column, some rows at a time."""
        for start in range(0, len(self), ROWS):
            yield np.asarray(self.columns[column][start : start + ROWS])

    def orders(self) -> Iterator[np.ndarray]:
        """Yield ``hardest_first`` of all."""
        for scores in self.chunks(self.score):
            yield hardest_first(SCORES[self.score].hardness(scores).astype(np.float32, copy=False))

    def check(self) -> None:
        """Raises: CurationError: ids that do not rise, labels out of range, scores that are no finite numbers."""
        last = -1
        for ids in self.chunks("candidate_id"):
            if ids[0] <= last or not (ids[1:] > ids[:-1]).all():
                raise CurationError(f"{self.family} candidate ids must rise; sort the columns by candidate_id")
            last = int(ids[-1])
        for labels in self.chunks("label"):
            if not (labels.min() >= 0 and labels.max() < self.classes):
                raise CurationError(
                    f"{self.family} labels must be in [0, {self.classes}), got {labels.min()} … {labels.max()}; check "
                    "the number of classes"
                )
        for scores in self.chunks(self.score):
            if not np.isfinite(scores).all():
                raise CurationError(
                    f"the {self.score} of a {self.family} candidate is not a finite number; the goal model's output is "
                    "broken: check its weights, then score again"
                )


class _Edge(NamedTuple):
    """The first so many by (key, candidate_id): those below a key, and the first ``ties`` of those equal to it."""

    key: int
    ties: int


def _edges(orders: Orders, counts: list[int], total: int) -> list[_Edge]:
    """Return the edge behind the first so many of ``total`` keys, for each of some counts, in two passes."""
    upper = np.zeros(1 << 16, np.int64)
    for order in orders():
        upper += np.bincount(order >> np.uint32(16), minlength=1 << 16)
    ends = np.cumsum(upper)
    counts = [min(count, total) for count in counts]
    inner = [count for count in counts if count > 0]
    bins = {int(np.searchsorted(ends, count)): np.zeros(1 << 16, np.int64) for count in inner}
    if bins:
        for order in orders():
            high = (order >> np.uint32(16)).astype(np.uint16)
            for number, lower in bins.items():
                some = order[high == number] & np.uint32(0xFFFF)
                lower += np.bincount(some, minlength=1 << 16)
    found = []
    for count in counts:
        if count <= 0:
            found.append(_Edge(0, 0))
            continue
        number = int(np.searchsorted(ends, count))
        left = count - (int(ends[number - 1]) if number else 0)
        inside = np.cumsum(bins[number])
        low = int(np.searchsorted(inside, left))
        found.append(_Edge((number << 16) | low, left - (int(inside[low - 1]) if low else 0)))
    return found


class _Taking:
    """Says chunk by chunk what lies before an edge; one a pass."""

    def __init__(self, edge: _Edge) -> None:
        self._key, self._left = np.uint32(edge.key), edge.ties

    def __call__(self, order: np.ndarray) -> np.ndarray:
        mask: np.ndarray = order < self._key
        if self._left:
            tied = np.flatnonzero(order == self._key)[: self._left]
            mask[tied] = True
            self._left -= len(tied)
        return mask


def _band(columns: _Columns, settings: Selection) -> tuple[int, int]:
    """Return the band as ranks start, stop; see ``band.edges``."""
    offset, floor, n = settings.offset.of(columns.family), settings.floor.of(columns.family), len(columns)
    if settings.offset_by == "rank":
        return round((offset or 0.0) * n), n if floor is None else round(floor * n)
    above, least = (hardest_first(np.array([edge or 0], dtype=np.float32))[0] for edge in (offset, floor))
    start = stop = 0
    for order in columns.orders():
        start += int(np.count_nonzero(order < above))
        stop += int(np.count_nonzero(order <= least))
    return 0 if offset is None else start, n if floor is None else stop


def _filled(columns: _Columns, quota: int, settings: Selection, *, seed: int, first_row: int) -> Fill:
    """Return the filling of one family's quota."""
    columns.check()
    n, name = len(columns), columns.family
    start, stop = _band(columns, settings) if quota else (0, 0)
    there = max(0, stop - start)
    take = min(quota, there)
    bounded = settings.floor.of(name) is not None
    spare = stop - quota
    from_, hardest, to, widest = _edges(
        columns.orders, [start, start + 1, stop if bounded else start + take, spare + 1], n
    )
    inside = _Inside(columns, from_, to, seed)
    draw = _edges(inside.draws, [take], there)[0] if bounded else None
    rows = np.concatenate([np.empty(0, np.int64), *inside.rows(draw)]) if take else np.empty(0, np.int64)
    ids, labels = (
        np.asarray(columns.columns[column][rows]) if take else np.empty(0, np.int64)
        for column in ("candidate_id", "label")
    )
    family = Family(name, rows + first_row, ids, np.empty(0, np.float32), labels.astype(np.int64))
    fill = Fill(family, quota, settings, SELECTORS.build("boundary"), np.empty(0, np.int64), seed, columns.classes)
    fill.candidates, fill.available, fill.chosen = n, [there], np.arange(take)
    if quota:
        fill.passed_over = min(start, n)
    if take:
        fill.hardest, fill.easiest = hardest.key, to.key
    if take < quota:
        by_rank = settings.offset_by == "rank"
        fits = spare / n if by_rank and n else hardness_at(np.uint32(widest.key))
        fill.fitting = [fits if spare >= 0 and n else None]
    return fill


@dataclass(frozen=True)
class _Inside:
    """The candidates between two edges."""

    columns: _Columns
    start: _Edge
    stop: _Edge
    seed: int

    def _masks(self) -> Iterator[tuple[int, np.ndarray]]:
        harder, reached = _Taking(self.start), _Taking(self.stop)
        first = 0
        for order in self.columns.orders():
            yield first, reached(order) & ~harder(order)
            first += len(order)

    def draws(self) -> Iterator[np.ndarray]:
        """Yield a random draw of each, uint32: what the boundary strategy prefers in a band with a floor."""
        for first, mask in self._masks():
            ids = np.asarray(self.columns.columns["candidate_id"][first : first + len(mask)])[mask]
            family = Family(self.columns.family, ids, ids, np.empty(0, np.float32), ids)
            yield uniform(Group(family, np.arange(len(ids)), np.empty(0, np.uint32)), seed=self.seed)

    def rows(self, draw: _Edge | None) -> Iterator[np.ndarray]:
        """Yield the rows of all, int64, rising, or of those whose draws lie before an edge."""
        if draw is None:
            for first, mask in self._masks():
                yield np.flatnonzero(mask) + first
            return
        drawn = _Taking(draw)
        for (first, mask), draws in zip(self._masks(), self.draws(), strict=True):
            yield np.flatnonzero(mask)[drawn(draws)] + first
