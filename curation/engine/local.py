"""Runs tasks one after the other in this process; torch uses all cores or the GPU inside each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from curation.engine.base import Relay, T, Task


class LocalEngine:
    """The default engine."""

    def __init__(self, device: str | None = None) -> None:
        """Args: device: cuda, mps or cpu; None: the fastest there is."""
        self._device = device or best_device()

    @property
    def device(self) -> str:
        """See ``Engine.device``."""
        return self._device

    @property
    def elsewhere(self) -> bool:
        """See ``Engine.elsewhere``."""
        return False

    def reach(self, paths: Mapping[str, Path]) -> None:
        """See ``Engine.reach``: this process sees what it sees."""

    def run(self, tasks: Sequence[Task[T]], *, relay: Relay | None = None) -> Iterator[tuple[int, T]]:
        """Run every task in order; see ``Engine.run``."""
        for index, task in enumerate(tasks):
            yield index, task(partial(relay, index) if relay else _ignore)


def best_device() -> str:
    """Return cuda, mps or cpu: the fastest there is."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def title_of(device: str) -> str:
    """Return what people call a device: the GPU's name, or the CPU with its number of cores."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple GPU" if device == "mps" else f"CPU, {os.cpu_count()} cores"


def _ignore(done: int, total: int, words: str) -> None:
    """Take what a task tells and do nothing with it."""
