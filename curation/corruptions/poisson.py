"""Poisson counts from per-sample streams, exact to 32 bits, by inversion of a table of the distribution."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from curation.randomness import SampleRandom

_LEVELS = 256
_BITS = 32


@lru_cache(maxsize=32)
def _inverse(rate: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the sorted keys level·2³² + P(count ≤ k)·2³² of all levels, and what turns a position into a count."""
    mean = torch.arange(_LEVELS, dtype=torch.float64)[:, None] * (rate / (_LEVELS - 1))
    count = torch.arange(int(rate + 8 * rate**0.5 + 16), dtype=torch.float64)[None, :]
    cumulative = (torch.special.gammaincc(count + 1, mean) * 2.0**_BITS).round().to(torch.int64)
    undecided = (cumulative > 0) & (cumulative < 1 << _BITS)
    keys = (cumulative + (torch.arange(_LEVELS)[:, None] << _BITS))[undecided]
    never = (cumulative == 0).sum(dim=1)
    before = undecided.sum(dim=1).cumsum(0) - undecided.sum(dim=1)
    return keys.to(device), (never - before).to(device)


def poisson(random: SampleRandom, images: Tensor, *, rate: float) -> Tensor:
    """Return Poisson counts of mean ``images · rate``.

    Args:
        random: the samples' streams.
        images: float32 N×C×H×W in [0, 1], read at 8-bit levels as images at rest are.
        rate: the mean count of a white pixel, at most a few thousand.

    Returns: float32 N×C×H×W, whole numbers.
    """
    keys, count_of = _inverse(rate, images.device)
    level = (images * (_LEVELS - 1)).round().to(torch.int64)
    unit = random.bits(*images.shape[1:]).to(torch.int64) & ((1 << _BITS) - 1)
    position = torch.searchsorted(keys, (level << _BITS) | unit, right=True)
    return (position + count_of[level]).to(torch.float32)
