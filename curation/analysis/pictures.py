"""Pixels as files that a browser shows: thumbnails, and several pictures side by side."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

MOST_SIDE_PX = 320


def thumbnail(pixels: np.ndarray) -> bytes:
    """Return uint8 H×W×C, C = 1 or 3, as PNG, scaled down to a longer side of at most 320 pixels."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((MOST_SIDE_PX, MOST_SIDE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def side_by_side(images: np.ndarray, *, number: int, gap_px: int) -> np.ndarray:
    """Return uint8 N×H×W×C as one picture of ``number`` tiles, H×(number · (W + gap_px))×C; missing ones are black."""
    padded = np.pad(images[:number], ((0, number - len(images[:number])), (0, 0), (0, gap_px), (0, 0)))
    return np.concatenate(list(padded), axis=1)
