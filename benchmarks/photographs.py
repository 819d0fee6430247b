"""Photographs of a folder or archive, or smooth pictures of full contrast, where none are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

if TYPE_CHECKING:
    from curation.readers import Source


def opened(path: str | Path, *, side_px: int, split: str | None = None) -> Source:
    """Open photographs at a side. Args: split: None: the one that is recognized. Raises: CurationError."""
    from curation.readers import READERS, recognize  # not needed for pictures, nor there on a bare GPU machine

    about = recognize(str(path))
    reader, own = about.pop("reader"), {} if split is None else {"split": split}
    return READERS.build(reader, {**about, **own, "side_px": side_px}).open()


def photographs(number: int, side_px: int) -> np.ndarray:
    """Return uint8 N×side×side×3: smooth pictures with full contrast."""
    rough = np.random.default_rng(0).normal(size=(number, side_px, side_px, 3)).astype(np.float32)
    smooth = gaussian_filter(rough, (0, side_px / 12, side_px / 12, 0), mode="wrap")
    low, high = smooth.min(axis=(1, 2, 3), keepdims=True), smooth.max(axis=(1, 2, 3), keepdims=True)
    return np.round((smooth - low) / (high - low) * 255).astype(np.uint8)
