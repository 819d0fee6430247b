"""The frame of every page: configuration, login, sidebar and navigation. Runs first for every address."""

import streamlit as st

from pages.ui import shell

st.set_page_config(page_title="Curation", page_icon=str(shell.ICON), layout="wide")
shell.style()
shell.gate()

page = st.navigation(
    {
        "Data": [
            st.Page("home.py", title="Curation", default=True, visibility="hidden"),
            st.Page("workspace.py", title="Workspace", icon=":material/database:", url_path="workspace"),
        ],
        "Curate": [
            st.Page("boundary.py", title="Boundary", icon=":material/target:", url_path="boundary"),
            st.Page("map.py", title="Map", icon=":material/scatter_plot:", url_path="map"),
            st.Page("variants.py", title="Variants", icon=":material/grid_view:", url_path="variants"),
            st.Page("labels.py", title="Labels", icon=":material/label_off:", url_path="labels"),
            st.Page("mix.py", title="Mix", icon=":material/tune:", url_path="mix"),
            st.Page("compare.py", title="Compare", icon=":material/compare_arrows:", url_path="compare"),
        ],
        "Result": [
            st.Page("evaluate.py", title="Evaluate", icon=":material/leaderboard:", url_path="evaluate"),
            st.Page("present.py", title="Present", icon=":material/slideshow:", url_path="present"),
            st.Page("export.py", title="Export", icon=":material/download:", url_path="export"),
        ],
    }
)
shell.run(page)
