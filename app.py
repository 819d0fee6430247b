"""Launcher of the dashboard: `streamlit run app.py`, or better `curation app`."""

from streamlit import App

from pages.ui import downloads, thumbnails

app = App("pages/_shell.py", routes=[*downloads.routes, *thumbnails.routes])
