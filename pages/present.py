"""The result as a story that needs no presenter: one step at a time, and how it is arranged."""

import streamlit as st

from pages.ui import session, state, views
from pages.ui.opened import empty
from pages.ui.present import arrange, show

found = state.workspace()
if found is None:
    empty("Nothing to present yet", "Choose a source of images on the Workspace page; the demo takes a minute.")
show.style()
with st.container(key="present-bar", horizontal=True, vertical_alignment="center"):
    draw = views.chosen(
        {"Present": show.draw, "Arrange": arrange.draw},
        key=session.PRESENT_VIEW.key,
        go=session.PRESENT_GO.key,
        typed=(),
    )
    st.space("stretch")
    report = st.container(width="content")
draw(found, report)
