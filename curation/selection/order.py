"""Orders as unsigned integers: NumPy partitions plain integers several times faster than it sorts an index."""

from __future__ import annotations

import numpy as np

from curation.selection.pool import CODE_BITS

_HALF = np.uint64(32)


def hardest_first(hardness: np.ndarray) -> np.ndarray:
    """Return uint32 N that fall as the finite float32 ``hardness`` rises; equal where that is equal."""
    bits = (hardness + np.float32(0)).view(np.int32)  # adding 0 makes −0 and 0 the same
    flip = bits >> 31
    np.invert(flip, out=flip)
    flip &= 0x7FFFFFFF
    flip ^= bits
    return flip.view(np.uint32)


def hardness_at(order: np.ndarray | np.uint32) -> float:
    """Return the hardness of one value of ``hardest_first``."""
    bits = np.atleast_1d(np.asarray(order, dtype=np.uint32)).view(np.int32)
    return float((bits ^ (~(bits >> 31) & 0x7FFFFFFF)).view(np.float32)[0])


def first(order: np.ndarray, count: int) -> np.ndarray:
    """Return bool N, the ``count`` smallest; of equal ones the earlier."""
    if count <= 0 or count >= len(order):
        return np.full(len(order), count > 0)
    edge = np.partition(order, count - 1)[count - 1]
    mask = order < edge
    tied = np.flatnonzero(order == edge)
    mask[tied[: count - np.count_nonzero(mask)]] = True
    return mask


def keys(order: np.ndarray) -> np.ndarray:
    """Return uint64 N, all different, that sort as (order, position) does."""
    return (order.astype(np.uint64) << _HALF) | np.arange(len(order), dtype=np.uint64)


def positions(some_keys: np.ndarray) -> np.ndarray:
    """Return the int64 positions in what ``keys`` made."""
    return (some_keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def sample_starts(candidate_ids: np.ndarray) -> np.ndarray:
    """Return where each sample's run begins in rising candidate_ids."""
    if not len(candidate_ids):
        return np.empty(0, dtype=np.int64)
    samples = candidate_ids >> CODE_BITS
    return np.flatnonzero(np.concatenate([[True], samples[1:] != samples[:-1]]))


def least_of_each_sample(order: np.ndarray, candidate_ids: np.ndarray) -> np.ndarray:
    """Return the int64 position of each sample's smallest; of equal ones the earlier."""
    if not len(order):
        return np.empty(0, dtype=np.int64)
    return positions(np.minimum.reduceat(keys(order), sample_starts(candidate_ids)))
