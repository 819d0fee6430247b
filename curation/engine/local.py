"""Runs shards one after the other in this process; torch uses all cores or the GPU inside each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from curation.engine.base import Task


class LocalEngine:
    """The default engine."""

    def run(self, tasks: Iterable[Task]) -> Iterator[int]:
        """Run every task in order; see ``Engine.run``."""
        for task in tasks:
            yield task()
