"""A family's candidates, hardest first, and the band on them in the words of the component and of the recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from curation.plugin import fingerprint
from curation.scores import SCORES
from curation.selection.band import ranking
from curation.selection.select import difference as selection_difference
from pages.ui import resources, state
from pages.ui.components import Band
from pages.ui.opened import Opened

_FEW = 6


@dataclass(frozen=True)
class Ranked:
    """One family, hardest first: rows in the pool, hardness as the recipe's score has it, and scaled to 0 … ln K."""

    fingerprint: str
    rows: np.ndarray
    hardness: np.ndarray
    nats: np.ndarray


def ranked(opened: Opened, family: str) -> Ranked:
    """Return a family's candidates for the working recipe's score, hardest first."""
    selection = opened.recipe.selection
    parts = [
        opened.pool_key,
        family,
        selection.score,
        selection.variants_per_sample == "hardest",
        selection.edits.exclude,
    ]
    return _ranked(fingerprint(parts), opened, family)


@st.cache_resource(max_entries=24, show_spinner=False)
def _ranked(key: str, _opened: Opened, family: str) -> Ranked:
    rows, hardness = ranking(_opened.pool, family, _opened.recipe.selection)
    classes = len(_opened.pipeline.samples.classes)
    most = SCORES[_opened.recipe.selection.score].hardest(classes)
    return Ranked(key, rows, hardness, np.clip(hardness / most, 0, 1) * np.log(classes))


def share_of(it: Ranked, selection: Any, value: float | None) -> float:
    """Return a recipe's offset or floor as the share of the family that is harder; None: no offset."""
    if value is None:
        return 0.0
    if selection.offset_by == "rank" or not len(it.rows):
        return float(value)
    return float(np.searchsorted(-it.hardness, -value, side="left") / len(it.rows))


def value_of(it: Ranked, selection: Any, share: float) -> float:
    """Return a share of the family as the recipe writes offsets and floors."""
    if selection.offset_by == "rank" or not len(it.rows):
        return round(float(share), 6)
    return round(float(it.hardness[min(int(share * len(it.rows)), len(it.rows) - 1)]), 6)


def band_shares(it: Ranked, selection: Any, family: str) -> Band:
    """Return the recipe's band of a family in rank shares."""
    floor = getattr(selection.floor, family)
    offset = share_of(it, selection, getattr(selection.offset, family))
    return Band(min(offset, 0.9999), None if floor is None else share_of(it, selection, floor))


def write_band(it: Ranked, selection: Any, family: str, band: Band) -> None:
    """Write a dragged band to the working recipe."""
    block = selection.model_dump(mode="json")
    block["offset"][family] = value_of(it, selection, band.offset)
    block["floor"][family] = None if band.floor is None else value_of(it, selection, band.floor)
    state.change(**{"selection.offset": block["offset"], "selection.floor": block["floor"]})


def switch_unit(opened: Opened, unit: str) -> None:
    """Write offsets and floors in another unit, rank or score, keeping the bands where they are."""
    before = opened.recipe.selection
    after = before.model_copy(update={"offset_by": unit})
    block = before.model_dump(mode="json")
    for family in block["offset"]:
        it = ranked(opened, family)
        for edge in ("offset", "floor"):
            value = block[edge][family]
            if value is not None and len(it.rows):
                block[edge][family] = value_of(it, after, share_of(it, before, value))
            elif edge == "offset":
                block[edge][family] = 0.0 if unit == "rank" else None
    state.change(
        **{"selection.offset_by": unit, "selection.offset": block["offset"], "selection.floor": block["floor"]}
    )


def rows_to_show(opened: Opened, it: Ranked, band: Band, family: str, view: str) -> np.ndarray:
    """Return the pool's rows of one view of the Boundary page, hardest first."""
    if view == "all":
        return it.rows
    if view == "passed over":
        return it.rows[: round(band.offset * len(it.rows))]
    if view in ("entering", "leaving"):
        mask = np.zeros(len(opened.pool), bool)
        mask[difference(opened)[view == "leaving"]] = True
    else:
        mask = np.zeros(len(opened.pool), bool)
        mask[opened.selected.rows] = True
    mine = it.rows[mask[it.rows]]
    forced = np.setdiff1d(np.flatnonzero(mask & (opened.pool["family"] == family).to_numpy()), mine)
    return np.concatenate([mine, forced])


def difference(opened: Opened) -> tuple[np.ndarray, np.ndarray]:
    """Return the pool's rows that enter and that leave the set against the last saved recipe."""
    saved = state.base_recipe()
    if saved.selection == opened.recipe.selection and saved.seed == opened.recipe.seed:
        none = np.empty(0, np.int64)
        return none, none
    before = resources.selected(saved, opened.pipeline, opened.pool, opened.pool_key)
    return selection_difference(before, opened.selected)


def difference_words(opened: Opened, family: str) -> str:
    """Return how many of a family enter and leave."""
    mine = (opened.pool["family"] == family).to_numpy()
    enter, leave = difference(opened)
    return f"+{int(mine[enter].sum()):,} / −{int(mine[leave].sum()):,}"


def by_kind(opened: Opened) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the corruption kinds of the pool, how many candidates of each were chosen, and how many there are."""
    corrupted = opened.pool["family"] == "corruption"
    offered = opened.pool.loc[corrupted, "kind"].astype(str).value_counts()
    chosen = opened.pool.iloc[opened.selected.rows]
    taken = chosen.loc[chosen["family"] == "corruption", "kind"].astype(str).value_counts()
    names = sorted(offered.index)
    return names, taken.reindex(names, fill_value=0).to_numpy(), offered.reindex(names).to_numpy()


def saved_value(path: str) -> Any:
    """Return what the last saved recipe has at a dotted path."""
    value: Any = state.base_recipe().to_dict()
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def changed(path: str, before: Any, after: Any) -> list[str]:
    """Return in words what is another value in two parts of a recipe: only what differs, lists by their length."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            words
            for key in dict.fromkeys([*before, *after])
            if before.get(key) != after.get(key)
            for words in changed(f"{path}.{key}", before.get(key), after.get(key))
        ]
    if any(isinstance(value, list) and len(value) > _FEW for value in (before, after)) or path == "slices":
        return [f"`{path}`: {len(before or [])} → **{len(after or [])}** entries"]
    return [f"`{path}`: {before} → **{after}**"]
