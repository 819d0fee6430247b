"""Launcher of the dashboard: `streamlit run app.py`, or better `curation app`."""

from streamlit import App

from pages.ui import assets, downloads, thumbnails

app = App("pages/_shell.py", routes=[*assets.routes, *downloads.routes, *thumbnails.routes])
