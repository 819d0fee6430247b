"""Is a curated set better, by how much and how clearly: the leaderboard, the errors, the steps, goal models, tuning."""

import streamlit as st

from pages.ui import state
from pages.ui.evaluate import goal_models, leaderboard, mistakes, steps, tune
from pages.ui.opened import empty

VIEWS = {
    "Leaderboard": leaderboard.draw,
    "Where it errs": mistakes.draw,
    "What each step gives": steps.draw,
    "Goal models": goal_models.draw,
    "Tune": tune.draw,
}

found = state.workspace()
if found is None:
    empty("Nothing to look at yet", "Choose a source of images on the Workspace page; the demo takes a minute.")
for key in [str(key) for key in st.session_state]:
    # Streamlit forgets what was typed in a view that is not drawn; what is written again it keeps.
    if key.startswith(("begin-", "wrong-", "tune-")):
        st.session_state[key] = st.session_state[key]
wanted = st.session_state.pop("evaluate-go", None)
if wanted:
    st.session_state["look"] = wanted
elif "look" not in st.session_state and st.query_params.get("look") not in VIEWS:
    st.session_state["look"] = "Leaderboard"
look = st.segmented_control(
    "View", list(VIEWS), key="look", bind="query-params", required=True, label_visibility="collapsed"
)
VIEWS[look or "Leaderboard"](found)
