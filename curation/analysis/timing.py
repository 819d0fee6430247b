"""How long a piece of work takes on a device."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def shortest_run(work: Callable[[], object], device: str, *, warm_up: bool = False) -> float:
    """Return the shorter of two runs, in seconds; with ``warm_up`` after a first one that does not count."""
    times = []
    for _ in range(2 + warm_up):
        start = time.perf_counter()
        work()
        if device != "cpu":
            getattr(torch, device).synchronize()
        times.append(time.perf_counter() - start)
    return min(times[warm_up:])
