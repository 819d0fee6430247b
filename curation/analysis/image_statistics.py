"""Brightness, contrast and sharpness of images: what a glance at the pixels says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from curation.storage.samples import Samples

BLOCK_VALUES = 1 << 24
"""Pixel values that are looked at together."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

TITLES = {"brightness": "Brightness", "contrast": "Contrast", "sharpness": "Sharpness"}


def image_statistics(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return brightness, contrast and sharpness of images, float32 N each, in [0, 1].

    Brightness: the mean of the luma; contrast: its standard deviation; sharpness: the mean size of its Laplacian over
    four neighbors, inside the image, of the largest possible. An image of fewer than 3 pixels a side has sharpness 0.

    Args: images: uint8 N×H×W×C, one or three channels.
    Source: luma of ITU-R BT.601; sharpness after Pech-Pacheco et al. 2000, with the mean size for the variance.
    """
    values = images.astype(np.float32) / 255
    luma = values @ _LUMA if images.shape[3] == 3 else values[..., 0]
    around = luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
    edges = np.abs(around - 4 * luma[:, 1:-1, 1:-1]) / 4
    sharp = edges.mean((1, 2)) if edges.size else np.zeros(len(images), np.float32)
    return {"brightness": luma.mean((1, 2)), "contrast": luma.std((1, 2)), "sharpness": sharp}


def statistics_of(samples: Samples) -> dict[str, np.ndarray]:
    """Return the statistics of all samples, float32 N each, block by block."""
    size = max(1, BLOCK_VALUES // int(np.prod(samples.shape)))
    parts = [
        image_statistics(samples.images(np.arange(start, min(start + size, len(samples)))))
        for start in range(0, len(samples), size)
    ]
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float32) for name in TITLES}
