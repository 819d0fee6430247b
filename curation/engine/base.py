"""The contract of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")

Tell = Callable[[int, int, str], None]
"""Called in a task with the units of it that are done, those in all, and a few words; may raise to stop the task."""

Task = Callable[[Tell], T]
"""One independent piece of work: picklable and idempotent.

A stage's task writes its own results and returns how many units it did: images, or images times epochs of a training.
"""

Relay = Callable[[int, int, int, str], None]
"""Called with the index of a task in flight and what it tells; may raise ``Cancelled`` to stop everything."""


class Engine(Protocol):
    """Runs independent tasks, in any order, anywhere that reaches the workspace."""

    @property
    def device(self) -> str:
        """Where tasks compute: cuda, mps or cpu."""
        ...

    @property
    def elsewhere(self) -> bool:
        """Whether tasks compute in other processes, which must see the same files: see ``reach``."""
        ...

    def reach(self, paths: Mapping[str, Path]) -> None:
        """Make sure, before any work, that whatever computes sees some paths; by what people call each of them.

        Raises: CurationError naming who does not see what.
        """
        ...

    def run(self, tasks: Sequence[Task[T]], *, relay: Relay | None = None) -> Iterator[tuple[int, T]]:
        """Run every task and yield its index and what it returned, as it ends.

        An abandoned iterator starts no more tasks. Raises: what a task raised; the results of the others are kept.
        """
        ...
