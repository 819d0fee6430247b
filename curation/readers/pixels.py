"""One encoded image (PNG, JPEG, …) to pixels: what is converted, what is refused, and how both are reported."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

_DRAFT = 2
"""JPEGs are decoded at the smallest of their built-in scales that is at least this many times the size wanted."""


class Unreadable(Exception):
    """Why one image cannot be used, as a clause: "it is empty"."""


def decode(content: bytes | Path, *, side_px: int | None, channels: int | None) -> tuple[np.ndarray, list[str]]:
    """Decode an image, turn it upright (EXIF) and bring it to a size and number of channels.

    Alpha is composited on white; palettes, CMYK and the like become RGB; 16 bits are scaled to 8, floats in [0, 1] to
    0 … 255; the first frame of an animation is used. An image that is not ``side_px`` square is cropped to its
    centered square and resized with antialiasing (bicubic).

    Args:
        content: the encoded bytes, or the file that holds them.
        side_px: height and width wanted; None: the image's own.
        channels: 1 gray, 3 RGB; None: the image's own.

    Returns: uint8 H×W×C, and a note for each change that a person would not expect.
    Raises: Unreadable with the reason.
    """
    notes: list[str] = []
    data = _bytes(content) if isinstance(content, Path) else content
    if not data:
        raise Unreadable("it is empty (0 bytes)")
    try:
        with Image.open(io.BytesIO(data)) as image:
            if (frames := getattr(image, "n_frames", 1)) > 1:
                notes.append(f"first of {frames} frames")
                image.seek(0)
            sixteen_bits = any(";16" in str(tile) for tile in image.tile)
            size = image.size
            if side_px:
                image.draft(None, (_DRAFT * side_px, _DRAFT * side_px))
            upright = ImageOps.exif_transpose(image)
            if upright.mode == "F" or upright.mode.startswith("I"):
                upright = _eight_bits(upright)
                notes.append("16 bits or floats scaled to 8 bits")
            elif sixteen_bits:
                notes.append("16 bits a channel scaled to 8 bits")
            picture = _channels(upright, channels, notes)
            if side_px and picture.size != (side_px, side_px):
                if min(size) < side_px:
                    notes.append(f"enlarged from {size[0]}×{size[1]}")
                picture = ImageOps.fit(picture, (side_px, side_px), method=Image.Resampling.BICUBIC)
            array = np.asarray(picture)
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable("it is not an image in a known format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(f"it claims to have more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels") from None
    except Exception as error:  # decoders raise nearly anything on a broken file
        raise Unreadable(f"it is damaged ({str(error) or type(error).__name__})") from None
    return array.reshape(*array.shape[:2], -1), notes


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except PermissionError:
        raise Unreadable("no permission to read it") from None
    except OSError as error:
        raise Unreadable(f"it could not be read ({error.strerror or error})") from None


def _eight_bits(image: Image.Image) -> Image.Image:
    """Integers up to 65,535 and floats in [0, 1] to 8 bits."""
    values = np.asarray(image).astype(np.float32)
    white = 1.0 if image.mode == "F" else 65535.0
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > white:
        raise Unreadable(f"it has pixels outside 0 … {white:g}, so the value of white is unknown")
    return Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8))


def _channels(image: Image.Image, channels: int | None, notes: list[str]) -> Image.Image:
    """Gray or RGB, without alpha."""
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        lowest, _ = with_alpha.getchannel("A").getextrema()
        if isinstance(lowest, int) and lowest < 255:
            notes.append("transparency composited on white")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, with_alpha)
    elif image.mode not in ("1", "L", "RGB"):
        notes.append(f"{'palette' if image.mode in ('P', 'PA') else image.mode} converted to RGB")
    if channels == 1 and mode == "RGB":
        notes.append("color converted to gray")
        image, mode = image.convert("RGB"), "L"
    return image.convert("RGB" if channels == 3 else mode)
