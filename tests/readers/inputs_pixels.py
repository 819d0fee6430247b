"""Kinds of input: what pixels are, and how images are encoded."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from curation.readers.base import Chunk
from tests.readers.inputs import Input, Make, Read, Refused, picture

SIDE = 64
RAMP = np.tile(np.linspace(0, 1, SIDE), (SIDE, 1)) * np.linspace(0.9, 1, SIDE)[:, None]
"""Shades from black to white, more of them than 255."""


def image(pixels: np.ndarray | Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(stream, form, **options)
    return stream.getvalue()


def deep_png(pixels: np.ndarray) -> bytes:
    """Encode 16 bits a channel: gray, gray with alpha, RGB or RGBA; Pillow writes gray only."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


def deep_tiff(pixels: np.ndarray) -> bytes:
    """Encode RGB of 16 bits a channel, uncompressed."""
    height, width, channels = pixels.shape
    data, tags = pixels.astype("<u2").tobytes(), 10
    after = 8 + 2 + 12 * tags + 4
    longs = {256: width, 257: height, 273: after + 2 * channels, 278: height, 279: len(data)}
    shorts = {259: 1, 262: 2, 277: channels, 284: 1}
    entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in longs.items()}
    entries |= {tag: struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in shorts.items()}
    entries[258] = struct.pack("<HHII", 258, 3, channels, after)
    body = b"".join(entries[tag] for tag in sorted(entries))
    bits = struct.pack("<" + "H" * channels, *[16] * channels)
    return b"II*\0" + struct.pack("<IH", 8, tags) + body + bytes(4) + bits + data


def folder(encode: Callable[[int], bytes], count: int = 4, suffix: str = "png") -> Make:
    """Make two class folders of images, given their numbers."""

    def make(root: Path) -> None:
        for number in range(count):
            (root / "ab"[number % 2]).mkdir(exist_ok=True)
            (root / "ab"[number % 2] / f"{number:02d}.{suffix}").write_bytes(encode(number))

    return make


def stored(dtype: Any, highest: float, form: str = "PNG", **options: Any) -> Make:
    """Make images of a ramp from 0 to a value, in pixels of a type."""
    return folder(lambda number: image((np.roll(RAMP, number, 0) * highest).astype(dtype), form, **options))


def array(pixels: np.ndarray, **arrays: np.ndarray) -> Make:
    def make(root: Path) -> Path:
        np.savez(root / "set.npz", images=pixels, labels=np.arange(len(pixels)) % 2, **arrays)
        return root / "set.npz"

    return make


def ramps(dtype: Any, highest: float) -> np.ndarray:
    return np.stack([np.roll(RAMP, number, 0) * highest for number in range(4)]).astype(dtype)


def whole_range(chunk: Chunk) -> None:
    """From black to white, in as many shades as 8 bits have."""
    assert (chunk.images.min(), chunk.images.max()) == (0, 255)
    assert len(np.unique(chunk.images)) > 240


def black_and_white(chunk: Chunk) -> None:
    assert np.unique(chunk.images).tolist() == [0, 255]


def inverted(chunk: Chunk) -> None:
    whole_range(chunk)
    assert chunk.images[0, 0, 0, 0] > chunk.images[0, 0, -1, 0]


def of_shape(*shape: int) -> Callable[[Chunk], None]:
    def check(chunk: Chunk) -> None:
        assert chunk.images.shape[1:] == shape

    return check


def all_near(*color: int) -> Callable[[Chunk], None]:
    def check(chunk: Chunk) -> None:
        assert abs(chunk.images[:, 4, 4].astype(int) - color).max() <= 2

    return check


def turned(chunk: Chunk) -> None:
    """Dark at the top, bright below."""
    assert chunk.images[:, :2].mean() < 30
    assert chunk.images[:, -2:].mean() > 220


def sideways(number: int, exif: bytes | Image.Exif) -> bytes:
    return image((np.roll(RAMP, number, 0) * 255).astype(np.uint8), "JPEG", exif=exif, quality=95)


def quarter_turn() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def frames(number: int, form: str) -> bytes:
    some = [Image.fromarray(np.full((12, 12), shade + number, np.uint8)) for shade in (40, 90, 250)]
    return image(some[0], form, save_all=True, append_images=some[1:])


def clear(mode: str) -> Callable[[int], bytes]:
    """Images of which all but a corner is transparent."""

    def encode(number: int) -> bytes:
        pixels = np.zeros((12, 12, 4), np.uint8)
        pixels[:2, :2] = (number, 0, 0, 255)
        found = Image.fromarray(pixels)
        if mode != "P":
            return image(found.convert(mode))
        palette = Image.fromarray(np.ones((12, 12), np.uint8))
        palette.putpalette([0, 0, number, 9, 9, 9])
        palette.putpixel((0, 0), 0)
        return image(palette, transparency=1)

    return encode


def color_at(last: int) -> Callable[[int], bytes]:
    return lambda number: image(picture(number, channels=3 if number == last else 1))


def icon_first(number: int) -> bytes:
    side = (12, 12) if number == 0 else (40, 50)
    return image(np.full((*side, 3), number, np.uint8))


def unequal_splits(root: Path) -> None:
    for split, sides in (("train", (40, 44, 48)), ("test", (20, 22, 30))):
        for number, side in enumerate(sides * 2):
            path = root / split / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image(picture(number + len(split), side=side, channels=3 if split == "train" else 1)))


def train_8_test_16(root: Path) -> None:
    for split, dtype, highest in (("train", np.uint8, 255), ("test", np.uint16, 60000)):
        (root / split).mkdir()
        stored(dtype, highest)(root / split)


def alpha_of(channels: int) -> Callable[[int], bytes]:
    """Images of 12 bits in 16, opaque where there is alpha."""

    def encode(number: int) -> bytes:
        pixels = np.repeat((np.roll(RAMP, number, 0) * 4095).astype(np.uint16)[..., None], channels, axis=2)
        if channels in (2, 4):
            pixels[..., -1] = 65535
        return deep_png(pixels)

    return encode


def rgb_tiff(number: int) -> bytes:
    return deep_tiff(np.repeat((np.roll(RAMP, number, 0) * 4095).astype(np.uint16)[..., None], 3, axis=2))


WHITE_IS_ZERO = {262: 0}
COLORS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)

INPUTS = [
    Input(
        "pixels: 12 bits in 16",
        stored(np.uint16, 4095),
        Read(train=4, check=whole_range, remarks=r"brightest pixel is 4,09\d, so 4,095 \(12 bits\) is white"),
    ),
    Input("pixels: 16 bits", stored(np.uint16, 65535), Read(check=whole_range, notes="16 or 32 bits scaled")),
    Input("pixels: 8 bits in 16", stored(np.uint16, 255), Read(check=whole_range, remarks=r"255 \(8 bits\) is white")),
    Input("pixels: 8 bits in 32", stored(np.int32, 255, "TIFF"), Read(check=whole_range)),
    Input("pixels: 8 bits as floats", stored(np.float32, 255, "TIFF"), Read(check=whole_range, remarks="255")),
    Input("pixels: floats in [0, 1]", stored(np.float32, 1, "TIFF"), Read(check=whole_range, notes="floats scaled")),
    Input(
        "pixels: floats in [-1, 1]",
        folder(lambda number: image(((RAMP * 2 - 1) * (1 - number / 100)).astype(np.float32), "TIFF")),
        Read(train=0, skipped=[r"0 must be black: scale them from −1 … 1"] * 4),
    ),
    Input(
        "pixels: 6 bits in 16",
        stored(np.uint16, 40),
        Refused("brightest pixel is 40, so the value of white is unknown; set white_level to .* 63 or 255"),
    ),
    Input(
        "pixels: 6 bits in 16, white given",
        stored(np.uint16, 63),
        Read(train=4, remarks="63 is white, as asked"),
        {"white_level": 63},
    ),
    Input("pixels: 9 bits in 16", stored(np.uint16, 500), Refused("brightest pixel is 500, .* 511 or 1,023")),
    Input("pixels: 20 bits in 32", stored(np.int32, 10**6, "TIFF"), Refused("brightest pixel is 1,000,000|999,")),
    Input(
        "pixels: masks of 0 and 1",
        folder(lambda n: image(((RAMP > 0.5) ^ (n > 1)).astype(np.uint8))),
        Read(train=4, check=black_and_white, remarks="every pixel is 0 or 1, and 1 is white"),
    ),
    Input(
        "pixels: masks of 0 and 1 in 16 bits",
        folder(lambda n: image(((RAMP > 0.5) ^ (n > 1)).astype(np.uint16))),
        Read(train=4, check=black_and_white),
    ),
    Input("pixels: 1 bit", folder(lambda n: image(0.2 * n < RAMP)), Read(train=4, check=black_and_white)),
    Input(
        "pixels: a dark set",
        stored(np.uint8, 16),
        Read(train=4, remarks="the brightest pixel is 1[56] of 255; where that is white, set white_level: 1[56]"),
    ),
    Input(
        "pixels: few levels left",
        folder(lambda n: image((RAMP * (65535 if n == 0 else 4095)).astype(np.uint16))),
        Read(train=4, notes="only 1[67] gray levels are left"),
    ),
    Input(
        "pixels: white is 0, 16 bits",
        stored(np.uint16, 65535, "TIFF", tiffinfo=WHITE_IS_ZERO),
        Read(check=inverted, notes="WhiteIsZero"),
    ),
    Input(
        "pixels: white is 0, 8 bits",
        stored(np.uint8, 255, "TIFF", tiffinfo=WHITE_IS_ZERO, compression="tiff_lzw"),
        Read(train=4),
    ),
    Input("pixels: RGB of 16 bits", folder(alpha_of(3)), Read(check=whole_range, remarks="4,095")),
    Input("pixels: RGBA of 16 bits", folder(alpha_of(4)), Read(check=whole_range, remarks="4,095")),
    Input(
        "pixels: gray with alpha of 16 bits",
        folder(alpha_of(2)),
        Read(check=lambda chunk: (whole_range(chunk), of_shape(SIDE, SIDE, 1)(chunk))[0]),
    ),
    Input("pixels: RGB of 16 bits in TIFF", folder(rgb_tiff, suffix="tif"), Read(check=whole_range)),
    *(
        Input(
            f"pixels: transparent {mode}",
            folder(clear(mode)),
            Read(train=4, check=all_near(*[255] * channels), notes="transparency composited on white"),
        )
        for mode, channels in (("RGBA", 3), ("LA", 1), ("P", 3))
    ),
    Input(
        "pixels: CMYK JPEG",
        folder(lambda n: image(Image.new("CMYK", (12, 12), (0, 255, 255, n)), "JPEG")),
        Read(train=4, check=all_near(254, 0, 0), notes="CMYK converted to RGB"),
    ),
    Input(
        "pixels: LAB",
        folder(lambda n: image(Image.new("LAB", (12, 12), (n, 9, 9)), "TIFF")),
        Refused("color space is LAB, which is not read; save it as RGB"),
    ),
    Input(
        "pixels: palette GIF",
        folder(lambda n: image(Image.new("RGB", (12, 12), (0, 0, 250 + n)), "GIF")),
        Read(train=4, check=all_near(0, 0, 252), notes="converted to RGB"),
    ),
    Input("pixels: animated GIF", folder(lambda n: frames(n, "GIF")), Read(train=4, notes="first of 3 frames")),
    Input(
        "pixels: TIFF of several pages", folder(lambda n: frames(n, "TIFF")), Read(train=4, notes="first of 3 frames")
    ),
    Input("pixels: sideways (EXIF)", folder(lambda n: sideways(n, quarter_turn())), Read(train=4, check=turned)),
    Input("pixels: broken EXIF", folder(lambda n: sideways(n, b"Exif\0\0nothing")), Read(train=4)),
    Input(
        "pixels: truncated JPEG",
        folder(lambda n: image(picture(n, side=64), "JPEG")[: 900 if n == 1 else None]),
        Read(train=3, skipped=["b/01.png: it is damaged .*truncated"]),
    ),
    Input(
        "pixels: one image in color, the last of many",
        folder(color_at(39), 40),
        Read(
            train=40, check=of_shape(12, 12, 3), remarks="39 of 40 images are gray, 1 in color; all are read in color"
        ),
    ),
    Input(
        "pixels: an icon comes first",
        folder(icon_first, 9),
        Read(train=9, check=of_shape(40, 40, 3), notes="enlarged from 12×12", remarks="2 sizes, from 12×12 to 50×40"),
    ),
    Input("pixels: splits of other sizes and colors", unequal_splits, Read(train=6, test=6, check=of_shape(44, 44, 3))),
    Input(
        "pixels: larger than allowed",
        folder(lambda n: image(picture(n, side=40 if n else 80))),
        Read(train=3, skipped=["80×80 pixels, more than 0.005 megapixels; if it is genuine, set most_megapixels"]),
        {"most_megapixels": 0.005},
    ),
    Input(
        "arrays: 12 bits in 16", array(ramps(np.uint16, 4095)), Read(check=whole_range, remarks=r"\(12 bits\) is white")
    ),
    Input("arrays: 8 bits in 64", array(ramps(np.int64, 255)), Read(check=whole_range)),
    Input("arrays: big-endian", array(ramps(">u2", 65535)), Read(check=whole_range)),
    Input("arrays: floats in [0, 1]", array(ramps(np.float64, 1)), Read(check=whole_range)),
    Input("arrays: floats in [0, 255]", array(ramps(np.float32, 255)), Read(check=whole_range, remarks="255")),
    Input(
        "arrays: floats in [-1, 1]",
        array(ramps(np.float32, 2) - 1),
        Refused("row 0 has pixels from -1 .* 0 must be black"),
    ),
    Input("arrays: faint floats", array(ramps(np.float32, 1 / 255)), Refused("so the value of white is unknown")),
    Input("arrays: booleans", array(ramps(np.float32, 1) > 0.5), Read(check=black_and_white)),
    Input(
        "arrays: masks of 0 and 1",
        array((ramps(np.float32, 1) > 0.5).astype(np.uint8)),
        Read(check=black_and_white, remarks="0 or 1, and 1 is white"),
    ),
    Input(
        "arrays: white given",
        array(ramps(np.uint16, 2000)),
        Read(train=4, remarks="2,047 is white, as asked"),
        {"white_level": 2047},
    ),
    *(
        Input(f"arrays: {name}", array(pixels, x_test=test, y_test=np.arange(4) % 2), Refused(sentence, "test"))
        for name, pixels, test, sentence in (
            ("test of another size", COLORS, COLORS[:, :4], "x_test has images of 4×8×3, but .*images of 8×8×3"),
            ("test in gray", COLORS, COLORS[..., 0], "x_test has images of 8×8×1, but .*images of 8×8×3"),
            ("test of another white", ramps(np.float32, 1), ramps(np.float32, 255), "above the white level 1"),
        )
    ),
    Input("arrays: floats slightly above 1", array(ramps(np.float32, 1.0237)), Refused("for example 1.03 or 255")),
    Input(
        "pixels: another white in the test split, white given",
        train_8_test_16,
        Read(train=4, test=4),
        {"white_level": 65535},
    ),
    Input(
        "arrays: white given too low",
        array(ramps(np.uint16, 2000)),
        Refused("up to 2,000, above the white level 100"),
        {"white_level": 100},
    ),
    Input("arrays: channels first", array(COLORS.transpose(0, 3, 1, 2)), Refused("channels first; .*np.transpose")),
    Input(
        "arrays: with transparency", array(COLORS.repeat(2, 3)[..., :4]), Refused("4, with transparency; .* 3 channels")
    ),
    Input("arrays: column by column", array(np.asfortranarray(COLORS)), Refused("column by column")),
    Input(
        "arrays: complex",
        array(COLORS.astype(np.complex64)),
        Refused("complex64; expected pixels as integers or floats"),
    ),
    Input("arrays: objects", array(np.array([[1], [2, 3]], object)), Refused("Python objects, which are never loaded")),
]
