"""Launcher of the dashboard: `streamlit run app.py`, or better `curation app`."""

from streamlit import App

from pages.ui.downloads import routes

app = App("pages/_shell.py", routes=routes)
