"""Images of one set that are also in another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from curation.duplicates import near
from curation.duplicates.near import Images, apart, coarse, is_near

NEAREST = 64
"""At most so many others, the nearest on the grid, are compared pixel by pixel with an image."""


def duplicates(
    images: Images,
    others: Images,
    *,
    labels: tuple[np.ndarray, np.ndarray] | None = None,
    device: str = "cpu",
) -> pd.DataFrame:
    """Find the images that are also, exactly or nearly, among others.

    Two images are the same where the root of the mean square of their difference is at most ``near``, a change of the
    brightness of the whole image counting ``BRIGHTNESS`` times. So are found, for certain, in sets of the usual
    contrast: copies, any perturbation up to 8/255 in L∞, also of a copy that is up to 20/255 brighter or darker; and
    JPEG, weak noise and the like as far as they stay that near. Not found: crops, shifts by a pixel or more, changes of
    contrast, other photographs of the same thing. Where labels are given, mirrored images of one label are found as
    well; of different labels they are not the same, as b and d are not.

    The bound is where looks agree with it: between CIFAR-10's test and training images the 10 pairs within it are one
    photograph each, the first two different ones, two skies, are 12/255 apart, and other copies known there ("Do we
    train on test data?", Barz & Denzler 2020, who find hundreds by eye) lie beyond. Of FashionMNIST's test images 20
    are within it, all of them the same or an indistinguishable garment.

    Args: images: uint8 N×H×W×C; others: uint8 M×H×W×C; labels: of both, integers N and M.
    Returns: row, other (int64), distance (float64, pixels in [0, 1]), mirrored (bool): the nearest of the others for
        each image that has one, by row.
    """
    bound = near.near(images, others)
    theirs = coarse(others).to(device)
    middle = theirs.mean(0) if len(theirs) else theirs.new_zeros(1)
    together = max(1, near.VALUES // max(len(others), 1))
    found = [np.empty((0, 4))]
    for mirror in (False, True) if labels else (False,):
        mine = coarse(images, mirror=mirror).to(device)
        for start in range(0, len(images), together):
            rows, columns = _candidates(mine[start : start + together] - middle, theirs - middle, bound)
            rows = rows + start
            if mirror and labels:
                alike = np.asarray(labels[0])[rows] == np.asarray(labels[1])[columns]
                rows, columns = rows[alike], columns[alike]
            found += _compared(images, others, rows, columns, bound, mirror=mirror)
    table = pd.DataFrame(np.concatenate(found), columns=["row", "other", "distance", "mirrored"])
    nearest = table.sort_values(["row", "distance", "mirrored", "other"]).drop_duplicates("row")
    return nearest.astype({"row": np.int64, "other": np.int64, "mirrored": bool}).reset_index(drop=True)


def _candidates(mine: Tensor, others: Tensor, bound: float) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns, int64, of the pairs that may be near enough."""
    if not len(others):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    squared = torch.addmm(others.square().sum(1), mine, others.T, alpha=-2) + mine.square().sum(1)[:, None]
    at = (squared <= bound**2 + near.ROUNDING).nonzero()
    order = torch.argsort(squared[at[:, 0], at[:, 1]], stable=True)
    at = at[order[torch.argsort(at[order, 0], stable=True)]].cpu()
    rows, columns = at.numpy().T
    nearest = np.arange(len(rows)) - np.searchsorted(rows, rows) < NEAREST
    return rows[nearest], columns[nearest]


def _compared(
    images: Images, others: Images, rows: np.ndarray, columns: np.ndarray, bound: float, *, mirror: bool
) -> Iterator[np.ndarray]:
    """Yield row, other, distance and mirrored of the pairs that are near enough pixel by pixel."""
    together = max(1, near.VALUES // int(np.prod(images.shape[1:])))
    for start in range(0, len(rows), together):
        some, theirs = rows[start : start + together], columns[start : start + together]
        mine = images[some][:, :, ::-1] if mirror else images[some]
        squared = apart(mine, others[theirs])
        alike = is_near(squared, bound).numpy()
        distances = np.sqrt(squared.double().numpy()[alike])
        yield np.column_stack([some[alike], theirs[alike], distances, np.full(len(distances), mirror)])
