"""Which pixel value is white: by the type of the pixels and the brightest of the whole set, or asked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from pydantic import Field

DEPTHS = (8, 10, 12, 14, 16)
"""Bits in which cameras, scanners and microscopes measure."""
DARK = 64
"""Sets of bytes whose brightest value is below this are said to be dark."""
_ROUNDING = 1e-6


class UnclearWhite(Exception):
    """Why it cannot be told what is white, as a sentence that says what to do."""


class White(NamedTuple):
    """level: the value that is white; remark: what a person should know of it, None: it is as expected."""

    level: float
    remark: str | None = None


def white_level_field() -> Any:
    """Return the field ``white_level`` of a reader."""
    return Field(
        None,
        gt=0,
        description="pixel value that is white; None: 255 in bytes, 1 in floats up to 1, else the largest value of 8, "
        "10, 12, 14 or 16 bits that the set's brightest pixel needs",
    )


def white_of(brightest: float, dtype: np.dtype, *, what: str, asked: float | None = None) -> White:
    """Return what is white among pixels of a type.

    Args: brightest: of all pixels; dtype: bool, integers or floats; what: whose pixels they are, in the plural; asked:
        what a person says is white: for bytes too, where it is a byte.
    Raises: UnclearWhite.
    """
    full = 255.0 if dtype == np.uint8 else 1.0
    if asked is not None and (asked <= 255 or dtype != np.uint8):
        return White(asked, f"{what}: {number(asked)} is white, as asked")
    if dtype == np.bool_:
        return White(1.0)
    if dtype.kind == "f" and brightest <= full + _ROUNDING:
        if 0 < brightest < 0.25:
            raise _unclear(brightest, what, (float(f"{brightest:.3g}"), 1.0))
        return White(1.0)
    if brightest <= 1:
        every = "0" if brightest <= 0 else "0 or 1, and 1 is white"
        return White(1.0 if brightest > 0 else full, f"{what}: every pixel is {every}")
    if dtype == np.uint8:
        told = number(brightest)
        dark = f"{what}: the brightest pixel is {told} of 255; where that is white, set white_level: {told}"
        return White(255.0, dark if brightest < DARK else None)
    for bits in DEPTHS:
        level = 2**bits - 1
        if brightest <= level:
            if brightest <= level / 2:
                break
            return White(
                level, f"{what}: the brightest pixel is {number(brightest)}, so {level:,} ({bits} bits) is white; set "
                "white_level where another value is",
            )  # fmt: skip
    near = 2 ** int(np.ceil(np.log2(brightest + 1))) - 1 if dtype.kind != "f" else _rounded_up(brightest)
    raise _unclear(brightest, what, (near, next((2**b - 1 for b in DEPTHS if 2**b - 1 > near), near)))


def number(value: float) -> str:
    """Return a pixel value as it is written."""
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"


def _rounded_up(value: float) -> float:
    """Return a value with three digits that is not below it."""
    step = 10.0 ** (np.floor(np.log10(value)) - 2)
    return float(f"{np.ceil(value / step) * step:.6g}")


def _unclear(brightest: float, what: str, levels: tuple[float, float]) -> UnclearWhite:
    examples = " or ".join(dict.fromkeys(map(number, levels)))
    return UnclearWhite(
        f"{what}: the brightest pixel is {number(brightest)}, so the value of white is unknown; set white_level to the "
        f"value that is, for example {examples}"
    )


def to_bytes(pixels: np.ndarray, white: float) -> np.ndarray:
    """Return pixels in [0, white] as uint8 0 … 255, rounded; uint8 with white 255 as they are."""
    if pixels.dtype == np.uint8 and white == 255:
        return pixels
    return np.rint(pixels.astype(np.float32).clip(0, white) * np.float32(255 / white)).astype(np.uint8)


def outside(pixels: np.ndarray, white: float) -> str | None:
    """Return what is wrong with the pixels of one image, as a clause, or None."""
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        return "has NaN or infinite pixels"
    low, high = float(pixels.min(initial=0)), float(pixels.max(initial=0))
    if low < -_ROUNDING * min(white, 1):
        scale = "scale them from −1 … 1 with (x + 1) / 2" if low >= -1 and high <= 1 else "shift and scale them"
        return f"has pixels from {number(low)} to {number(high)}, and 0 must be black: {scale}"
    if high > white * (1 + _ROUNDING):
        return f"has pixels up to {number(high)}, above the white level {number(white)}"
    return None
