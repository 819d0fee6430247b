"""Smooth pictures of full contrast, where no photographs are at hand."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def photographs(number: int, side_px: int) -> np.ndarray:
    """Return uint8 N×side×side×3: smooth pictures with full contrast."""
    rough = np.random.default_rng(0).normal(size=(number, side_px, side_px, 3)).astype(np.float32)
    smooth = gaussian_filter(rough, (0, side_px / 12, side_px / 12, 0), mode="wrap")
    low, high = smooth.min(axis=(1, 2, 3), keepdims=True), smooth.max(axis=(1, 2, 3), keepdims=True)
    return np.round((smooth - low) / (high - low) * 255).astype(np.uint8)
