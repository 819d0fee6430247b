"""Launcher of the dashboard: `streamlit run app.py`, or better `curation app`."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamlit import App

from pages.ui import assets, downloads, shell, thumbnails


@asynccontextmanager
async def loading(_: App) -> AsyncIterator[None]:
    """Load what is heavy from the start, while a browser opens: the first page then waits for less."""
    threading.Thread(target=shell.load, daemon=True).start()
    yield


app = App("pages/_shell.py", routes=[*assets.routes, *downloads.routes, *thumbnails.routes], lifespan=loading)
