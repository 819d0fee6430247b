"""A source that changed since it was read: said on every page, with the choice to read it again or to keep."""

from __future__ import annotations

import streamlit as st

from curation.errors import CurationError
from curation.pipeline.freshness import SourceChanged, change
from curation.pipeline.plan import Plan
from pages.ui import panel, state

LOOKED_AT_S = 20
"""The files are looked at again after so many seconds: a large folder's names take a moment."""


def ask() -> None:
    """Say that the working recipe's source has changed, where it has, and draw the choice."""
    found = state.workspace()
    if found is None:
        return
    try:
        plan = Plan(state.recipe(), found, device="cpu")
        changed = _change(str(found.root), plan.source_spec, plan.samples_key or "", plan)
    except CurationError:  # the page says what is wrong
        return
    if changed is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="source-changed"):
        words = str(changed)
        st.markdown(f":orange[:material/warning:] {words[:1].upper()}{words[1:]}.")
        st.button("Read it again", on_click=_read, args=(changed,), key="source-read", type="primary")
        st.button("Keep the images as they were read", on_click=_keep, args=(changed,), key="source-keep")


@st.cache_resource(ttl=LOOKED_AT_S, max_entries=16, show_spinner=False)
def _change(root: str, spec: str, key: str, _plan: Plan) -> SourceChanged | None:
    return change(_plan)


def _read(changed: SourceChanged) -> None:
    changed.read_again()
    _change.clear()
    panel.start(("ingest",))


def _keep(changed: SourceChanged) -> None:
    changed.keep()
    _change.clear()
