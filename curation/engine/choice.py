"""The one way in to an engine."""

from __future__ import annotations

from collections.abc import Callable

from curation.engine.base import Engine
from curation.engine.local import LocalEngine
from curation.errors import UsageError, unknown_name

ENGINES: dict[str, Callable[[str | None], Engine]] = {"local": LocalEngine}
"""Every engine by its name, made for a device (None: the fastest)."""


def choose(name: str = "local", *, device: str | None = None) -> Engine:
    """Return an engine. Raises: UsageError naming the nearest right name."""
    if name not in ENGINES:
        raise UsageError(unknown_name("engine", name, ENGINES))
    return ENGINES[name](device)
