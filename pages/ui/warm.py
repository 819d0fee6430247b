"""Heavy imports start in the background with the server, so that the first page paints before torch is loaded."""

from __future__ import annotations

import importlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Begin importing the pipeline (torch and all) when the server starts."""
    threading.Thread(target=importlib.import_module, args=("curation.pipeline",), daemon=True).start()
    yield
