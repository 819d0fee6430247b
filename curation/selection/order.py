"""Orders as unsigned integers: NumPy partitions plain integers several times faster than it sorts an index."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from curation.selection.pool import CODE_BITS

_HALF = np.uint64(32)
_AT_ONCE = 1 << 16
_MANY = 1 << 18


def parts(count: int) -> Iterator[slice]:
    """Yield slices of 0 … count − 1, small enough that what is computed of one stays in a core's cache."""
    for start in range(0, count, _AT_ONCE):
        yield slice(start, min(start + _AT_ONCE, count))


def hardest_first(hardness: np.ndarray) -> np.ndarray:
    """Return uint32 N that fall as the finite float32 ``hardness`` rises; equal where that is equal."""
    order = np.empty(len(hardness), dtype=np.uint32)
    for part in parts(len(hardness)):
        bits = (hardness[part] + np.float32(0)).view(np.int32)  # adding 0 makes −0 and 0 the same
        flip = bits >> 31
        np.invert(flip, out=flip)
        flip &= 0x7FFFFFFF
        np.bitwise_xor(flip, bits, out=order[part].view(np.int32))
    return order


def hardness_at(order: np.ndarray | np.uint32) -> float:
    """Return the hardness of one value of ``hardest_first``."""
    bits = np.atleast_1d(np.asarray(order, dtype=np.uint32)).view(np.int32)
    return float((bits ^ (~(bits >> 31) & 0x7FFFFFFF)).view(np.float32)[0])


def upper_counts(order: np.ndarray) -> np.ndarray:
    """Return how many values of uint32 N have each upper half, int64 65,536."""
    counts = np.zeros(1 << 16, dtype=np.int64)
    for start in range(0, len(order), 2 * _AT_ONCE):
        counts += np.bincount(order[start : start + 2 * _AT_ONCE] >> np.uint32(16), minlength=1 << 16)
    return counts


def at_ranks(order: np.ndarray, ranks: list[int]) -> list[np.uint32]:
    """Return the values of uint32 N at some ranks, counted from 0.

    Of many values it is faster to count their upper halves, and to look only at those that share one, than to part all.
    """
    if len(order) < _MANY:
        parted = np.partition(order, ranks)
        return [parted[rank] for rank in ranks]
    ends = np.cumsum(upper_counts(order))
    found = []
    for rank in ranks:
        upper = int(np.searchsorted(ends, rank, side="right"))
        inside = order[order - np.uint32(upper << 16) < 1 << 16]
        place = rank - (int(ends[upper - 1]) if upper else 0)
        found.append(np.partition(inside, place)[place])
    return found


def first(order: np.ndarray, count: int) -> np.ndarray:
    """Return bool N, the ``count`` smallest; of equal ones the earlier."""
    if count <= 0 or count >= len(order):
        return np.full(len(order), count > 0)
    return _up_to(order, at_ranks(order, [count - 1])[0], count)


def ranked(order: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Return bool N, those of rank start … stop − 1, 0 < start < stop < N; of equal ones the earlier rank first."""
    low, high = at_ranks(order, [start - 1, stop - 1])
    mask = _up_to(order, high, stop)
    mask &= ~_up_to(order, low, start)
    return mask


def _up_to(order: np.ndarray, edge: np.uint32, count: int) -> np.ndarray:
    """Return bool N, the ``count`` smallest, of which the last has the value ``edge``."""
    mask: np.ndarray = order < edge
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
    found = [np.zeros(1, np.int64)]
    for part in parts(len(candidate_ids) - 1):
        samples = candidate_ids[part.start : part.stop + 1] >> CODE_BITS
        found.append(np.flatnonzero(samples[1:] != samples[:-1]) + (part.start + 1))
    return np.concatenate(found)


def least_of_each_sample(order: np.ndarray, candidate_ids: np.ndarray) -> np.ndarray:
    """Return the int64 position of each sample's smallest; of equal ones the earlier."""
    if not len(order):
        return np.empty(0, dtype=np.int64)
    return positions(np.minimum.reduceat(keys(order), sample_starts(candidate_ids)))
