"""JPEG on a CPU, compiled: the whole numbers of ``jpeg``, from 8-bit pixels to 8-bit pixels.

The transforms are in 32-bit integers as libjpeg-turbo computes them; all else is exact in float32.
"""

from __future__ import annotations

import numpy as np
from numpy import float32, int32, uint8, uint64

from curation.compilation import compiled
from curation.corruptions.level_kernels import joined, parted

_TOGETHER = 32
"""Blocks worked on together."""

_HALF, _WHITE, _UNIT = float32(0.5), float32(255), float32(2.0**-16)


@compiled(inline="always")
def _forward(x: np.ndarray, shift: int) -> None:
    """Transform the columns of int32 8×M, in place, and divide by 2^shift. Source: ``jfdctint``."""
    half, bits = int32(1 << (shift - 1)), int32(shift)
    for i in range(x.shape[1]):
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
    """Transform the columns of int32 8×M back, in place, and divide by 2^shift. Source: ``jidctint``."""
    half, bits = int32(1 << (shift - 1)), int32(shift)
    for i in range(x.shape[1]):
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


@compiled()
def _through_blocks(plane: np.ndarray, steps: np.ndarray) -> None:
    """Put a plane through transform, quantization and all the way back, in place.

    Args: plane: uint8 H×W, its sides multiples of 8; steps: float32 8×8.
    """
    across, number = plane.shape[1] // 8, plane.size // 64
    # Eight pixels side by side are one number, from its lowest byte on.
    eights, lines = plane.view(uint64), np.zeros((8, _TOGETHER), uint64)
    # Blocks last: then both transforms go over many at once.
    waves = np.zeros((8, 8, _TOGETHER), int32)
    columns = waves.reshape(8, 8 * _TOGETHER)
    for first in range(0, number, _TOGETHER):
        some = min(_TOGETHER, number - first)
        for block in range(some):
            top, left = (first + block) // across * 8, (first + block) % across
            for row in range(8):
                lines[row, block] = eights[top + row, left]
        for row in range(8):
            for column in range(8):
                for block in range(_TOGETHER):
                    level = (lines[row, block] >> uint64(8 * column)) & uint64(255)
                    waves[row, column, block] = int32(level) - int32(128)
            _forward(waves[row], 11)
        _forward(columns, 15)
        for row in range(8):
            for column in range(8):
                step, alike = steps[row, column], waves[row, column]
                # The transform's values are eight times too large.
                divisor = float32(8) * step
                for block in range(_TOGETHER):
                    # Ties go away from zero; below 2²⁴ a quotient in float32 never rounds up to a whole number.
                    wave = float32(alike[block])
                    size = np.floor((abs(wave) + _HALF * divisor) / divisor) * step
                    alike[block] = int32(np.copysign(size, wave))
        _inverse(columns, 11)
        for row in range(8):
            _inverse(waves[row], 18)
            lines[row] = uint64(0)
            for column in range(8):
                for block in range(_TOGETHER):
                    level = min(max(int32(waves[row, column, block] + int32(128)), int32(0)), int32(255))
                    lines[row, block] |= uint64(level) << uint64(8 * column)
        for block in range(some):
            top, left = (first + block) // across * 8, (first + block) % across
            for row in range(8):
                eights[top + row, left] = lines[row, block]


@compiled()
def _spread(plane: np.ndarray, height: int, width: int) -> None:
    """Repeat the last row and column of the first height×width values of a plane up to its sides, in place."""
    for row in range(height):
        plane[row, width:] = plane[row, width - 1]
    for row in range(height, plane.shape[0]):
        plane[row, :] = plane[height - 1]


@compiled()
def _halved(pair: np.ndarray, out: np.ndarray) -> None:
    """Fill a row with the means of four values of two rows of twice the length, rounded down and up by turns."""
    upper, lower = pair[0], pair[1]
    for column in range(len(out)):
        left, right = 2 * column, 2 * column + 1
        total = int32(upper[left]) + int32(upper[right]) + int32(lower[left]) + int32(lower[right])
        out[column] = uint8((total + 1 + (column & 1)) >> 2)


@compiled()
def _doubled(halves: np.ndarray, row: int, line: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with a row of twice the size: nine sixteenths of its own sample, the rest of the three nearest."""
    height, width = halves.shape
    own = row // 2
    other = max(own - 1, 0) if row % 2 == 0 else min(own + 1, height - 1)
    mine, near = halves[own], halves[other]
    inside, after = line[1:], line[2:]
    for column in range(width):
        inside[column] = float32(3) * float32(mine[column]) + float32(near[column])
    line[0], line[width + 1] = line[1], line[width]
    sixteenth = float32(1 / 16)
    for column in range(width):
        center = float32(3) * inside[column]
        out[2 * column] = np.floor((center + line[column] + float32(8)) * sixteenth)
        out[2 * column + 1] = np.floor((center + after[column] + float32(7)) * sixteenth)


@compiled()
def _level(value: float32) -> uint8:
    return uint8(int32(min(max(value, float32(0)), _WHITE)))


@compiled()
def _code_colors(
    pixels: np.ndarray, luma: np.ndarray, chroma: np.ndarray, full: np.ndarray, halves: np.ndarray, out: np.ndarray
) -> None:
    """Do the work of ``coded`` on one image of three channels, in its planes."""
    height, width, _ = pixels.shape
    few, across = (height + 1) // 2, (width + 1) // 2
    colors, pair = np.empty((3, width), uint8), np.empty((2, 2, 2 * halves.shape[2]), uint8)
    red, green, blue = colors[0], colors[1], colors[2]
    almost_half = float32(128 + 32767 * 2.0**-16)
    for row in range(2 * few):
        odd = row % 2
        if row < height:
            parted(pixels[row], colors)
            lightness, to_blue, to_red = full[row], pair[0, odd], pair[1, odd]
            for column in range(width):
                r, g, b = float32(red[column]), float32(green[column]), float32(blue[column])
                y = _HALF + r * (float32(19595) * _UNIT) + g * (float32(38470) * _UNIT) + b * (float32(7471) * _UNIT)
                u = almost_half - r * (float32(11059) * _UNIT) - g * (float32(21709) * _UNIT) + b * _HALF
                v = almost_half + r * _HALF - g * (float32(27439) * _UNIT) - b * (float32(5329) * _UNIT)
                lightness[column], to_blue[column], to_red[column] = uint8(int32(y)), uint8(int32(u)), uint8(int32(v))
            to_blue[width:], to_red[width:] = to_blue[width - 1], to_red[width - 1]
        else:
            pair[:, 1] = pair[:, 0]
        if odd:
            _halved(pair[0], halves[0, row // 2])
            _halved(pair[1], halves[1, row // 2])
    _spread(full, height, width)
    _through_blocks(full, luma)
    for plane in range(2):
        _spread(halves[plane], few, halves.shape[2])
    _through_blocks(halves.reshape(-1, halves.shape[2]), chroma)
    line, blues, reds = np.empty(across + 2, float32), np.empty(2 * across, float32), np.empty(2 * across, float32)
    for row in range(height):
        _doubled(halves[0, :few, :across], row, line, blues)
        _doubled(halves[1, :few, :across], row, line, reds)
        lightness = full[row]
        for column in range(width):
            y, u, v = float32(lightness[column]), blues[column] - float32(128), reds[column] - float32(128)
            red[column] = _level(y + np.floor(_HALF + v * (float32(91881) * _UNIT)))
            green[column] = _level(y + np.floor(_HALF - u * (float32(22554) * _UNIT) - v * (float32(46802) * _UNIT)))
            blue[column] = _level(y + np.floor(_HALF + u * (float32(116130) * _UNIT)))
        joined(colors, out[row])


@compiled()
def coded(pixels: np.ndarray, luma: np.ndarray, chroma: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with what JPEG makes of pixels, both uint8 N×H×W×C; luma, chroma: steps, float32 8×8."""
    number, height, width, channels = pixels.shape
    full = np.empty((-(-height // 8) * 8, -(-width // 8) * 8), uint8)
    halves = np.empty((2, -(-height // 16) * 8, -(-width // 16) * 8), uint8)
    for sample in range(number):
        if channels == 3:
            _code_colors(pixels[sample], luma, chroma, full, halves, out[sample])
            continue
        full[:height, :width] = pixels[sample, :, :, 0]
        _spread(full, height, width)
        _through_blocks(full, luma)
        out[sample, :, :, 0] = full[:height, :width]
