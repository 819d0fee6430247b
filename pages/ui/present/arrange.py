"""How the result is presented: which steps, in which order, with which words, of which recipe, without what."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation.presentation.settings import Part, Presentation, StepName
from curation.presentation.steps import TELLERS
from curation.storage.workspace import Workspace
from pages.ui import resources, session
from pages.ui.present import kept

WORKING = 0
"""In place of a revision: what is told follows the working recipe."""

BASELINES = {"random_mix": "the same mix, drawn at random", "clean": "clean images alone"}


def draw(found: Workspace, beside: Any) -> None:
    """Draw the steps and the settings; every change is kept at once. Args: beside: not used in this view."""
    chosen = kept.settings(found)
    steps, others = st.columns([3, 2], gap="large")
    with steps:
        st.subheader("Steps")
        for index, part in enumerate(chosen.parts):
            _part(found, chosen, part, index)
    with others:
        _settings(found, chosen)


def _part(found: Workspace, chosen: Presentation, part: Part, index: int) -> None:
    shown, words = session.arranged(f"shown-{part.step}"), session.arranged(f"words-{part.step}")
    shown.set(part.shown)
    words.set(part.words)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.checkbox(
                TELLERS[part.step][0],
                key=shown.key,
                on_change=lambda: _rewrite(found, part.step, shown=shown.get()),
            )
            st.space("stretch")
            _move(found, part.step, -1, ":material/arrow_upward:", "Earlier", disabled=index == 0)
            _move(found, part.step, 1, ":material/arrow_downward:", "Later", disabled=index == len(chosen.parts) - 1)
        if part.shown:
            st.text_area(
                "In your own words",
                key=words.key,
                max_chars=600,
                height=68,
                placeholder="A sentence of your own, above what the step says",
                label_visibility="collapsed",
                on_change=lambda: _rewrite(found, part.step, words=words.get().strip()),
            )


def _move(found: Workspace, step: StepName, by: int, icon: str, say: str, *, disabled: bool) -> None:
    st.button(
        "",
        icon=icon,
        help=say,
        key=f"move-{step}-{by}",
        type="tertiary",
        disabled=disabled,
        on_click=lambda: kept.write(found, kept.settings(found).moved(step, by)),
    )


def _rewrite(found: Workspace, step: StepName, **changes: Any) -> None:
    kept.write(found, kept.settings(found).with_part(step, **changes))


def _settings(found: Workspace, chosen: Presentation) -> None:
    st.subheader("Presentation")
    revisions = found.revisions()[::-1]
    title = _field("title", chosen.title)
    st.text_input(
        "Title", key=title.key, max_chars=120, placeholder="The recipe's name", on_change=_changes(found, "title")
    )
    frozen = _field("revision", chosen.revision or WORKING)
    st.selectbox(
        "Tells of",
        _with(chosen.revision or WORKING, [WORKING, *revisions]),
        key=frozen.key,
        format_func=lambda number: (
            "the working recipe, as it is now" if number == WORKING else f"revision {number}, frozen"
        ),
        on_change=lambda: kept.change(found, revision=frozen.get() or None),
        help="Frozen at a saved revision, the presentation stays as it is when the recipe is changed.",
    )
    against = _field("against", chosen.against)
    st.selectbox(
        "Compared with",
        _with(chosen.against, [*BASELINES, *revisions]),
        key=against.key,
        format_func=lambda one: BASELINES.get(one, f"the set of revision {one}"),
        on_change=_changes(found, "against"),
        help="Who enters and who leaves is told against this set of the same budget.",
    )
    st.subheader("Left out")
    files = _field("redact_files", chosen.redact_files)
    st.checkbox("Names of files and folders", key=files.key, on_change=_changes(found, "redact_files"))
    classes = _field("redact_classes", chosen.redact_classes)
    st.multiselect(
        "Classes",
        resources.pipeline_of(kept.recipe(found, chosen)).samples.classes,
        key=classes.key,
        on_change=_changes(found, "redact_classes"),
        placeholder="none",
        help="Their names are replaced and none of their pictures is shown.",
    )


def _with(value: Any, options: list[Any]) -> list[Any]:
    """Return options with the present value among them, even where it is gone."""
    return options if value in options else [value, *options]


def _field(name: str, value: Any) -> session.Entry[Any]:
    entry = session.arranged(name)
    entry.set(value)
    return entry


def _changes(found: Workspace, name: str) -> Any:
    return lambda: kept.change(found, **{name: session.arranged(name).get()})
