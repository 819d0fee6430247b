"""Loops compiled to machine code at their first call."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def runs_compiled(device: torch.device) -> bool:
    """Say whether compiled loops do the work on a device: on a CPU with Numba; elsewhere torch gives the same bits."""
    return device.type == "cpu" and _numba_is_here()


@cache
def _numba_is_here() -> bool:
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


def compiled(**flags: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles, with Numba's flags, what then runs without Python's lock."""

    import numba  # a machine with a GPU can do without

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(nogil=True, cache=True, **flags)(function)
        except RuntimeError:  # nowhere to keep what was compiled: a read-only installation without a home
            return numba.njit(nogil=True, **flags)(function)

    return decorate
