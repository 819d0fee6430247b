"""Launcher of the dashboard: `streamlit run app.py`, or better `curation app`."""

from streamlit import App

from pages.ui.downloads import routes
from pages.ui.warm import lifespan

app = App("pages/_shell.py", routes=routes, lifespan=lifespan)
