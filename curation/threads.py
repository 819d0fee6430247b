"""How many threads torch computes with, and how they wait for each other.

torch is loaded only when it is needed: the policy must be set before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


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
