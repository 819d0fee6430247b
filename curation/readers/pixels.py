"""One encoded image (PNG, JPEG, …) to pixels: what is converted, what is refused, and how both are reported."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from curation.readers.files import is_lfs_pointer
from curation.readers.white_level import UnclearWhite, number, outside, to_bytes, white_of

MOST_MEGAPIXELS = 90.0
"""Larger images are refused unless asked for: a small file may claim any size."""

Whites = Mapping[str, float | None]
"""What is white among images of each kind of pixels (``kind_of``); None: it is unknown."""

_DRAFT = 2
"""JPEGs are decoded at the smallest of their built-in scales that is at least this many times the size wanted."""
_LARGE_PIXELS = 30_000_000
"""Images of more pixels are decoded one at a time."""
_GRAY = ("1", "L", "LA", "La", "I", "F")
_COLOR = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
_ORIENTATION, _PHOTOMETRIC = 0x0112, 262
_FEW_LEVELS = 64
_IN_BYTES = "save it with 8 bits a channel"

_limit, _large = Lock(), Lock()


class Unreadable(Exception):
    """Why one image cannot be used, as a clause: "it is empty"."""


class Looked(NamedTuple):
    """What an image is, in its own size. color: else gray; kind: of its pixels; brightest: None: not looked at."""

    size: tuple[int, int]
    color: bool
    kind: str
    brightest: float | None


def look(content: bytes | Path, *, most_megapixels: float, at_pixels: frozenset[str]) -> Looked:
    """Return what an image is, from its header, and how bright it is where its kind is in ``at_pixels``.

    Raises: Unreadable with the reason.
    """
    with _opened(content, most_megapixels) as (image, data):
        kind = _kind(image)
        brightest = None
        if kind in at_pixels:
            own, _ = _without_alpha(_own_pixels(image, data))
            finite = own[np.isfinite(own)] if own.dtype.kind == "f" else own
            brightest = float(finite.max(initial=0))
        return Looked(image.size, _is_color(image), kind, brightest)


def decode(
    content: bytes | Path,
    *,
    side_px: int | None,
    channels: int | None,
    whites: Whites | None = None,
    most_megapixels: float = MOST_MEGAPIXELS,
) -> tuple[np.ndarray, list[str]]:
    """Decode an image, turn it upright (EXIF) and bring it to a size and number of channels.

    Alpha is composited on white; palettes, CMYK and the like become RGB; 16 and 32 bits and floats are scaled to 8
    bits; the first frame of an animation is used. An image that is not ``side_px`` square is cropped to its centered
    square and resized with antialiasing (bicubic).

    Args:
        content: the encoded bytes, or the file that holds them.
        side_px: height and width wanted; None: the image's own.
        channels: 1 gray, 3 RGB; None: the image's own.
        whites: what is white, for the kinds of pixels that its set has; others, by this image alone, with a note.
        most_megapixels: larger images are refused.

    Returns: uint8 H×W×C, and a note for each change that a person would not expect.
    Raises: Unreadable with the reason.
    """
    notes: list[str] = []
    with _opened(content, most_megapixels) as (image, data):
        if (frames := getattr(image, "n_frames", 1)) > 1:
            notes.append(f"first of {frames} frames")
            image.seek(0)
        size = image.size
        if side_px:
            image.draft(None, (_DRAFT * side_px, _DRAFT * side_px))
        # The pixels first: to find its EXIF data, Pillow loads a PNG, and then no longer tells how they are stored.
        scaled = _eight_bits(image, data, whites, notes)
        picture = _channels(_upright(scaled, _orientation(image)), channels, notes)
        if side_px and picture.size != (side_px, side_px):
            if min(size) < side_px:
                notes.append(f"enlarged from {size[0]}×{size[1]}")
            picture = ImageOps.fit(picture, (side_px, side_px), method=Image.Resampling.BICUBIC)
        array = np.asarray(picture)
    return array.reshape(*array.shape[:2], -1), notes


@contextmanager
def _opened(content: bytes | Path, most_megapixels: float) -> Iterator[tuple[Image.Image, bytes]]:
    """Open an image; whatever goes wrong with it inside the block becomes ``Unreadable``."""
    data = _bytes(content) if isinstance(content, Path) else content
    if not data:
        raise Unreadable("it is empty (0 bytes)")
    try:
        with _without_limit(data) as image:
            pixels = image.width * image.height
            if pixels > most_megapixels * 1e6:
                raise Unreadable(
                    f"it claims to have {image.width:,}×{image.height:,} pixels, more than {most_megapixels:g} "
                    f"megapixels; if it is genuine, set most_megapixels to {math.ceil(pixels / 1e6):,} or more"
                )
            if not image.mode.startswith("I;") and image.mode not in _GRAY + _COLOR:
                raise Unreadable(f"its color space is {image.mode}, which is not read; save it as RGB")
            if pixels > _LARGE_PIXELS:
                with _large:
                    yield image, data
            else:
                yield image, data
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable(unknown_format(data)) from None
    except Exception as error:  # decoders raise nearly anything on a broken file
        raise Unreadable(f"it is damaged ({str(error) or type(error).__name__})") from None


def unknown_format(data: bytes) -> str:
    """Return why bytes are no image, as a clause."""
    if is_lfs_pointer(data):
        return "it is a pointer of Git LFS, not the image: get the files with git lfs pull"
    return "it is not an image in a known format"


def _without_limit(data: bytes) -> ImageFile.ImageFile:
    """Read the header of an image of any size; Pillow's limit holds for the whole process, ours for one source."""
    with _limit:
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data))
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except PermissionError:
        raise Unreadable("no permission to read it") from None
    except OSError as error:
        raise Unreadable(f"it could not be read ({error.strerror or error})") from None


def _raw_mode(image: Image.Image) -> str:
    """Return how the pixels lie in the file, as Pillow spells it: RGB;16B, for example."""
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    args = tiles[0].args if tiles else ""
    return str(args[0] if isinstance(args, tuple) else args)


def _is_color(image: Image.Image) -> bool:
    return image.mode in _COLOR and not _raw_mode(image).startswith("LA;16")


def _kind(image: Image.Image) -> str:
    """Return the kind of an image's pixels: bytes, integers (of more bits) or floats."""
    if image.mode == "F":
        return "floats"
    return "integers" if image.mode.startswith("I") or ";16" in _raw_mode(image) else "bytes"


def dtype_of(kind: str) -> np.dtype:
    """Return the type that stands for a kind of pixels."""
    return np.dtype({"bytes": np.uint8, "integers": np.uint16, "floats": np.float32}[kind])


def _own_pixels(image: Image.Image, data: bytes) -> np.ndarray:
    """Return the pixels' own values, H×W or H×W×C, without palette: uint8, integers or float32."""
    if image.mode.startswith(("I", "F")):
        return np.asarray(image)
    if _kind(image) == "integers":
        return _sixteen_bits(image, data)
    return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))


def _without_alpha(own: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return colors and alpha apart; None: there is no alpha."""
    return (own[..., :-1], own[..., -1:]) if own.ndim == 3 and own.shape[2] in (2, 4) else (own, None)


def _sixteen_bits(image: Image.Image, data: bytes) -> np.ndarray:
    """Return gray with alpha, RGB or RGBA of 16 bits, uint16 H×W×C: Pillow keeps the upper bytes, so it reads twice."""
    raw = _raw_mode(image)
    if raw.startswith("LA"):
        halves = np.asarray(_as_raw(data, "RGBA")).astype(np.uint16)
        return halves[..., 0::2] << 8 | halves[..., 1::2]
    if raw.endswith("N"):  # in the order of this machine, as libtiff gives it
        raw = raw[:-1] + ("L" if np.little_endian else "B")
    swapped = raw[:-1] + ("L" if raw.endswith("B") else "B")
    upper, lower = (np.asarray(_as_raw(data, mode)).astype(np.uint16) for mode in (raw, swapped))
    return upper << 8 | lower


def _as_raw(data: bytes, raw: str) -> Image.Image:
    image = _without_limit(data)
    for at, tile in enumerate(image.tile):
        args = (raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw
        image.tile[at] = tile._replace(args=args)
    return image


def _eight_bits(image: Image.Image, data: bytes, whites: Whites | None, notes: list[str]) -> Image.Image:
    """Return the image in a mode of 8 bits a channel, scaled so that white is 255."""
    kind = _kind(image)
    known = (whites or {}).get(kind, 0)
    if kind == "bytes" and (known in (None, 255) or image.mode not in ("L", "RGB")):
        return image
    own = _own_pixels(image, data)
    colors, alpha = _without_alpha(own)
    white = _white(colors, kind, whites, notes)
    if wrong := outside(colors, white):
        raise Unreadable(f"it {wrong}")
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0 and kind != "bytes":
        colors = white - colors.astype(np.float32)
        notes.append("white and black swapped, as the file says (WhiteIsZero)")
    scaled = to_bytes(colors, white)
    if kind != "bytes" and (clear := image.info.get("transparency")) is not None:
        scaled[own == clear if own.ndim == 2 else (own[..., :3] == clear).all(axis=-1)] = 255
        notes.append("transparency composited on white")
    if kind != "bytes":
        notes.append({"integers": "16 or 32 bits", "floats": "floats"}[kind] + " scaled to 8 bits")
        left = len(np.unique(scaled))
        if left < _FEW_LEVELS and len(np.unique(own)) > 2 * left:
            notes.append(f"only {left} gray levels are left")
    if alpha is not None:
        scaled = np.concatenate([scaled, (alpha >> 8).astype(np.uint8)], axis=-1)
    return Image.fromarray(scaled[..., 0] if scaled.ndim == 3 and scaled.shape[2] == 1 else scaled)


def _white(colors: np.ndarray, kind: str, whites: Whites | None, notes: list[str]) -> float:
    brightest = float(colors.max(initial=0))
    if whites is None or kind not in whites:
        try:
            level = white_of(brightest, dtype_of(kind), what="its pixels").level
        except UnclearWhite:
            raise Unreadable(
                f"it has pixels up to {number(brightest)}, which leaves open what is white; {_IN_BYTES}"
            ) from None
        notes.append(f"{number(level)} taken for white, by this image alone")
        return level
    known = whites[kind]
    if known is None:
        raise Unreadable(f"it has pixels up to {number(brightest)}, so the value of white is unknown; set white_level")
    return known


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 … 8; 1 where the EXIF data is broken."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # as decoders do
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    if orientation == 1:
        return image
    image.getexif()[_ORIENTATION] = orientation
    return ImageOps.exif_transpose(image)


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
