"""What a source is, before it is read: drawn under the form of a new workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from curation.errors import CurationError, Undecided
from curation.readers.preview import Preview
from pages.ui import resources

_ICONS = {"note": ":material/info:", "warning": ":material/warning:"}


def draw(asked: Mapping[str, Any], *, read: Callable[[], None], choose: Callable[[str, str], None]) -> None:
    """Draw the preview of a source, or the question that it leaves open.

    Args: asked: ``session.NEW_SOURCE``; read: reads it, and may raise CurationError; choose: answers the question.
    """
    try:
        found = resources.preview(asked["source"], asked["looks"])
    except Undecided as question:
        _ask(question, choose)
        return
    except CurationError as error:
        st.error(str(error))
        return
    with st.container(border=True):
        st.markdown("**Before anything is read**")
        facts, classes = st.columns([3, 2], gap="large")
        with facts:
            st.markdown("\n".join(f"- {name}: {words}" for name, words in found.in_words().items()))
        classes.dataframe(
            {"class": list(found.classes), "samples": list(found.classes.values())}, hide_index=True, height=260
        )
        _findings(found)
        _cost(asked)
        if st.button("Read the images", type="primary", key="new-read"):
            try:
                read()
            except CurationError as error:
                st.error(str(error))
            else:
                st.rerun()


def _ask(question: Undecided, choose: Callable[[str, str], None]) -> None:
    st.warning(f"{question.what}.", icon=":material/help:")
    for value, means in question.choices.items():
        label = means[:1].upper() + means[1:]
        st.button(label, key=f"new-choose-{value}", on_click=choose, args=(question.field, value))


def _cost(asked: Mapping[str, Any]) -> None:
    try:
        cost = resources.expected_of(asked["source"], asked["looks"])
    except CurationError as error:
        st.warning(f"A first recipe cannot run: {error}.", icon=_ICONS["warning"])
        return
    st.caption(f"A first recipe takes {cost.sentence}.")


def _findings(found: Preview) -> None:
    warnings = [finding for finding in found.findings if finding.level == "warning"]
    for finding in warnings:
        st.warning(str(finding), icon=_ICONS["warning"])
    notes = [finding for finding in found.findings if finding.level == "note"]
    if notes:
        with st.expander(f"{len(notes)} note{'s' * (len(notes) > 1)}", expanded=not warnings, icon=_ICONS["note"]):
            st.markdown("\n".join(f"- {note}" for note in notes))
