"""The benchmark's page with the routes that serve the dashboard's map."""

from streamlit import App

from pages.ui import assets

app = App("map_page.py", routes=assets.routes)
