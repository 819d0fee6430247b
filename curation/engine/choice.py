"""The one way in to an engine."""

from __future__ import annotations

from typing import Any, Literal, get_args

from curation.engine.base import Engine
from curation.engine.local import LocalEngine
from curation.errors import UsageError, unknown_name

EngineName = Literal["local", "ray"]
ENGINES: tuple[str, ...] = get_args(EngineName)
"""Every engine by its name: this process, or a Ray cluster."""


def choose(name: str = "local", *, device: str | None = None, **ray: Any) -> Engine:
    """Return an engine. Args: device: None: the fastest; ray: address and gpus, see ``RayEngine``.

    Raises: UsageError naming the nearest right name, or that the engine is not installed; CurationError: no cluster.
    """
    if name not in ENGINES:
        raise UsageError(unknown_name("engine", name, ENGINES))
    given = {option: value for option, value in ray.items() if value is not None}
    if name == "local":
        if given:
            raise UsageError(f"{next(iter(given))} is of the engine ray; add --engine ray")
        return LocalEngine(device)
    from curation.engine.ray import RayEngine

    return RayEngine(device, **given)
