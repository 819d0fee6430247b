"""From shares to whole numbers: the families' quotas, and the classes' parts of a quota."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from curation.selection.pool import FAMILIES
from curation.selection.settings import Mix


def quotas(mix: Mix, budget: int) -> dict[str, int]:
    """Return each family's number of images; they sum to the budget exactly.

    Largest remainder (Hamilton's method), in exact fractions; equal remainders go to the earlier family.
    """
    shares = {family: Fraction(mix.of(family)) for family in FAMILIES}
    exact = {family: share * budget / sum(shares.values()) for family, share in shares.items()}
    whole = {family: int(value) for family, value in exact.items()}
    left = budget - sum(whole.values())
    for family in sorted(FAMILIES, key=lambda family: whole[family] - exact[family])[:left]:
        whole[family] += 1
    return whole


def class_parts(quota: int, forced: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return each class's part of a balanced quota: equal within 1, earlier classes first.

    Args: quota: at least the sum of ``forced``; forced: int64 K, images included by hand, never fewer than these;
        among: bool K, the classes that get a part, at least one, and all that have a forced image.
    Returns: int64 K, summing to the quota.
    """
    parts = np.zeros(len(forced), dtype=np.int64)
    free = among.copy()
    while True:
        base, extra = divmod(quota - int(forced[~free].sum()), int(free.sum()))
        parts[free] = base + (np.arange(free.sum()) < extra)
        over = free & (forced > parts)
        if not over.any():
            return parts
        parts[over] = forced[over]
        free &= ~over
