"""CIFAR-10 as lossless sprites: sheets of 1,000 images, 40 columns × 25 rows, beside the labels of each split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def read(folder: Path, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first images of a split, train or test, uint8 N×32×32×3, and their labels, int64 N."""
    sheets = sorted(folder.glob(f"{split}_*.webp"))[: -(-count // 1000)]
    if not sheets:
        raise SystemExit(f"{folder} holds no {split}_*.webp; give the folder of the lossless CIFAR-10 sprites")
    parts = [np.asarray(Image.open(sheet).convert("RGB")).reshape(25, 32, 40, 32, 3) for sheet in sheets]
    images = np.concatenate([part.swapaxes(1, 2).reshape(-1, 32, 32, 3) for part in parts])
    return images[:count], np.load(folder / f"{split}_labels.npy")[:count].astype(np.int64)
