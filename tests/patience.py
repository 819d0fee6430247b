"""Waiting for what other processes do: as long as it takes, and an error only where it hangs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_S = 1200
"""No machine is so slow or busy that anything in these tests takes as long."""


def wait_for(look: Callable[[], Found | None], *, words: Callable[[], object] = str) -> Found:
    """Return what ``look`` finds, once it finds something. Raises: AssertionError with ``words`` when it never does."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"given up after {PATIENCE_S} s: {words()}")
