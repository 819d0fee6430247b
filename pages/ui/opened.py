"""What a page needs before it can show anything: the pool and the selection, or a word on what to do first."""

from __future__ import annotations

from typing import Any, NoReturn

import streamlit as st

from curation.errors import CurationError
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.selection import SELECTORS
from curation.storage.workspace import Workspace
from pages.ui import coverage, panel, resources, state
from pages.ui.prepared import Opened, Prepared
from pages.ui.shell import Done


def open_model() -> Prepared:
    """Return the samples and the goal model; where they are missing, say what to do next and stop the page."""
    found = _workspace()
    pipeline = resources.pipeline()
    try:
        ready = pipeline.workspace.model(pipeline.plan.model_key).ready(pipeline.plan.epoch)
    except CurationError:
        ready = False
    if not ready:
        empty("No goal model yet", "Run the first two stages first: read the images and make the goal model.")
    return Prepared(found, state.recipe(), pipeline)


def _workspace() -> Workspace:
    found = state.workspace()
    if found is None:
        empty("Nothing to look at yet", "Choose a source of images on the Workspace page; the demo takes a minute.")
    return found


def open_selection() -> Opened:
    """Return what the working recipe selects; where something is missing, say what to do next and stop the page."""
    found = _workspace()
    recipe, pipeline = state.recipe(), resources.pipeline()
    outdated = 0
    try:
        key = pipeline.pool_key
    except CurationError as error:
        outdated, pipeline, key = _as_made(found, pipeline, str(error))
    pool = resources.pool(key, pipeline)
    selected = resources.selected(recipe, pipeline, pool, key)
    follows = SELECTORS[recipe.selection.strategy].follows is not None
    provisional = follows if outdated else pipeline.unordered()
    opened = Opened(found, recipe, pipeline, key, pool, selected, provisional)
    with st.container():  # there also when empty: what comes after it on the page keeps its place
        _outdated(found, outdated)
        coverage.unfinished(opened)
    return opened


def _as_made(found: Workspace, pipeline: Pipeline, why: str) -> tuple[int, Pipeline, str]:
    """Return what is there where only copies away from new labels are missing: how many, and the candidates as made.

    Else say what is missing and end the page. Raises: Done.
    """
    recipe = pipeline.recipe
    edits = recipe.selection.edits.model_dump(mode="json") | {"relabel": {}}
    before = resources.pipeline_of(recipe.with_changes(**{"selection.edits": edits}))
    try:
        return sum(len(images.sample_rows) for images in pipeline.plan.attacked_again()), before, before.pool_key
    except CurationError:
        _compute(found, why)


def _outdated(found: Workspace, count: int) -> None:
    """Say that some copies were made for labels that changed since, and offer to make them again."""
    if not count:
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":orange[:material/history:] **{count:,}** adversarial copies move away from labels that you have "
                "changed since. They are shown as they are, and no set is exported before they are made again."
            )
            panel.offer(found, FOR_SELECTION, "Make them again", key="make-again", help="all other copies are kept")
        panel.job_strip(found, done=False)


def empty(title: str, text: str) -> NoReturn:
    """Draw an empty state that says what to do next, and end the page. Raises: Done."""
    with st.container(border=True, horizontal_alignment="center"):
        st.subheader(title)
        st.write(text)
        st.page_link("workspace.py", label="Open the Workspace page", icon=":material/database:")
    raise Done


def _compute(found: Workspace, why: str) -> NoReturn:
    """Draw what is missing and the button that computes it, and end the page. Raises: Done."""
    with st.container(border=True):
        st.subheader("Not ready yet")
        st.write(f"{why[:1].upper()}{why[1:]}.")
        panel.offer(
            found, FOR_SELECTION, "Compute what is missing", key="compute-missing", help="finished parts are reused"
        )
        panel.job_strip(found, done=False)
        st.page_link("workspace.py", label="Open the Workspace page", icon=":material/database:")
    raise Done


def _take(**parts: Any) -> None:
    state.change(**parts)


def warn_of_shortages(opened: Opened) -> None:
    """Say which family is short by how many, and offer what would fit; and which classes a balanced one lacks."""
    for sentence in opened.selected.unbalanced(opened.pipeline.samples.classes):
        st.markdown(f":orange[:material/warning:] {sentence}.")
    for index, shortage in enumerate(opened.selected.shortages):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f":orange[:material/warning:] {shortage.sentence}")
            for field, value, words in shortage.offers:
                st.button(words, key=f"fit-{index}-{field}", on_click=_take, kwargs={field: value}, type="tertiary")
