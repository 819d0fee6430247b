"""The columns that the page shows and the test checks against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def make_columns(number: int) -> dict[str, NDArray]:
    """Return xy (ten blobs in a ring), and a column of each kind, of ``number`` points."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, number)
    angles = labels * 2 * np.pi / 10
    centers = 5 * np.stack([np.cos(angles), np.sin(angles)], 1)
    xy = (centers + generator.normal(0, 1, (number, 2))).astype(np.float32)
    scores = generator.beta(0.6, 1.5, number).astype(np.float32)
    confused = generator.random(number) < 0.1
    fine = labels * 120 + (120 * generator.random(number) ** 2).astype(int)
    return {
        "labels": labels,
        "xy": xy,
        "clusters": (labels * 3 + generator.integers(0, 3, number)) % 24,
        "scores": scores,
        "predictions": np.where(confused, (labels + 1) % 10, labels),
        "margins": np.where(confused, np.nan, generator.lognormal(0, 2, number)),
        "fine": np.where(generator.random(number) < 0.05, -1, fine),
        "marked": generator.random(number) < 300 / number,
    }


def make_copies(pool: dict[str, NDArray], number: int) -> dict:
    """Return the arguments of ``Copies``: copies of random points, pushed toward the middle of the ring."""
    generator = np.random.default_rng(1)
    owners = generator.integers(0, len(pool["xy"]), number)
    shift = generator.uniform(0, 0.8, (number, 1))
    return {
        "xy": pool["xy"][owners] * (1 - shift) + generator.normal(0, 0.2, (number, 2)),
        "owners": owners,
        "kinds": generator.integers(0, 2, number),
        "kind_names": ("corruption", "adversarial"),
    }


def make_pictures(positions: NDArray) -> NDArray[np.uint8]:
    """Return one 32×32 color gradient for each position, uint8 N×32×32×3."""
    rows = np.arange(32)[None, :, None, None]
    across = np.arange(32)[None, None, :, None]
    hue = np.asarray(positions)[:, None, None, None] * np.array([37, 61, 91])
    return ((rows * 5 + across * 3 + hue) % 256).astype(np.uint8)
