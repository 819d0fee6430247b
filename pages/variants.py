"""Corrupted and adversarial copies: of one sample, live, across samples, what they do, and where they are kept."""

import streamlit as st

from pages.ui.opened import open_model
from pages.ui.variants import across, database, effect, live, sample

VIEWS = {
    "One sample": sample.draw,
    "Live attack": live.draw,
    "Across samples": across.draw,
    "What hurts": effect.draw,
    "Database": database.draw,
}

prepared = open_model()
wanted = st.session_state.pop("variants-go", None)
if wanted:
    st.session_state["view"] = wanted
view = st.segmented_control(
    "View",
    list(VIEWS),
    default="One sample",
    key="view",
    bind="query-params",
    required=True,
    label_visibility="collapsed",
)
VIEWS[view or "One sample"](prepared)
