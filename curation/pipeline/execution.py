"""A stage at work: its tasks go to the engine, its results are kept as they come, its progress is told."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from curation.engine import Engine, Task, Tell
from curation.pipeline.plan import Plan
from curation.progress import Progress, Report
from curation.storage.shards import Shards

NOTED_S = 10.0
"""What results cost is noted so often; a killed process loses that much of it."""


@dataclass(frozen=True)
class Result:
    """What a stage makes: shards, the units in each (int64), and what is written with them, shard for shard."""

    shards: Shards
    sizes: np.ndarray
    beside: Shards | None = None

    def missing(self, *, verify: bool = False) -> list[int]:
        """Return the indices still to be computed; see ``Shards.missing``."""
        beside = self.beside.missing(verify=verify) if self.beside else []
        return sorted({*self.shards.missing(verify=verify), *beside})


@dataclass(frozen=True)
class Work:
    """How a result is made: what writes some of its shards and returns the units done, and how many it takes at once.

    task must be picklable and idempotent; see ``engine.Task``.
    """

    result: Result
    task: Callable[[Sequence[int]], int]
    together: int = 1


def each(task: Callable[[int], int], indices: Sequence[int]) -> int:
    """Do a task that makes one shard for some of them; bind the task to have what ``Work`` takes."""
    return sum(task(index) for index in indices)


class Execution:
    """One stage of a plan, being computed."""

    def __init__(self, stage: str, plan: Plan, engine: Engine, report: Report) -> None:
        """Args: report: receives the progress, and may raise ``Cancelled``."""
        self.stage = stage
        self.plan = plan
        self.engine = engine
        self._report = report

    def tell(self, done: int, total: int, *, unit: str = "images", note: str = "") -> None:
        """Report how far the stage is. Raises: Cancelled."""
        self._report(Progress(self.stage, done, total, unit, note))

    @contextmanager
    def alone(self, key: str, total: int, *, unit: str = "images") -> Iterator[None]:
        """Hold the workspace's lock on one result, so that two processes never compute it twice."""
        waiting = partial(self.tell, 0, total, unit=unit, note="waiting for another process")
        with self.plan.workspace.lock(key, waiting=waiting):
            yield

    @contextmanager
    def timed(self, result: Shards) -> Iterator[None]:
        """Add the seconds spent inside to what a kept result cost."""
        start = time.monotonic()
        yield
        self.plan.workspace.add_seconds(result, time.monotonic() - start)

    def shards(self, work: Sequence[Work]) -> None:
        """Compute the missing shards of several results that make one stage."""
        total = sum(int(part.result.sizes.sum()) for part in work)
        done = total - sum(int(part.result.sizes[part.result.missing()].sum()) for part in work)
        self.tell(done, total)
        for part in work:
            result = part.result
            if not result.missing(verify=True):
                continue
            waiting = partial(self.tell, done, total, note="waiting for another process")
            with self.plan.workspace.lock(result.shards.folder.name, waiting=waiting):
                missing = result.missing()
                tasks = [
                    _ShardTask(part.task, missing[at : at + part.together])
                    for at in range(0, len(missing), part.together)
                ]
                for _, (handled, seconds) in self.engine.run(tasks):
                    self.plan.workspace.add_seconds(result.shards, seconds)
                    done += handled
                    self.tell(min(done, total), total)
        self.tell(total, total)

    def blocks(
        self,
        results: Sequence[Result],
        task: Callable[[list[int], list[int], Tell], tuple[int, Mapping[int, float]]],
        *,
        locks: Iterable[str],
        together: int = 1,
    ) -> None:
        """Compute the missing shards of several results that are cut alike: a task for all that lack the same shards.

        Args:
            task: an ``engine.Task`` once it is given the indices of shards and the places of the results that lack
                them; returns the units done, and the seconds of each place.
            locks: that two processes with some of these results never compute at once.
            together: shards that a task takes.
        """
        total = sum(int(result.sizes.sum()) for result in results)
        spent = _Spent(self.plan, results)
        with ExitStack() as held:
            for lock in sorted({*locks}):  # in one order, so that two never wait for each other
                held.enter_context(self.alone(lock, total))
            held.enter_context(spent)
            lacking: dict[int, list[int]] = defaultdict(list)
            left = 0
            for place, result in enumerate(results):
                for index in result.missing(verify=True):
                    lacking[index].append(place)
                    left += int(result.sizes[index])
            self.tell(total - left, total)
            tasks = []
            for places, group in groupby(sorted(lacking), lacking.__getitem__):
                indices = list(group)
                tasks += [partial(task, indices[at : at + together], places) for at in range(0, len(indices), together)]
            run_tasks(
                self.engine, tasks, self.stage, done=total - left, total=total, report=self._report, units=spent.take
            )
        self.tell(total, total)

    def tasks(self, tasks: Sequence[Task[int]], *, done: int = 0, total: int | None = None) -> None:
        """Run long tasks that tell how far they are, such as trainings; see ``run_tasks``."""
        run_tasks(self.engine, tasks, self.stage, done=done, total=total, report=self._report)


def run_tasks(
    engine: Engine,
    tasks: Sequence[Task[Any]],
    stage: str,
    *,
    done: int = 0,
    total: int | None = None,
    report: Report,
    units: Callable[[Any], int] = int,
) -> int:
    """Run tasks that tell how far they are, and report them as one; return the units they did.

    Args: done: units found done; total: units in all, None: what the tasks tell; units: takes what a task returned.
    Raises: Cancelled, when ``report`` asks to stop; what a task raised.
    """
    ended, flight = done, dict.fromkeys(range(len(tasks)), (0, 0))

    def relay(index: int, units: int, of: int, words: str) -> None:
        flight[index] = units, of
        now = ended + sum(units for units, _ in flight.values())
        report(Progress(stage, now, total or max(now, ended + sum(of for _, of in flight.values())), note=words))

    for index, found in engine.run(tasks, relay=relay):
        del flight[index]
        ended += units(found)
    return ended - done


class _Spent:
    """Notes what results cost, now and then: with many workers a note a shard would take longer than the work."""

    def __init__(self, plan: Plan, results: Sequence[Result]) -> None:
        self._plan, self._results = plan, results
        self._seconds, self._noted = dict[int, float](), time.monotonic()

    def take(self, found: tuple[int, Mapping[int, float]]) -> int:
        """Take the seconds of each place; return the units done."""
        for place, seconds in found[1].items():
            self._seconds[place] = self._seconds.get(place, 0.0) + seconds
        if time.monotonic() - self._noted > NOTED_S:
            self._note()
        return found[0]

    def _note(self) -> None:
        for place, seconds in self._seconds.items():
            self._plan.workspace.add_seconds(self._results[place].shards, seconds)
        self._seconds, self._noted = {}, time.monotonic()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._note()


@dataclass(frozen=True)
class _ShardTask:
    task: Callable[[Sequence[int]], int]
    indices: list[int]

    def __call__(self, tell: Tell) -> tuple[int, float]:
        """Return the units done, and the seconds that they took."""
        start = time.monotonic()
        return self.task(self.indices), time.monotonic() - start
