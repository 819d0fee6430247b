"""How far long work is: counts, rate and time left, the same for the command line and for background jobs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from curation.errors import CurationError


class Cancelled(CurationError):
    """The work was asked to stop; all that was finished is kept."""

    def __init__(self) -> None:
        super().__init__("cancelled; everything finished so far is kept, run again to go on from there")


WORDS = {
    "suite": "Test suite P",
    "train": "Train targets",
    "measure": "Measure on P",
    "tune": "Tune",
    "export": "Export",
}
"""What is reported besides a recipe's own stages (``stages.titles``), with the words people see."""


@dataclass(frozen=True)
class Progress:
    """One report: ``done`` of ``total`` units of a stage, ``rate`` units/s, ``eta_s`` seconds left (None: unknown)."""

    stage: str
    done: int
    total: int
    unit: str = "images"
    note: str = ""
    rate: float | None = None
    eta_s: float | None = None

    @property
    def speed(self) -> str:
        """The rate as people say it, "1,200 images/s" or, of slow work, "40 s each"; empty where it is unknown."""
        if not self.rate:
            return ""
        if self.rate < 1:
            return f"{duration(1 / self.rate)} each"
        return f"{self.rate:,.1f} {self.unit}/s" if self.rate < 10 else f"{self.rate:,.0f} {self.unit}/s"


Report = Callable[[Progress], None]
"""Receives progress; may raise ``Cancelled`` to stop the work at the next safe place."""


def ignore(progress: Progress) -> None:
    """Take a report and do nothing with it."""


class Meter:
    """Turns counts into a rate over the last ``window_s`` seconds and a time left. Work found done does not count."""

    def __init__(self, window_s: float = 20.0) -> None:
        self._window_s = window_s
        self._stage: str | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def __call__(self, progress: Progress) -> Progress:
        """Return the report with rate and eta_s filled in."""
        now = time.monotonic()
        if progress.stage != self._stage or (self._seen and progress.done < self._seen[-1][1]):
            self._stage = progress.stage
            self._seen.clear()
        self._seen.append((now, progress.done))
        while len(self._seen) > 2 and now - self._seen[0][0] > self._window_s:
            self._seen.popleft()
        elapsed = now - self._seen[0][0]
        gained = progress.done - self._seen[0][1]
        rate = gained / elapsed if elapsed > 0.2 and gained else None
        eta_s = (progress.total - progress.done) / rate if rate else None
        return Progress(progress.stage, progress.done, progress.total, progress.unit, progress.note, rate, eta_s)


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
