"""Some of many, drawn by a hash of each one's id: equal steps meet one class where labels are interleaved."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike

VERSION = 2
"""Raised whenever other ones are drawn, so that what was computed of the former is computed again."""


def hashes(seed: int, ids: ArrayLike, *stream: str | int | float) -> np.ndarray:
    """Return one number an id for the named stream of draws, uniform and independent, uint64 N.

    Args: ids: int64 N. Source: SplitMix64 (Steele, Lea & Flood 2014) over a BLAKE2b hash of seed and stream.
    """
    text = "\x1f".join(str(part) for part in (seed, *stream))
    base = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
    numbers = np.asarray(ids, dtype=np.int64).astype(np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(base) + (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return z


def subset(
    ids: ArrayLike, count: int, *, labels: ArrayLike | None = None, every_class: bool = False, seed: int = 0
) -> np.ndarray:
    """Return the positions, int64, rising, of ``count`` of N different ids, or of all where there are no more.

    A larger subset contains a smaller one, and an id that is drawn is drawn again after others were added, unless
    enough of these come before it. The order of the ids means nothing.

    Args:
        ids: int64 N.
        labels: int64 N; each class then has its share, to about one id; None: the classes come as chance has it.
        every_class: with labels: a first one of every class comes before a second one of any, however rare it is.
    """
    drawn = hashes(seed, ids, "subset")
    if count >= len(drawn):
        return np.arange(len(drawn), dtype=np.int64)
    place = np.zeros(len(drawn))
    if labels is not None:
        classes, sizes = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)[1:]
        by_class = np.lexsort((drawn, classes))
        rank = np.empty(len(drawn), np.int64)
        rank[by_class] = np.arange(len(drawn)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        place = (rank + 0.5) / sizes[classes]
        if every_class:
            place[rank == 0] = 0.0
    return np.sort(np.lexsort((np.asarray(ids), drawn, place))[: max(count, 0)]).astype(np.int64)
