"""When two images are the same: their distance, the bound it must keep, and a grid on which it is at most that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

NEAR = 10 / 255
"""Distance, pixels in [0, 1], up to which two images count as the same where a set has the usual contrast."""

OF_CONTRAST = 0.2
"""Share of a set's contrast that the bound never exceeds, so that sets with less than ``NEAR / OF_CONTRAST`` (50/255;
CIFAR-10 has 52/255, Imagenette 57/255) are judged
more strictly: digits are as unlike each other where they are faint."""

BRIGHTNESS = 0.3
"""What a change of the whole image's brightness counts beside any other change."""

GRID = 8
"""Side of the grid of block means on which images are compared first."""

VALUES = 1 << 23
"""So many numbers are held at once."""

ROUNDING = 1e-6
"""What float32 may add to a squared distance on the grid."""

_EXACT = 1e-12
"""What float32 may add to the squared distance, pixel by pixel, of images that are equal."""

_MEASURED = 2000
"""Contrast is measured on at most so many images, drawn at random."""


class Images(Protocol):
    """uint8 N×H×W×C, an array or something that reads its rows where it is indexed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N, H, W, C: images, pixels down and across, channels."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray: ...


def near(*sets: Images) -> float:
    """Return the distance, pixels in [0, 1], up to which images of some sets, taken together, count as the same.

    It is ``NEAR`` or ``OF_CONTRAST`` of their contrast, whichever is less. Contrast is the larger of two medians of all
    images: how much the pixels of one differ from their channels' means, and how far it lies from the mean image. So
    faint digits are told apart, on a ground of any color, and plain colors as well.
    """
    some = [images[_drawn(len(images))] for images in sets if len(images)]
    if not some:
        return NEAR
    within = np.concatenate([_deviations(images) for images in some])
    values = torch.cat([levelled(images) for images in some])
    between = (values - values.mean(0)).square().mean((1, 2, 3)).sqrt().median()
    return min(NEAR, OF_CONTRAST * max(float(np.median(within)), float(between)))


def is_near(squared: Tensor, bound: float) -> Tensor:
    """Whether squared distances, pixel by pixel, keep a bound."""
    return squared <= bound**2 * (1 + 1e-5) + _EXACT


def apart(mine: np.ndarray, theirs: np.ndarray) -> Tensor:
    """Return the squared distances, float32 M, of uint8 images M×H×W×C from others, one by one or from a single one."""
    return (levelled(mine) - levelled(theirs)).square().mean((1, 2, 3))


def levelled(images: np.ndarray) -> Tensor:
    """Return pixels, float32, with most of each image's brightness taken out."""
    values = torch.from_numpy(np.array(images)).float().div_(255)
    return values - (1 - BRIGHTNESS) * values.mean((1, 2, 3), keepdim=True)


def coarse(images: Images, *, mirror: bool = False, told: Callable[[], object] = lambda: None) -> Tensor:
    """Return the block means on the grid, float32 N×D, so scaled that distances are at most those of the images.

    Args: told: called now and then; may raise to stop.
    """
    each = int(np.prod(images.shape[1:]))
    together, means = max(1, VALUES // each), torch.empty(0, 1)
    for start in range(0, len(images), together):
        values = levelled(images[start : start + together])
        values = values.flip(2) if mirror else values
        part = _blocks(_blocks(values, 1), 2).flatten(1) / each**0.5
        if not start:
            means = torch.empty(len(images), part.shape[1])
        means[start : start + together] = part
        told()
    return means


def _blocks(values: Tensor, axis: int) -> Tensor:
    """Sum runs along an axis, each over the root of its length: a projection, which brings nothing further apart."""
    runs = torch.tensor_split(values, min(GRID, values.shape[axis]), dim=axis)
    return torch.stack([run.sum(axis) / run.shape[axis] ** 0.5 for run in runs], dim=axis)


def _deviations(images: np.ndarray) -> np.ndarray:
    """Return each image's root mean square deviation from its channels' means, float64, pixels in [0, 1]."""
    return np.sqrt((images / 255).var((1, 2)).mean(1))


def _drawn(count: int) -> np.ndarray:
    return np.sort(np.random.default_rng(0).permutation(count)[:_MEASURED])
