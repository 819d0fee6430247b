"""Steps repeated until nothing changes, without asking an accelerator after each whether it has."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_UNASKED = 32
"""Steps between two questions to an accelerator, which stops for each; on a CPU asking costs next to nothing."""


def settled(step: Callable[[Tensor], Tensor], value: Tensor, *, most: int) -> Tensor:
    """Return a value after as many steps as change it.

    Args:
        step: its result depends on nothing but its argument; where that is settled it returns the same values.
        value: where it begins.
        most: so many steps settle any value; for no more than 32 an accelerator is never asked.
    """
    unasked = 1 if value.device.type == "cpu" else _UNASKED
    for number in range(1, most + 1):
        before, value = value, step(value)
        if number % unasked == 0 and number < most and torch.equal(value, before):
            break
    return value
