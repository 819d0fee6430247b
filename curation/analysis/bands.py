"""Hardness bands in two units: shares of a family, as people drag them, and values of a score.

Offsets and floors of a recipe are in ``rank`` (shares of the family, hardest first) or in ``score`` (its uncertainty).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from curation.figures.curation import FAMILY_WORDS
from curation.scores import SCORES
from curation.selection.band import ranking
from curation.selection.pool import candidate_name
from curation.selection.settings import Selection


@dataclass(frozen=True)
class Ranked:
    """A family, hardest first: pool_rows, int64 N; hardness by the recipe's score, falling, float32 N; the same
    scaled to nats, float64 N in [0, ln K]."""

    pool_rows: np.ndarray
    hardness: np.ndarray
    nats: np.ndarray


def ranked(pool: pd.DataFrame, family: str, selection: Selection, *, class_count: int) -> Ranked:
    """Return a family's candidates by the score of a selection, hardest first, without those that are excluded."""
    rows, hardness = ranking(pool, family, selection)
    most = SCORES[selection.score].hardest(class_count)
    return Ranked(rows, hardness, np.clip(hardness / most, 0, 1) * np.log(class_count))


def share_of(it: Ranked, selection: Selection, value: float | None) -> float:
    """Return a recipe's offset or floor as the share of the family that is harder, in [0, 1]; None: no offset."""
    if value is None:
        return 0.0
    if selection.offset_by == "rank" or not len(it.pool_rows):
        return float(value)
    return float(np.searchsorted(-it.hardness, -value, side="left") / len(it.pool_rows))


def value_of(it: Ranked, selection: Selection, share: float) -> float:
    """Return a share of the family, in [0, 1], as the recipe writes offsets and floors."""
    if selection.offset_by == "rank" or not len(it.pool_rows):
        return round(float(share), 6)
    return round(float(it.hardness[min(int(share * len(it.pool_rows)), len(it.pool_rows) - 1)]), 6)


def shares(it: Ranked, selection: Selection, family: str) -> tuple[float, float | None]:
    """Return a family's offset, in [0, 1), and floor, None where there is none, as shares of the family."""
    floor = selection.floor.of(family)
    offset = share_of(it, selection, selection.offset.of(family))
    return min(offset, 0.9999), None if floor is None else share_of(it, selection, floor)


def with_band(
    it: Ranked, selection: Selection, family: str, *, offset: float, floor: float | None
) -> dict[str, dict[str, float | None]]:
    """Return all offsets and floors, by edge and family, with one family's band given in shares."""
    block = _edges(selection)
    block["offset"][family] = value_of(it, selection, offset)
    block["floor"][family] = None if floor is None else value_of(it, selection, floor)
    return block


def in_unit(bands: Mapping[str, Ranked], selection: Selection, unit: str) -> dict[str, dict[str, float | None]]:
    """Return all offsets and floors in another unit, rank or score, with the bands where they are.

    Args: bands: every family, hardest first.
    """
    after = selection.model_copy(update={"offset_by": unit})
    block = _edges(selection)
    for family, it in bands.items():
        for edge in ("offset", "floor"):
            value = block[edge][family]
            if value is not None and len(it.pool_rows):
                block[edge][family] = value_of(it, after, share_of(it, selection, value))
            elif edge == "offset":
                block[edge][family] = 0.0 if unit == "rank" else None
    return block


def _edges(selection: Selection) -> dict[str, dict[str, Any]]:
    block = selection.model_dump(mode="json", include={"offset", "floor"})
    return {edge: dict(block[edge]) for edge in ("offset", "floor")}


def standing(pool: pd.DataFrame, it: Ranked, selection: Selection, family: str, row: int, *, chosen: bool) -> str:
    """Return in a sentence or two why a candidate is in the set or not.

    Args: it: its family, hardest first; row: the candidate's in the pool; chosen: whether the selection has it.
    """
    word = f"{len(it.pool_rows):,} {FAMILY_WORDS[family].lower()} candidates"
    name = candidate_name(*(pool[column].iloc[row] for column in ("sample_id", "kind", "severity")))
    sample = int(pool["sample_id"].iloc[row])
    if name in selection.edits.include:
        return "You included it, whatever its rank."
    if name in selection.edits.exclude or sample in selection.edits.dropped:
        return "You excluded it." if name in selection.edits.exclude else "You left its sample out, with all copies."
    at = np.flatnonzero(it.pool_rows == row)
    if not len(at):
        same = int(pool["same_as"].iloc[row]) if "same_as" in pool else sample
        if same != sample:
            return f"It is the same picture as sample {same}, which stands for both."
        return "It is not ranked: another copy of its sample is harder, and the recipe takes the hardest alone."
    place = f"It is number {int(at[0]) + 1:,} of {word}, hardest first"
    if selection.within_of(family) != "boundary":
        return f"{place}; the strategy {'chose it' if chosen else 'did not choose it'} from the whole family."
    offset, floor = shares(it, selection, family)
    if chosen:
        return f"{place}: below the offset of {offset:.1%}, inside the band."
    if at[0] < round(offset * len(it.pool_rows)):
        return f"{place}: above the offset of {offset:.1%}, too hard to teach anything."
    if floor is not None and at[0] >= round(floor * len(it.pool_rows)):
        return f"{place}: easier than the floor of the band, {floor:.1%}."
    return f"{place}: inside the offset, but the quota was filled by others."


def skipped(it: Ranked, offset: float) -> np.ndarray:
    """Return the rows that are too hard: those before an offset, a share of the family."""
    return it.pool_rows[: round(offset * len(it.pool_rows))]


def among(pool: pd.DataFrame, it: Ranked, family: str, rows: np.ndarray) -> np.ndarray:
    """Return which rows of the pool are of a family, hardest first; then those that its ranks leave out, rising.

    What is forced in may be excluded from the ranks, such as all but the hardest variant of a sample.
    """
    mask = np.zeros(len(pool), bool)
    mask[rows] = True
    mine = it.pool_rows[mask[it.pool_rows]]
    mask[mine] = False
    others = np.flatnonzero(mask & (pool["family"] == family).to_numpy())
    return np.concatenate([mine, others])


def count_of(pool: pd.DataFrame, family: str, rows: np.ndarray) -> int:
    """Return how many rows of the pool are of a family."""
    return int((pool["family"] == family).to_numpy()[rows].sum())


def by_kind(pool: pd.DataFrame, rows: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the corruption kinds of the pool, how many of each are among ``rows``, and how many there are."""
    corrupted = pool["family"] == "corruption"
    offered = pool.loc[corrupted, "kind"].astype(str).value_counts()
    chosen = pool.iloc[rows]
    taken = chosen.loc[chosen["family"] == "corruption", "kind"].astype(str).value_counts()
    kinds = sorted(offered.index)
    return kinds, taken.reindex(kinds, fill_value=0).to_numpy(), offered.reindex(kinds).to_numpy()
