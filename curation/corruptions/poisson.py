"""Poisson counts from per-sample streams, exact to 32 bits, by the alias method: one look-up a count."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy import special
from torch import Tensor

from curation.compilation import runs_compiled
from curation.randomness import SampleRandom

_LEVELS = 256
_BITS = 32


@lru_cache(maxsize=32)
def _alias_table(rate: float, device: torch.device) -> tuple[Tensor, int]:
    """Return the table, int32 256·columns, and the number of bits that choose a column (a count) of a level's row.

    The other bits decide, against the entry's upper bits, between that count and the one in the entry's lower bits.
    Source: Walker 1977, in integers: of a level's 2³² equal chances every column holds the same number.
    """
    column_bits = (int(rate + 8 * rate**0.5 + 16) - 1).bit_length()
    columns, room = 1 << column_bits, 1 << (_BITS - column_bits)
    mean = np.arange(_LEVELS)[:, None] * (rate / (_LEVELS - 1))
    chances = np.round(special.gammaincc(np.arange(1, columns + 1), mean) * 2.0**_BITS).astype(np.int64)
    chances[:, -1] = 1 << _BITS
    chances = np.diff(chances, axis=1, prepend=0)

    level = np.arange(_LEVELS)
    light_first = np.argsort(chances > room, axis=1, kind="stable")
    light, heavy = np.zeros(_LEVELS, dtype=int), (chances <= room).sum(axis=1)
    left = chances[level, light_first[level, heavy]]
    own, other = np.zeros_like(chances), np.tile(np.arange(columns), (_LEVELS, 1))
    for _ in range(columns):
        # A heavy count fills up the columns of light ones; when it has become light, the next heavy one fills up its.
        giver = light_first[level, heavy]
        fills = left > room
        following = light_first[level, np.minimum(heavy + 1, columns - 1)]
        column = np.where(fills, light_first[level, light], giver)
        kept = np.where(fills, chances[level, column], left)
        own[level, column] = kept
        other[level, column] = np.where(kept < room, np.where(fills, giver, following), column)
        left = np.where(fills, left, chances[level, following]) - (room - kept)
        light, heavy = light + fills, np.minimum(heavy + ~fills, columns - 1)
    entries = (np.minimum(own, room - 1) << column_bits) | other
    return torch.from_numpy(entries.astype(np.uint32).view(np.int32)).flatten().to(device), column_bits


def poisson(random: SampleRandom, images: Tensor, *, rate: float) -> Tensor:
    """Return Poisson counts of mean ``images · rate``.

    Args:
        random: the samples' streams.
        images: float32 N×C×H×W in [0, 1], read at 8-bit levels as images at rest are.
        rate: the mean count of a white pixel, at most a few thousand.

    Returns: float32 N×C×H×W, whole numbers.
    """
    table, column_bits = _alias_table(rate, images.device)
    low_bits = _BITS - column_bits
    drawn = random.bits(*images.shape[1:])
    if runs_compiled(images.device):
        from curation.corruptions.noise_kernels import count

        counts = torch.empty_like(images)
        flat = images.contiguous().view(-1).numpy(), drawn.view(-1).numpy().view(np.uint32)
        count(*flat, table.numpy().view(np.uint32), column_bits, counts.view(-1).numpy())
        return counts
    column = (drawn >> low_bits).bitwise_and_((1 << column_bits) - 1)
    level = (images * (_LEVELS - 1)).round_().to(torch.int32)
    entry = table.index_select(0, (level << column_bits).add_(column).flatten()).view_as(drawn)
    own = (entry >> column_bits).bitwise_and_((1 << low_bits) - 1)
    chosen = drawn.bitwise_and_((1 << low_bits) - 1) < own
    return torch.where(chosen, column, entry.bitwise_and_((1 << column_bits) - 1)).to(torch.float32)
