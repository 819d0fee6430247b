"""A family's candidates, hardest first, and the band on them in the words of the component and of the recipe."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from curation.analysis import bands
from curation.analysis.arrays import Array
from curation.analysis.bands import Ranked
from curation.analysis.changes import Changes, Chosen, changes, in_words
from curation.errors import CurationError
from curation.figures.curation import FAMILY_WORDS
from curation.plugin import fingerprint
from curation.recipe import Recipe
from curation.selection.settings import Selection
from curation.storage.workspace import Workspace
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
    left_out = [selection.edits.model_dump(mode="json"), selection.duplicates]
    return fingerprint([opened.pool_key, family, selection.score, hardest_only, left_out])


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


@dataclass(frozen=True)
class Compared:
    """What the working recipe selects against what the last saved one does.

    before: the latter, where it is known; changes: between the two; why: a sentence where there are none to tell of.
    """

    before: Opened | None = None
    changes: Changes | None = None
    why: str = ""

    def entering(self, opened: Opened, it: Ranked, family: str) -> Array:
        """Return the pool's rows of a family's images that enter, hardest first."""
        rows = opened.selected.pool_rows[:0] if self.changes is None else self.changes.enter
        return bands.among(opened.pool, it, family, rows)

    def leaving(self, opened: Opened, family: str) -> tuple[Opened, Array]:
        """Return the last saved recipe's set, and the rows of its pool that leave a family, hardest first."""
        if self.before is None or self.changes is None:
            return opened, opened.selected.pool_rows[:0]
        found = bands.among(self.before.pool, ranked(self.before, family), family, self.changes.leave)
        return self.before, found

    def counts(self, opened: Opened, family: str) -> str:
        """Return how many of a family enter and leave; a dash where that is not known."""
        if self.before is None or self.changes is None:
            return "–"
        enter = bands.count_of(opened.pool, family, self.changes.enter)
        return f"+{enter:,} / −{bands.count_of(self.before.pool, family, self.changes.leave):,}"

    @property
    def words(self) -> str:
        """What is compared, and what changes beside the images, or why it is not known."""
        if self.changes is None:
            return self.why
        return " ".join(["Compared with the set of the last saved recipe.", *in_words(self.changes)])


def compared(opened: Opened) -> Compared:
    """Compare the working recipe's set with the last saved one's; once a run, for it looks at what is computed."""
    before = _saved(opened)
    if isinstance(before, str):
        return Compared(why=f"The last saved recipe's set is not known: {before}.")
    if opened.provisional:
        return Compared(before, why="The set is not computed for these settings yet.")
    try:
        return Compared(before, between(before, opened))
    except CurationError as error:
        return Compared(before, why=f"The sets cannot be compared: {error}.")


def _saved(opened: Opened) -> Opened | str:
    """Return what the last saved recipe selects, or why that is not known."""
    recipe = state.base_recipe()
    return opened if recipe == opened.recipe else opened_as(recipe, opened.workspace)


def opened_as(recipe: Recipe, workspace: Workspace) -> Opened | str:
    """Return what any recipe selects on the session's workspace, or why that is not known."""
    pipeline = resources.pipeline_of(recipe)
    try:
        key = pipeline.pool_key
        if pipeline.unordered():
            return "its strategy is not computed; run it, or save the present recipe"
    except CurationError as error:
        return str(error)
    pool = resources.pool(key, pipeline)
    return Opened(workspace, recipe, pipeline, key, pool, resources.selected(recipe, pipeline, pool, key), False)


def between(before: Opened, after: Opened) -> Changes:
    """Return in what two recipes' sets differ. Raises: CurationError: weights or images are missing."""
    return _changes(fingerprint([(it.recipe.fingerprint(), it.pool_key) for it in (before, after)]), before, after)


@st.cache_resource(max_entries=16, show_spinner=False)
def _changes(key: str, _before: Opened, _after: Opened) -> Changes:
    return changes(*(Chosen(it.pipeline, it.pool, it.selected) for it in (_before, _after)))


def rows_to_show(opened: Opened, it: Ranked, band: Band, family: str, view: str) -> Array:
    """Return the pool's rows of one view of the working recipe's own candidates, hardest first."""
    if view == "all":
        return it.pool_rows
    if view == "passed over":
        return bands.skipped(it, band.offset)
    return bands.among(opened.pool, it, family, opened.selected.pool_rows)
