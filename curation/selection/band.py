"""The hardness band: which ranks of a family lie between its offset and its floor."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curation.selection.edits import left_out
from curation.selection.family import Family, family_of
from curation.selection.order import first, hardest_first, hardness_at, keys, least_of_each_sample, positions, ranked
from curation.selection.settings import Selection


def ranking(pool: pd.DataFrame, family: str, settings: Selection) -> tuple[np.ndarray, np.ndarray]:
    """Return a family's candidates, hardest first, as ranks count them: without what is excluded.

    Returns: int64 N, rows of the pool; float32 N, hardness by ``settings.score``, falling.
    """
    table = family_of(pool, family, settings.score)
    at, order = candidates(table, settings, left_out(table, settings))
    at = at[positions(np.sort(keys(order)))]
    return table.pool_rows[at], table.hardness[at]


def candidates(family: Family, settings: Selection, excluded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which of a family are candidates, int64 rising positions, and their ``hardest_first`` order, uint32."""
    order = hardest_first(family.hardness)
    if len(excluded):
        stays = np.ones(len(family), dtype=bool)
        stays[excluded] = False
        at = np.flatnonzero(stays)
        order = order[at]
    else:
        at = np.arange(len(family))
    if settings.variants_per_sample == "hardest":
        leaders = least_of_each_sample(order, family.candidate_ids[at] if len(excluded) else family.candidate_ids)
        at, order = at[leaders], order[leaders]
    return at, order


def edges(order: np.ndarray, settings: Selection, family: str) -> tuple[int, int]:
    """Return the band as ranks start, stop: the candidates of rank start … stop − 1 are in it."""
    offset, floor, n = settings.offset.of(family), settings.floor.of(family), len(order)
    if settings.offset_by == "rank":
        return round((offset or 0.0) * n), n if floor is None else round(floor * n)
    above, least = (hardest_first(np.array([edge or 0], dtype=np.float32))[0] for edge in (offset, floor))
    start = 0 if offset is None else int(np.count_nonzero(order < above))
    return start, n if floor is None else int(np.count_nonzero(order <= least))


def between(order: np.ndarray, start: int, stop: int) -> np.ndarray | slice:
    """Return what takes the ranks start … stop − 1 out of an array: bool N, or a slice when that is all or nothing."""
    if start >= stop:
        return slice(0)
    if start <= 0 and stop >= len(order):
        return slice(None)
    if start <= 0:
        return first(order, stop)
    if stop >= len(order):
        harder = first(order, start)
        return np.logical_not(harder, out=harder)
    return ranked(order, start, stop)


def widest_offset(order: np.ndarray, eligible: np.ndarray, need: int, settings: Selection) -> float | None:
    """Return the offset that passes over the most and still leaves ``need`` candidates.

    Args:
        order: uint32 N, of all candidates of the group, which ranks count.
        eligible: int64 M, positions of those above the floor that may be taken; where only one of a sample may be,
            the easiest of each.

    Returns: a rank share or a score, as ``settings.offset_by`` says; None when there are fewer than ``need``.
    """
    spare = len(eligible) - need
    if spare < 0 or need <= 0:
        return None
    every = keys(order)
    edge = np.partition(every[eligible], spare)[spare]
    if settings.offset_by == "score":
        return hardness_at(order[positions(edge[None])[0]])
    return int(np.count_nonzero(every < edge)) / len(order)
