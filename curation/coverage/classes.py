"""Choosing class by class: how many of each, and in which order all of them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def parts_of_classes(labels: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Return (class, how many to choose of it) by the classes' sizes, largest remainder; without those of none.

    Args: labels: integers N; count: to choose in all, at most N.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * count
    parts = exact // max(len(labels), 1)
    parts[np.argsort(-(exact % max(len(labels), 1)), kind="stable")[: count - int(parts.sum())]] += 1
    return [(int(label), int(part)) for label, part in zip(classes, parts, strict=True) if part]


def taking_turns(chosen: Sequence[np.ndarray]) -> np.ndarray:
    """Return all that was chosen, class by class, such that the first so many are a fair part of every class."""
    ranks = [(np.arange(len(some)) + 0.5) / max(len(some), 1) for some in chosen]
    return np.concatenate(chosen)[np.argsort(np.concatenate(ranks), kind="stable")]
