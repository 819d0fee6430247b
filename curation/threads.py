"""How many threads torch computes with, how they wait for each other, and what others do meanwhile.

torch is loaded only when it is needed: the policy must be set before.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

ASIDE = 4
"""Threads that write what an accelerator made."""

WAITING = 16
"""Pieces of such work that wait at most, so that memory does not grow where the disk is slower."""


def wait_passively() -> None:
    """Let OpenMP's threads sleep while they wait, unless ``OMP_WAIT_POLICY`` is set; takes effect before torch loads.

    By default they spin, which takes the cores from whatever else runs: see docs/training.md.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@contextmanager
def torch_threads(count: int | None = None) -> Iterator[None]:
    """Inside, torch computes on the CPU with ``count`` threads, however many cores there are; then as before.

    Sums are split among threads, so their number decides how a result is rounded. None: whatever runs inside may set
    the number, which other libraries share with torch.
    """
    import torch

    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def aside(device: str) -> Iterator[Callable[..., None]]:
    """Inside, call what is given with a function and its arguments: other threads do it while an accelerator works on.

    At the end all of it is done, in any order, also where the work was stopped. On a CPU it is done at once.
    Raises: what the first that failed raised, at a later call or at the end.
    """
    if device == "cpu":
        yield lambda function, *args: function(*args)
        return
    flight = deque[Future[Any]]()

    def later(function: Callable[..., Any], *args: Any) -> None:
        if len(flight) >= WAITING:
            flight.popleft().result()
        flight.append(pool.submit(function, *args))

    with ThreadPoolExecutor(ASIDE, "aside") as pool:
        yield later
        for done in flight:
            done.result()
