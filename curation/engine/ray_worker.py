"""What runs in the workers of a Ray cluster: one task, or a look at what the node sees."""

from __future__ import annotations

import importlib
import os
import platform
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curation.engine.base import Task
from curation.errors import NOTES
from curation.threads import torch_threads

POLL_S = 0.25
"""Progress is told by a task, and looked for, at most so often."""

VERSIONS = ("curation", "torch", "numpy")
"""Packages that must be the same everywhere, for results depend on them."""


def call(
    kept: Sequence[Any], index: int, letters: tuple[Any, int] | None, folder: Path, threads: int | None
) -> tuple[Any, list[tuple[type[Warning], str]]]:
    """Do one task in a worker, as if in the folder where the work was started; return also its notes for people."""
    with suppress(OSError):  # only relative paths need it, and those were looked for
        os.chdir(folder)
    tell = _Letters(*letters, index) if letters else _ignore
    with torch_threads(threads), warnings.catch_warnings(record=True) as found:
        for kind in NOTES:
            warnings.simplefilter("always", kind)
        result = _opened(kept[0])[index](tell)
    return result, [(note.category, str(note.message)) for note in found if issubclass(note.category, tuple(NOTES))]


@lru_cache(maxsize=1)
def _opened(kept: Any) -> Sequence[Task[Any]]:
    tasks: Sequence[Task[Any]] = importlib.import_module("ray").get(kept)
    return tasks


class _Letters:
    """Tells how far a task is, now and then."""

    def __init__(self, queue: Any, run: int, index: int) -> None:
        self._send = partial(self._put, queue, run, index)
        self._next = 0.0

    @staticmethod
    def _put(queue: Any, run: int, index: int, *told: Any) -> None:
        queue.actor.put_nowait.remote((run, index, *told))

    def __call__(self, done: int, total: int, words: str) -> None:
        if time.monotonic() >= self._next or done >= total:
            self._next = time.monotonic() + POLL_S
            self._send(done, total, words)


def _ignore(done: int, total: int, words: str) -> None:
    """Take what a task tells and do nothing with it."""


def seen(paths: Mapping[str, Path]) -> tuple[dict[str, str], list[str]]:
    """Return a node's versions, and which paths it does not see."""
    return versions(), [name for name, path in paths.items() if not path.exists()]


def versions() -> dict[str, str]:
    """Return the versions, by name, of what results depend on."""
    return {"Python": platform.python_version(), **{name: version(name) for name in VERSIONS}}
