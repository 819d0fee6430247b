"""Images that are the same, exactly or nearly: of one set among another, and within one set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

NEAR = 10 / 255
"""Distance, pixels in [0, 1], up to which two images count as the same; see ``duplicates``."""

BRIGHTNESS = 0.3
"""What a change of the whole image's brightness counts beside any other change."""

GRID = 8
"""Side of the grid of block means on which images are compared first."""

NEAREST = 64
"""At most so many others, the nearest on the grid, are compared pixel by pixel with an image."""

ROUNDING = 1e-6
"""What float32 may add to a squared distance."""

_VALUES = 1 << 23

OnProgress = Callable[[int, int], object]
"""Is told how many comparisons are done, of how many; may raise to stop."""


class Images(Protocol):
    """uint8 N×H×W×C, an array or something that reads its rows where it is indexed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N, H, W, C: images, pixels down and across, channels."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray: ...


def duplicates(images: Images, others: Images, *, device: str = "cpu") -> pd.DataFrame:
    """Find the images that are also, exactly or nearly, among others.

    Two images are the same where the root of the mean square of their difference is at most ``NEAR``, a change of the
    brightness of the whole image counting ``BRIGHTNESS`` times, and mirrored images as they are. So are found, for
    certain: copies, mirrored copies, any perturbation up to 8/255 in L∞, also of a copy that is up to 20/255 brighter
    or darker; and JPEG, weak noise and the like as far as they stay that near. Not found: crops, shifts by a pixel or
    more, changes of contrast, other photographs of the same thing.

    The bound is where looks agree with it: between CIFAR-10's test and training images the 10 pairs within it are one
    photograph each, the first two different ones, two skies, are 12/255 apart, and other copies known there ("Do we
    train on test data?", Barz & Denzler 2020, who find hundreds by eye) lie beyond. Of FashionMNIST's test images 20
    are within it, all of them the same or an indistinguishable garment.

    Args: images: uint8 N×H×W×C; others: uint8 M×H×W×C.
    Returns: row, other (int64), distance (float64, pixels in [0, 1]): the nearest of the others for each image that has
        one, by row.
    """
    theirs = _coarse(others, mirror=False).to(device)
    together = max(1, _VALUES // max(len(others), 1))
    found = [np.empty((0, 3))]
    for mirror in (False, True):
        mine = _coarse(images, mirror=mirror).to(device)
        for start in range(0, len(images), together):
            rows, columns = _candidates(mine[start : start + together], theirs)
            found += _compared(images, others, rows + start, columns, mirror=mirror)
    table = pd.DataFrame(np.concatenate(found), columns=["row", "other", "distance"])
    nearest = table.sort_values(["row", "distance", "other"]).drop_duplicates("row")
    return nearest.astype({"row": np.int64, "other": np.int64}).reset_index(drop=True)


def near_duplicates(
    images: Images, *, device: str = "cpu", on_progress: OnProgress = lambda done, total: None
) -> pd.DataFrame:
    """Find the pairs of images that are the same, exactly or nearly, as ``duplicates`` means it.

    Given originals alone, as the clean images of a set, no image is compared with its own variants. Of more than 64
    after an image that are the same, the nearest 64 are paired with it, so that they still hang together.

    Args: images: uint8 N×H×W×C.
    Returns: row and other (int64, row < other), distance (float64, pixels in [0, 1], 0 for copies), mirrored (bool,
        whether one is the other's mirror image), by row and distance.
    """
    theirs = _coarse(images, mirror=False).to(device)
    count, done = len(images), 0
    found = [np.empty((0, 4))]
    on_progress(0, 2 * count)
    for mirror in (False, True):
        mine = _coarse(images, mirror=True).to(device) if mirror else theirs
        start = 0
        while start < count:
            # Only with those after it: what is left to compare with shrinks, so more are taken at once.
            stop = min(count, start + max(1, _VALUES // (count - start)))
            rows, columns = _candidates(mine[start:stop], theirs[start:], later=True)
            for part in _compared(images, images, rows + start, columns + start, mirror=mirror):
                found.append(np.column_stack([part, np.full(len(part), mirror)]))
            done, start = done + stop - start, stop
            on_progress(done, 2 * count)
    table = pd.DataFrame(np.concatenate(found), columns=["row", "other", "distance", "mirrored"])
    table = table.sort_values(["row", "distance", "other", "mirrored"]).drop_duplicates(["row", "other"])
    kinds = {"row": np.int64, "other": np.int64, "mirrored": bool}
    return table.astype(kinds).reset_index(drop=True)


def groups(pairs: pd.DataFrame, count: int) -> list[np.ndarray]:
    """Return which of ``count`` images hang together by pairs, int64, rising: the largest group first."""
    ones = np.ones(len(pairs), bool)
    _, of = connected_components(coo_array((ones, (pairs["row"], pairs["other"])), shape=(count, count)))
    sizes = np.bincount(of, minlength=1)
    members = np.flatnonzero(sizes[of] > 1)
    members = members[np.argsort(of[members], kind="stable")]
    found = np.split(members, np.flatnonzero(np.diff(of[members])) + 1) if len(members) else []
    return sorted(found, key=lambda group: (-len(group), int(group[0])))


def _coarse(images: Images, *, mirror: bool) -> Tensor:
    """Return the block means on the grid, float32 N×D, so scaled that distances are at most those of the images."""
    each = int(np.prod(images.shape[1:]))
    together, parts = max(1, _VALUES // each), []
    for start in range(0, len(images), together):
        values = _levelled(images[start : start + together])
        values = values.flip(2) if mirror else values
        parts.append(_blocks(_blocks(values, 1), 2).flatten(1) / each**0.5)
    return torch.cat(parts) if parts else torch.empty(0, 1)


def _blocks(values: Tensor, axis: int) -> Tensor:
    """Sum runs along an axis, each over the root of its length: a projection, which brings nothing further apart."""
    runs = torch.tensor_split(values, min(GRID, values.shape[axis]), dim=axis)
    return torch.stack([run.sum(axis) / run.shape[axis] ** 0.5 for run in runs], dim=axis)


def _levelled(images: np.ndarray) -> Tensor:
    """Return pixels, float32, with most of each image's brightness taken out."""
    values = torch.from_numpy(np.array(images)).float().div_(255)
    return values - (1 - BRIGHTNESS) * values.mean((1, 2, 3), keepdim=True)


def _candidates(coarse: Tensor, others: Tensor, *, later: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns, int64, of the pairs that may be near enough; ``later``: columns beyond the row only."""
    if not len(others):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    squared = torch.addmm(others.square().sum(1), coarse, others.T, alpha=-2) + coarse.square().sum(1)[:, None]
    at = (squared <= NEAR**2 + ROUNDING).nonzero()
    at = at[at[:, 1] > at[:, 0]] if later else at
    order = torch.argsort(squared[at[:, 0], at[:, 1]], stable=True)
    at = at[order[torch.argsort(at[order, 0], stable=True)]].cpu()
    rows, columns = at.numpy().T
    return rows[_rank(rows) < NEAREST], columns[_rank(rows) < NEAREST]


def _rank(rows: np.ndarray) -> np.ndarray:
    """Return the place of each entry among those of its row, for rising rows."""
    return np.arange(len(rows)) - np.searchsorted(rows, rows)


def _compared(
    images: Images, others: Images, rows: np.ndarray, columns: np.ndarray, *, mirror: bool
) -> Iterator[np.ndarray]:
    """Yield row, other and distance of the pairs that are near enough pixel by pixel."""
    together = max(1, _VALUES // int(np.prod(images.shape[1:])))
    for start in range(0, len(rows), together):
        some, theirs = rows[start : start + together], columns[start : start + together]
        mine = images[some][:, :, ::-1] if mirror else images[some]
        apart = (_levelled(mine) - _levelled(others[theirs])).square().mean((1, 2, 3)).double().numpy()
        near = apart <= NEAR**2 + ROUNDING
        yield np.column_stack([some[near], theirs[near], np.sqrt(apart[near])])


@dataclass(frozen=True)
class Group:
    """Images that hang together.

    rows: int64, of the samples, rising; farthest: distance of its pairs, pixels in [0, 1]; mirrored: whether a pair is
    only the same mirrored; disagree: whether their labels differ.
    """

    rows: np.ndarray
    farthest: float
    mirrored: bool
    disagree: bool

    def split(self, sample_ids: np.ndarray, dropped: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows still in the set and those that were dropped. Args: sample_ids: int64, of all rows."""
        gone = np.isin(sample_ids[self.rows], list(dropped))
        return self.rows[~gone], self.rows[gone]


def described_groups(pairs: pd.DataFrame, labels: np.ndarray) -> list[Group]:
    """Return the groups of the pairs of ``near_duplicates``: those whose labels differ first, then the largest.

    Args: labels: int64, of all images.
    """
    found = groups(pairs, len(labels))
    of = np.full(len(labels), -1)
    for number, rows in enumerate(found):
        of[rows] = number
    number_of = of[pairs["row"]]
    farthest = pairs["distance"].groupby(number_of).max()
    mirrored = pairs["mirrored"].groupby(number_of).any()
    made = [
        Group(rows, float(farthest[number]), bool(mirrored[number]), len(np.unique(labels[rows])) > 1)
        for number, rows in enumerate(found)
    ]
    return sorted(made, key=lambda group: not group.disagree)


def to_drop(every: Sequence[Group], left: Sequence[np.ndarray], *, disagree: bool) -> np.ndarray:
    """Return the rows to drop from all groups at once, int64.

    All but the first of groups that agree about the label, or, with ``disagree``, all of those that do not: no label of
    theirs can be trusted.

    Args: left: of each group, the rows that are still in the set.
    """
    rows = [
        mine if disagree else mine[1:] for group, mine in zip(every, left, strict=True) if group.disagree == disagree
    ]
    return np.concatenate([np.empty(0, np.int64), *rows])
