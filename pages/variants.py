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

BUTTONS = {"database-run", "database-adopt"}

prepared = open_model()
for key in [str(key) for key in st.session_state]:
    # Streamlit forgets what was typed in a view that is not drawn; what is written again it keeps.
    if key.startswith(("database-", "live-", "across-", "effect-")) and key not in BUTTONS:
        st.session_state[key] = st.session_state[key]
wanted = st.session_state.pop("variants-go", None)
if wanted:
    st.session_state["view"] = wanted
elif "view" not in st.session_state and st.query_params.get("view") not in VIEWS:
    st.session_state["view"] = "One sample"
view = st.segmented_control(
    "View",
    list(VIEWS),
    key="view",
    bind="query-params",
    required=True,
    label_visibility="collapsed",
)
VIEWS[view or "One sample"](prepared)
