"""Test images in a training set, exactly or nearly so: found before they can flatter a result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from curation.errors import CurationError
from curation.evaluation.part import Suite
from curation.samples import Samples
from curation.storage import digest

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

_TOGETHER = 256
VALUES = 1 << 23


class Images(Protocol):
    """uint8 N×H×W×C, an array or something that reads its rows where it is indexed."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray: ...


class _Read:
    """Images behind a function from positions to pixels."""

    def __init__(self, read: Callable[[np.ndarray], np.ndarray], count: int, shape: tuple[int, int, int]) -> None:
        self._read = read
        self.shape: tuple[int, ...] = (count, *shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return self._read(np.arange(len(self))[rows] if isinstance(rows, slice) else rows)


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
    theirs = coarse(others, mirror=False).to(device)
    together = max(1, VALUES // max(len(others), 1))
    found = [np.empty((0, 3))]
    for mirror in (False, True):
        mine = coarse(images, mirror=mirror).to(device)
        for start in range(0, len(images), together):
            rows, columns = candidates(mine[start : start + together], theirs)
            found += compared(images, others, rows + start, columns, mirror=mirror)
    table = pd.DataFrame(np.concatenate(found), columns=["row", "other", "distance"])
    nearest = table.sort_values(["row", "distance", "other"]).drop_duplicates("row")
    return nearest.astype({"row": np.int64, "other": np.int64}).reset_index(drop=True)


def guard(
    samples: Samples,
    sample_ids: np.ndarray,
    suite: Suite,
    *,
    images: Images | None = None,
    device: str = "cpu",
) -> None:
    """Refuse a training set that holds a test image.

    Compared are the originals of the set's samples with the clean images of P (see ``duplicates``), and the set's own
    images with all of P, byte by byte. That a variant resembles its own original is no finding.

    Args: samples: of the source; sample_ids: int64 N, of which the set is made; images: uint8 N×H×W×C, the set itself.
    Raises: CurationError that says how many, and the first of them.
    """
    ids = np.unique(np.asarray(sample_ids, dtype=np.int64))
    rows = samples.rows(ids)
    originals = _Read(lambda positions: samples.images(rows[positions]), len(ids), samples.shape)
    pairs: dict[int, tuple[int, str]] = {}
    for part in suite.parts:
        if part.part == "clean":
            near = duplicates(originals, _Read(part.images, len(part), suite.shape), device=device)
            pairs |= {
                int(ids[row]): (int(part.sample_ids[other]), "near" if distance else "exact")
                for row, other, distance in near.itertuples(index=False)
            }
    if images is not None:
        pairs |= _identical(images, np.asarray(sample_ids), suite)
    if pairs:
        first = ", ".join(f"sample {mine} ↔ test image {test} ({how})" for mine, (test, how) in list(pairs.items())[:3])
        more = f" and {len(pairs) - 3:,} more" if len(pairs) > 3 else ""
        raise CurationError(
            f"the training set holds {len(pairs):,} test image{'s' * (len(pairs) > 1)}, exact or near: {first}{more}; "
            "exclude these samples (selection.edits.exclude) or take the test images out of P: a result on images "
            "trained on says nothing"
        )


def _identical(images: Images, sample_ids: np.ndarray, suite: Suite) -> dict[int, tuple[int, str]]:
    mine: dict[str, int] = {}
    for start in range(0, len(images), _TOGETHER):
        for image, sample_id in zip(
            images[start : start + _TOGETHER], sample_ids[start : start + _TOGETHER], strict=True
        ):
            mine[digest(image.tobytes())] = int(sample_id)
    found = {}
    for part in suite.parts:
        for start in range(0, len(part), _TOGETHER):
            positions = np.arange(start, min(start + _TOGETHER, len(part)))
            for image, test in zip(part.images(positions), part.sample_ids[positions], strict=True):
                sample_id = mine.get(digest(image.tobytes()))
                if sample_id is not None:
                    found[sample_id] = (int(test), "exact")
    return found


def coarse(images: Images, *, mirror: bool) -> Tensor:
    """Return the block means on the grid, float32 N×D, so scaled that distances are at most those of the images."""
    each = int(np.prod(images.shape[1:]))
    together, parts = max(1, VALUES // each), []
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


def candidates(coarse: Tensor, others: Tensor, *, later: bool = False) -> tuple[np.ndarray, np.ndarray]:
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


def compared(
    images: Images, others: Images, rows: np.ndarray, columns: np.ndarray, *, mirror: bool
) -> Iterator[np.ndarray]:
    """Yield row, other and distance of the pairs that are near enough pixel by pixel."""
    together = max(1, VALUES // int(np.prod(images.shape[1:])))
    for start in range(0, len(rows), together):
        some, theirs = rows[start : start + together], columns[start : start + together]
        mine = images[some][:, :, ::-1] if mirror else images[some]
        apart = (_levelled(mine) - _levelled(others[theirs])).square().mean((1, 2, 3)).double().numpy()
        near = apart <= NEAR**2 + ROUNDING
        yield np.column_stack([some[near], theirs[near], np.sqrt(apart[near])])
