"""Many small images as one picture: one message and one decode instead of one request an image."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.errors import CurationError

_BLOCK_PX = 8
_BYTES_PER_PIXEL = 0.5
_LARGEST_BYTES = 160_000
_QUALITIES = (95, 90, 85, 80, 70, 60)


def make_sprite(images: NDArray[np.uint8], *, side_px: int) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    """Return the layout and the encoded bytes of one picture that holds all images, row by row.

    Encoded without loss where half a byte a pixel (at most 160 kB) allows, else as JPEG 4:4:4 at the best quality that
    fits. Tiles are padded to whole 8-pixel blocks, so that no tile bleeds into the next.

    Args:
        images: uint8 N×H×W×C, C = 1 or 3; N may be 0.
        side_px: images with a longer side are scaled down to it.

    Returns:
        ``{"width", "height", "pitch_x", "pitch_y", "columns", "lossless", "type"}`` (pixels), and the bytes, uint8.

    Raises:
        CurationError: not uint8 N×H×W×C with 1 or 3 channels.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise CurationError(
            f"thumbnails must be uint8 N×H×W×C with C = 1 or 3, got {images.dtype} {'×'.join(map(str, images.shape))}"
        )
    images = _scaled(images, side_px)
    number, height, width, _ = images.shape
    pitch_y, pitch_x = (math.ceil(side / _BLOCK_PX) * _BLOCK_PX for side in (height, width))
    columns = max(1, math.ceil(math.sqrt(number)))
    rows = max(1, math.ceil(number / columns))
    padding = ((0, rows * columns - number), (0, pitch_y - height), (0, pitch_x - width), (0, 0))
    tiles = (
        np.pad(images, ((0, 0), *padding[1:]), mode="edge") if number else np.zeros((0, pitch_y, pitch_x, 3), np.uint8)
    )
    tiles = np.pad(tiles, (padding[0], (0, 0), (0, 0), (0, 0)))
    sheet = (
        tiles.reshape(rows, columns, pitch_y, pitch_x, -1).swapaxes(1, 2).reshape(rows * pitch_y, columns * pitch_x, -1)
    )
    picture = Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet)
    layout = {"width": width, "height": height, "pitch_x": pitch_x, "pitch_y": pitch_y, "columns": columns}
    allowed = min(_LARGEST_BYTES, picture.width * picture.height * _BYTES_PER_PIXEL)
    encoded = _encode(picture, "PNG")
    if len(encoded) <= allowed:
        return {**layout, "lossless": True, "type": "image/png"}, np.frombuffer(encoded, np.uint8)
    for quality in _QUALITIES:
        encoded = _encode(picture, "JPEG", quality=quality, subsampling=0)
        if len(encoded) <= allowed:
            break
    return {**layout, "lossless": False, "type": "image/jpeg"}, np.frombuffer(encoded, np.uint8)


def _encode(picture: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _scaled(images: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    longest = max(images.shape[1:3], default=0)
    if longest <= side_px or not len(images):
        return images
    size = (max(1, round(images.shape[2] * side_px / longest)), max(1, round(images.shape[1] * side_px / longest)))
    shrunk = []
    for image in images:
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        shrunk.append(np.asarray(picture.resize(size, Image.Resampling.LANCZOS)).reshape(size[1], size[0], -1))
    return np.stack(shrunk)
