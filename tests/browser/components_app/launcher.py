"""The same page with the routes that the dashboard's own launcher has."""

from streamlit import App

from pages.ui import assets, thumbnails

app = App("app.py", routes=[*assets.routes, *thumbnails.routes])
