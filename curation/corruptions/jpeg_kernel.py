"""JPEG's transforms on a CPU, compiled: the whole numbers of ``jpeg``, in 32 bits as libjpeg-turbo computes them."""

from __future__ import annotations

import numpy as np
from numpy import float32, int32, uint32

from curation.compilation import compiled

_ACROSS = 64
"""Columns worked on together: eight blocks."""


@compiled(inline="always")
def _forward(x: np.ndarray, shift: int) -> None:
    """Transform the columns of int32 8×64, in place, and divide by 2^shift. Source: ``jfdctint``."""
    half, bits = int32(1 << (shift - 1)), int32(shift)
    for i in range(_ACROSS):
        a0, a7 = int32(x[0, i] + x[7, i]), int32(x[0, i] - x[7, i])
        a1, a6 = int32(x[1, i] + x[6, i]), int32(x[1, i] - x[6, i])
        a2, a5 = int32(x[2, i] + x[5, i]), int32(x[2, i] - x[5, i])
        a3, a4 = int32(x[3, i] + x[4, i]), int32(x[3, i] - x[4, i])
        b0, b3 = int32(a0 + a3), int32(a0 - a3)
        b1, b2 = int32(a1 + a2), int32(a1 - a2)
        x[0, i] = int32(int32(int32(b0 + b1) * int32(8192)) + half) >> bits
        x[4, i] = int32(int32(int32(b0 - b1) * int32(8192)) + half) >> bits
        z = int32(int32(b2 + b3) * int32(4433))
        x[2, i] = int32(int32(z + int32(b3 * int32(6270))) + half) >> bits
        x[6, i] = int32(int32(z + int32(b2 * int32(-15137))) + half) >> bits
        z1 = int32(int32(a4 + a7) * int32(-7373))
        z2 = int32(int32(a5 + a6) * int32(-20995))
        z3, z4 = int32(a4 + a6), int32(a5 + a7)
        z5 = int32(int32(z3 + z4) * int32(9633))
        z3 = int32(int32(z3 * int32(-16069)) + z5)
        z4 = int32(int32(z4 * int32(-3196)) + z5)
        x[7, i] = int32(int32(int32(a4 * int32(2446)) + z1) + int32(z3 + half)) >> bits
        x[5, i] = int32(int32(int32(a5 * int32(16819)) + z2) + int32(z4 + half)) >> bits
        x[3, i] = int32(int32(int32(a6 * int32(25172)) + z2) + int32(z3 + half)) >> bits
        x[1, i] = int32(int32(int32(a7 * int32(12299)) + z1) + int32(z4 + half)) >> bits


@compiled(inline="always")
def _inverse(x: np.ndarray, shift: int) -> None:
    """Transform the columns of int32 8×64 back, in place, and divide by 2^shift. Source: ``jidctint``."""
    half, bits = int32(1 << (shift - 1)), int32(shift)
    for i in range(_ACROSS):
        z = int32(int32(x[2, i] + x[6, i]) * int32(4433))
        t2 = int32(z + int32(x[6, i] * int32(-15137)))
        t3 = int32(z + int32(x[2, i] * int32(6270)))
        t0 = int32(int32(int32(x[0, i] + x[4, i]) * int32(8192)) + half)
        t1 = int32(int32(int32(x[0, i] - x[4, i]) * int32(8192)) + half)
        b0, b3 = int32(t0 + t3), int32(t0 - t3)
        b1, b2 = int32(t1 + t2), int32(t1 - t2)
        a0, a1, a2, a3 = x[7, i], x[5, i], x[3, i], x[1, i]
        z1 = int32(int32(a0 + a3) * int32(-7373))
        z2 = int32(int32(a1 + a2) * int32(-20995))
        z3, z4 = int32(a0 + a2), int32(a1 + a3)
        z5 = int32(int32(z3 + z4) * int32(9633))
        z3 = int32(int32(z3 * int32(-16069)) + z5)
        z4 = int32(int32(z4 * int32(-3196)) + z5)
        t0 = int32(int32(int32(a0 * int32(2446)) + z1) + z3)
        t1 = int32(int32(int32(a1 * int32(16819)) + z2) + z4)
        t2 = int32(int32(int32(a2 * int32(25172)) + z2) + z3)
        t3 = int32(int32(int32(a3 * int32(12299)) + z1) + z4)
        x[0, i], x[7, i] = int32(b0 + t3) >> bits, int32(b0 - t3) >> bits
        x[1, i], x[6, i] = int32(b1 + t2) >> bits, int32(b1 - t2) >> bits
        x[2, i], x[5, i] = int32(b2 + t1) >> bits, int32(b2 - t1) >> bits
        x[3, i], x[4, i] = int32(b3 + t0) >> bits, int32(b3 - t0) >> bits


@compiled(inline="always")
def _turned(x: np.ndarray, out: np.ndarray) -> None:
    """Turn each 8×8 block of int32 8×64 over."""
    for block in range(0, _ACROSS, 8):
        for row in range(8):
            for column in range(8):
                out[row, uint32(block + column)] = x[column, uint32(block + row)]


@compiled()
def through_blocks(plane: np.ndarray, steps: np.ndarray) -> None:
    """Put a plane through transform, quantization and all the way back, in place.

    Args: plane: float32 H×W of whole numbers 0 … 255, its sides multiples of 8; steps: float32 8×8.
    """
    height, width = plane.shape
    x, y = np.zeros((8, _ACROSS), int32), np.zeros((8, _ACROSS), int32)
    step = np.empty((8, _ACROSS), float32)
    for row in range(8):
        for column in range(_ACROSS):
            step[row, column] = steps[row, column % 8]
    for top in range(0, height, 8):
        for left in range(0, width, _ACROSS):
            across = min(_ACROSS, width - left)
            tile = plane[top : top + 8, left : left + across]
            for row in range(8):
                for column in range(across):
                    x[row, column] = int32(tile[row, column]) - int32(128)
            _turned(x, y)
            _forward(y, 11)
            _turned(y, x)
            _forward(x, 15)
            for row in range(8):
                for column in range(_ACROSS):
                    # Ties go away from zero; below 2²⁴ a quotient in float32 never rounds up to a whole number.
                    divisor = float32(8) * step[row, column]
                    wave = float32(x[row, column])
                    size = np.floor((abs(wave) + float32(0.5) * divisor) / divisor) * step[row, column]
                    x[row, column] = int32(np.copysign(size, wave))
            _inverse(x, 11)
            _turned(x, y)
            _inverse(y, 18)
            _turned(y, x)
            for row in range(8):
                for column in range(across):
                    level = float32(x[row, column] + int32(128))
                    tile[row, column] = min(max(level, float32(0)), float32(255))


@compiled()
def _spread(plane: np.ndarray, height: int, width: int) -> None:
    """Repeat the last row and column of the first height×width values of a plane up to its sides, in place."""
    for row in range(height):
        for column in range(width, plane.shape[1]):
            plane[row, column] = plane[row, width - 1]
    for row in range(height, plane.shape[0]):
        plane[row, :] = plane[height - 1]


@compiled()
def _halved(plane: np.ndarray, halves: np.ndarray) -> None:
    """Fill the upper left of ``halves`` with the means of four, rounded down and up by turns."""
    for row in range(plane.shape[0] // 2):
        pair, out = plane[2 * row : 2 * row + 2], halves[row]
        left, right = pair[:, 0::2], pair[:, 1::2]
        for column in range(left.shape[1]):
            total = (left[0, column] + left[1, column]) + (right[0, column] + right[1, column])
            out[column] = np.floor((total + float32(1 + column % 2)) * float32(0.25))


@compiled()
def _doubled(halves: np.ndarray, height: int, width: int, row: int, line: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with a row of twice the size: nine sixteenths of its own sample, the rest of the three nearest."""
    own = row // 2
    other = max(own - 1, 0) if row % 2 == 0 else min(own + 1, height - 1)
    mine, near = halves[own], halves[other]
    inside, after = line[1:], line[2:]
    for column in range(width):
        inside[column] = float32(3) * mine[column] + near[column]
    line[0], line[width + 1] = line[1], line[width]
    sixteenth, even, odd = float32(1 / 16), out[0::2], out[1::2]
    for column in range(width):
        center = float32(3) * inside[column]
        even[column] = np.floor((center + line[column] + float32(8)) * sixteenth)
        odd[column] = np.floor((center + after[column] + float32(7)) * sixteenth)


@compiled()
def coded(image: np.ndarray, luma: np.ndarray, chroma: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with what JPEG makes of an image, both float32 C×H×W in [0, 1]; luma, chroma: steps, float32 8×8."""
    channels, height, width = image.shape
    whole, half, white, unit = float32(12582912), float32(0.5), float32(255), float32(2.0**-16)
    full = np.empty((-(-height // 8) * 8, -(-width // 8) * 8), float32)
    if channels == 1:
        for row in range(height):
            for column in range(width):
                # What has no room for a fraction is rounded, ties to even.
                full[row, column] = (image[0, row, column] * white + whole) - whole
        _spread(full, height, width)
        through_blocks(full, luma)
        for row in range(height):
            for column in range(width):
                out[0, row, column] = full[row, column] / white
        return
    blue = np.empty((-(-height // 2) * 2, -(-width // 16) * 16), float32)
    red = np.empty_like(blue)
    almost_half = float32(128 + 32767 * 2.0**-16)
    for row in range(height):
        for column in range(width):
            r = (image[0, row, column] * white + whole) - whole
            g = (image[1, row, column] * white + whole) - whole
            b = (image[2, row, column] * white + whole) - whole
            full[row, column] = np.floor(
                half + r * (float32(19595) * unit) + g * (float32(38470) * unit) + b * (float32(7471) * unit)
            )
            blue[row, column] = np.floor(
                almost_half - r * (float32(11059) * unit) - g * (float32(21709) * unit) + b * half
            )
            red[row, column] = np.floor(
                almost_half + r * half - g * (float32(27439) * unit) - b * (float32(5329) * unit)
            )
    _spread(full, height, width)
    through_blocks(full, luma)
    few, across = (height + 1) // 2, (width + 1) // 2
    to_blue = np.empty((-(-few // 8) * 8, -(-across // 8) * 8), float32)
    to_red = np.empty_like(to_blue)
    for plane, halves in ((blue, to_blue), (red, to_red)):
        _spread(plane, height, width)
        _halved(plane, halves)
        _spread(halves, few, halves.shape[1])
        through_blocks(halves, chroma)
    line, blues, reds = np.empty(across + 2, float32), np.empty(2 * across, float32), np.empty(2 * across, float32)
    for row in range(height):
        _doubled(to_blue, few, across, row, line, blues)
        _doubled(to_red, few, across, row, line, reds)
        for column in range(width):
            y, u, v = full[row, column], blues[column] - float32(128), reds[column] - float32(128)
            r = y + np.floor(half + v * (float32(91881) * unit))
            g = y + np.floor(half - u * (float32(22554) * unit) - v * (float32(46802) * unit))
            b = y + np.floor(half + u * (float32(116130) * unit))
            out[0, row, column] = min(max(r, float32(0)), white) / white
            out[1, row, column] = min(max(g, float32(0)), white) / white
            out[2, row, column] = min(max(b, float32(0)), white) / white
