"""Launcher of the dashboard: `streamlit run app.py`, or better `curation app`."""

from pages.ui.downloads import routes
from pages.ui.warm import lifespan
from streamlit import App

app = App("pages/_shell.py", routes=routes, lifespan=lifespan)
