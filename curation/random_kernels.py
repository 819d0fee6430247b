"""Random bits on a CPU, compiled: those that ``randomness`` computes on any device, in one pass over memory."""

from __future__ import annotations

import numpy as np
from numpy import uint32

from curation.compilation import compiled


@compiled()
def _mix(x: uint32) -> uint32:
    """lowbias32; every step is cut to 32 bits, for Numba computes in 64."""
    x = uint32(uint32(x ^ (x >> uint32(16))) * uint32(0x7FEB352D))
    x = uint32(uint32(x ^ (x >> uint32(15))) * uint32(0x846CA68B))
    return uint32(x ^ (x >> uint32(16)))


@compiled()
def _hashed(place: int, low: uint32, key: uint32) -> uint32:
    return _mix(uint32(_mix(uint32(uint32(uint32(place) * uint32(0x9E3779B9)) + low)) ^ key))


@compiled()
def fill_bits(low: np.ndarray, high: np.ndarray, draw: int, out: np.ndarray) -> None:
    """Fill uint32 N×M with a draw's bits; low, high: the halves of the samples' seeds, each uint32 N."""
    number = _mix(uint32(draw))
    for sample in range(out.shape[0]):
        start, key = low[sample], _mix(uint32(high[sample] ^ number))
        for place in range(out.shape[1]):
            out[sample, place] = _hashed(place, start, key)


@compiled()
def fill_units(low: np.ndarray, high: np.ndarray, draw: int, out: np.ndarray) -> None:
    """Fill float32 N×M with the upper 24 bits of what ``fill_bits`` gives, over 2²⁴."""
    number = _mix(uint32(draw))
    for sample in range(out.shape[0]):
        start, key = low[sample], _mix(uint32(high[sample] ^ number))
        for place in range(out.shape[1]):
            x = _hashed(place, start, key)
            out[sample, place] = np.float32(np.int32(x >> uint32(8))) * np.float32(2.0**-24)
