"""Plug-ins of other installed packages: the classes in their entry point group ``curation.plugins``."""

from __future__ import annotations

import inspect
import threading
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from curation.errors import note_plugin

GROUP = "curation.plugins"

_lock = threading.RLock()
_offered: list[Offered] = []
_state = {"loading": False, "loaded": False}


class Offered(NamedTuple):
    """A plug-in class, and the package that it is of."""

    package: str
    plugin: type[Any]


def offered(family: str) -> list[Offered] | None:
    """Return what installed packages add to a family, by package and entry point; None while they are being loaded.

    Every package is loaded once a process. One that is broken is left out, with one warning sentence that names it.
    """
    with _lock:
        if _state["loading"]:  # a package that is being loaded asks for a registry
            return None
        if not _state["loaded"]:
            _state["loading"] = True
            try:
                _offered.extend(found for found in map(_load, _points()) if found)
            finally:
                _state.update(loading=False, loaded=True)
        return [found for found in _offered if found.plugin.family == family]


def _points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: (_package(point), point.name))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _load(point: EntryPoint) -> Offered | None:
    package = _package(point)
    try:
        plugin = point.load()
        wrong = _fault(plugin)
    except Exception as error:  # whatever a stranger's module raises
        wrong = f"cannot be loaded ({type(error).__name__}: {error})"
    if wrong:
        note_plugin(
            f"the package {package} offers the plug-in {point.name}, which {wrong}; it is left out: update or "
            f"uninstall {package}"
        )
        return None
    return Offered(package, plugin)


def _fault(plugin: Any) -> str | None:
    """Return what is wrong with an object that is offered, in words."""
    if not isinstance(plugin, type) or not getattr(plugin, "family", ""):
        return "is no class derived from a family's base class, such as Corruption"
    if inspect.isabstract(plugin):
        return f"does not write {', '.join(sorted(getattr(plugin, '__abstractmethods__', ())))}"
    lacking = [name for name in ("name", "title") if not isinstance(getattr(plugin, name, None), str)]
    return f"has no {' and no '.join(lacking)}" if lacking else None
