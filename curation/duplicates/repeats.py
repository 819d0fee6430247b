"""Images that a set holds more than once: the first of each is kept, the others repeat it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from curation.duplicates import near
from curation.duplicates.candidates import finder
from curation.duplicates.near import Images, apart, is_near

VERSION = 2
"""Raised whenever the same images give another result."""

OnProgress = Callable[[int, int], object]
"""Is told how many images are done, of how many; may raise to stop."""


def near_duplicates(
    images: Images,
    *,
    mirrored: bool = False,
    device: str = "cpu",
    on_progress: OnProgress = lambda done, total: None,
) -> pd.DataFrame:
    """Find the images that repeat an earlier one, exactly or nearly, as ``duplicates`` means it.

    From the first to the last, an image that repeats none is kept, and all later ones near it repeat it, and no other.
    So no two that are kept are near each other, and what repeats one is near that one: nothing hangs together by a
    chain. Given originals alone, no image is compared with its own variants.
    However many images there are, every pair is ruled out or compared; in memory are their means on a grid, with
    ``mirrored`` twice.

    Args: images: uint8 N×H×W×C; mirrored: whether a mirror image is the same, as it is not for digits and letters.
    Returns: row (the one that is kept) and other (int64, row < other), distance (float64, pixels in [0, 1], 0 for
        copies), mirrored (bool), by row and other; each image is ``other`` at most once.
    """
    count = len(images)
    first = _first_copies(images, on_progress)
    distinct = np.flatnonzero(first == np.arange(count))
    keeper, distance, turned = np.arange(count), np.zeros(count), np.zeros(count, bool)
    if count:
        bound = near.near(images)
        find = finder(images, bound, mirrored=mirrored, device=device, told=lambda: on_progress(0, count))
        left = distinct
        while len(left):
            # Only with those after it and not taken: what is left shrinks.
            done, may_be_near = find(left)
            for row, turn, others in may_be_near:
                if keeper[row] == row:
                    others = others[(others > row) & (keeper[others] == others)]
                    closer, far = _near_to(images, row, others, bound, mirror=turn)
                    keeper[closer], distance[closer], turned[closer] = row, far, turn
            left = left[done:]
            left = left[keeper[left] == left]
            on_progress(count - len(left), count)
    copies = np.flatnonzero(first != np.arange(count))
    for column in (keeper, distance, turned):
        column[copies] = column[first[copies]]
    others = np.flatnonzero(keeper != np.arange(count))
    found = {"row": keeper[others], "other": others, "distance": distance[others], "mirrored": turned[others]}
    return pd.DataFrame(found).sort_values(["row", "other"], ignore_index=True)


class Repeated(NamedTuple):
    """images: int64, the rows of those that repeat another; contradictory: int64, the kept rows of groups with several
    labels."""

    images: np.ndarray
    contradictory: np.ndarray


def repeated(repeats: pd.DataFrame, labels: np.ndarray, *, dropped: np.ndarray | None = None) -> Repeated:
    """Return what repeats others, and which of these pictures have several labels.

    Args: labels: int64, of all; dropped: rows of those whose labels do not count any more.
    """
    row, other = repeats["row"].to_numpy(), repeats["other"].to_numpy()
    of, members = np.concatenate([row, row]), np.concatenate([row, other])
    counted = np.full(len(members), True) if dropped is None else ~np.isin(members, dropped)
    of, theirs = of[counted], labels[members[counted]]
    least, most = np.full(len(labels), np.iinfo(np.int64).max), np.full(len(labels), -1)
    np.minimum.at(least, of, theirs)
    np.maximum.at(most, of, theirs)
    return Repeated(other, np.flatnonzero(most > least))


def in_words(found: Repeated) -> str:
    """Return it as people read it, or nothing where nothing is repeated."""
    images, pictures = len(found.images), len(found.contradictory)
    if not images:
        return ""
    words = f"{images:,} image{'s repeat others' if images > 1 else ' repeats another'}, exactly or nearly"
    if not pictures:
        return words
    return f"{words}; {pictures:,} picture{'s are' if pictures > 1 else ' is'} there under several labels"


def groups(repeats: pd.DataFrame, count: int) -> list[np.ndarray]:
    """Return which of ``count`` images are the same, int64, rising: the largest group first, the kept one its first.

    Args: repeats: row and other, as ``near_duplicates`` has them.
    """
    if not len(repeats):
        return []
    keeper = np.arange(count)
    keeper[repeats["other"].to_numpy()] = repeats["row"].to_numpy()
    sizes = np.bincount(keeper, minlength=count)
    members = np.flatnonzero(sizes[keeper] > 1)
    members = members[np.argsort(keeper[members], kind="stable")]
    found = np.split(members, np.flatnonzero(np.diff(keeper[members])) + 1)
    return sorted(found, key=lambda group: (-len(group), int(group[0])))


def _first_copies(images: Images, on_progress: OnProgress) -> np.ndarray:
    """Return the row of the first image with the same pixels, int64 N."""
    count, seen = len(images), dict[bytes, int]()
    first = np.arange(count)
    together = max(1, near.VALUES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, count, together):
        on_progress(0, count)
        for at, image in enumerate(images[start : start + together], start):
            first[at] = seen.setdefault(hashlib.blake2b(image.tobytes(), digest_size=16).digest(), at)
    return first


def _near_to(
    images: Images, row: int, others: np.ndarray, bound: float, *, mirror: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return those of some rows that are near one, pixel by pixel, and their distances, float64."""
    if not len(others):
        return others, np.empty(0)
    mine = images[np.array([row])]
    mine = mine[:, :, ::-1] if mirror else mine
    together = max(1, near.VALUES // int(np.prod(images.shape[1:])))
    parts = [apart(mine, images[others[at : at + together]]) for at in range(0, len(others), together)]
    squared = torch.cat(parts)
    alike = is_near(squared, bound).numpy()
    return others[alike], np.sqrt(squared.double().numpy()[alike])
