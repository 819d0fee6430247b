"""Loops compiled to machine code at their first call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(**flags: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles, with Numba's flags, what then runs without Python's lock."""

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(nogil=True, cache=True, **flags)(function)
        except RuntimeError:  # nowhere to keep what was compiled: a read-only installation without a home
            return numba.njit(nogil=True, **flags)(function)

    return decorate
