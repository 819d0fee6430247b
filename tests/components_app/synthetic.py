"""The columns that the page shows and the test checks against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def make_columns(number: int) -> dict[str, NDArray]:
    """Return xy (ten blobs in a ring), labels, clusters and scores of ``number`` points."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, number)
    angles = labels * 2 * np.pi / 10
    centres = 5 * np.stack([np.cos(angles), np.sin(angles)], 1)
    return {
        "labels": labels,
        "xy": (centres + generator.normal(0, 1, (number, 2))).astype(np.float32),
        "clusters": (labels * 3 + generator.integers(0, 3, number)) % 24,
        "scores": generator.beta(0.6, 1.5, number).astype(np.float32),
    }


def make_pictures(positions: NDArray) -> NDArray[np.uint8]:
    """Return one 32×32 colour gradient for each position, uint8 N×32×32×3."""
    rows = np.arange(32)[None, :, None, None]
    across = np.arange(32)[None, None, :, None]
    hue = np.asarray(positions)[:, None, None, None] * np.array([37, 61, 91])
    return ((rows * 5 + across * 3 + hue) % 256).astype(np.uint8)
