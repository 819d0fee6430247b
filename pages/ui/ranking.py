"""A family's candidates, hardest first, and the band on them in the words of the component and of the recipe."""

from __future__ import annotations

import streamlit as st

from curation.analysis import bands
from curation.analysis.arrays import Array
from curation.analysis.bands import Ranked
from curation.figures.curation import FAMILY_WORDS
from curation.plugin import fingerprint
from curation.selection.select import difference as selection_difference
from curation.selection.settings import Selection
from pages.ui import resources, state
from pages.ui.components import Band
from pages.ui.prepared import Opened


def ranked(opened: Opened, family: str) -> Ranked:
    """Return a family's candidates for the working recipe's score, hardest first."""
    return _ranked(key_of(opened, family), opened, family)


def key_of(opened: Opened, family: str) -> str:
    """Return a fingerprint of what the order of a family depends on."""
    selection = opened.recipe.selection
    hardest_only = selection.variants_per_sample == "hardest"
    return fingerprint([opened.pool_key, family, selection.score, hardest_only, selection.edits.exclude])


@st.cache_resource(max_entries=24, show_spinner=False)
def _ranked(key: str, _opened: Opened, family: str) -> Ranked:
    classes = _opened.pipeline.samples.classes
    return bands.ranked(_opened.pool, family, _opened.recipe.selection, class_count=len(classes))


def band_shares(it: Ranked, selection: Selection, family: str) -> Band:
    """Return the recipe's band of a family in rank shares."""
    return Band(*bands.shares(it, selection, family))


def write_band(it: Ranked, selection: Selection, family: str, band: Band) -> None:
    """Write a dragged band to the working recipe."""
    edges = bands.with_band(it, selection, family, offset=band.offset, floor=band.floor)
    state.change(**{f"selection.{edge}": values for edge, values in edges.items()})


def switch_unit(opened: Opened, unit: str) -> None:
    """Write offsets and floors in another unit, rank or score, keeping the bands where they are."""
    selection = opened.recipe.selection
    edges = bands.in_unit({family: ranked(opened, family) for family in FAMILY_WORDS}, selection, unit)
    state.change(**{"selection.offset_by": unit, **{f"selection.{edge}": values for edge, values in edges.items()}})


def rows_to_show(opened: Opened, it: Ranked, band: Band, family: str, view: str) -> Array:
    """Return the pool's rows of one view of the Boundary page, hardest first."""
    if view == "all":
        return it.pool_rows
    if view == "passed over":
        return bands.skipped(it, band.offset)
    rows = difference(opened)[view == "leaving"] if view in ("entering", "leaving") else opened.selected.pool_rows
    return bands.among(opened.pool, it, family, rows)


def difference(opened: Opened) -> tuple[Array, Array]:
    """Return the pool's rows that enter and that leave the set against the last saved recipe."""
    saved = state.base_recipe()
    if saved.selection == opened.recipe.selection and saved.seed == opened.recipe.seed:
        return opened.selected.pool_rows[:0], opened.selected.pool_rows[:0]
    before = resources.selected(saved, opened.pipeline, opened.pool, opened.pool_key)
    return selection_difference(before, opened.selected)


def difference_words(opened: Opened, family: str) -> str:
    """Return how many of a family enter and leave."""
    enter, leave = (bands.count_of(opened.pool, family, rows) for rows in difference(opened))
    return f"+{enter:,} / −{leave:,}"
