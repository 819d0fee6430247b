"""The contract of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

Task = Callable[[], int]
"""One shard's work: picklable, idempotent, writes its own shard and returns how many images it handled."""


class Engine(Protocol):
    """Runs independent tasks, in any order, anywhere that reaches the workspace."""

    def run(self, tasks: Iterable[Task]) -> Iterator[int]:
        """Run every task and yield what each returned as it ends; an abandoned iterator starts no more of them."""
        ...
