"""Weighted sums of shifted images on a CPU, compiled: row by row in a core's cache, in the order and rounding of torch.

torch adds a product with one rounding (fused multiply-add) on every processor that has the instruction; so do these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy import float32, uint32

from curation.compilation import compiled


def _multiply_add(typing_context: Any, value: Any, weight: Any, total: Any) -> Any:
    """value · weight + total in float32, rounded once."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), code


_fused: Any = intrinsic(_multiply_add)


@compiled()
def sum_taps(padded: np.ndarray, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Fill each pixel of ``out`` with a weighted sum of pixels of ``padded``, tap after tap.

    Args: padded: float32 N×C×H'×W'; rows, columns: int64 N×K, where a sample's windows begin (1×K: of all samples);
        weights: float32 K; out: float32 N×C×H×W.
    """
    number, channels, height, width = out.shape
    for sample in range(number):
        mine = sample if len(rows) > 1 else 0
        for channel in range(channels):
            for row in range(height):
                total = out[sample, channel, row]
                total[:] = float32(0)
                for tap in range(len(weights)):
                    start, weight = columns[mine, tap], weights[tap]
                    line = padded[sample, channel, row + rows[mine, tap], start : start + width]
                    for column in range(width):
                        total[column] = _fused(line[column], weight, total[column])


@compiled()
def sum_symmetric(padded: np.ndarray, change: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with a correlation by a kernel that is the same upside down and mirrored.

    Args: padded: float32 N×C×(H + 2r)×(W + 2r); change: float32 (r + 1)×(r + 1), of the kernel's lower right quarter:
        by how much it rises from the next column outwards, 0 where it does not; out: float32 N×C×H×W.
    """
    number, channels, height, width = out.shape
    reach = len(change) - 1
    beyond = width + 2 * reach
    pairs, sums = np.empty((reach + 1, beyond), float32), np.empty(beyond, float32)
    for sample in range(number):
        for channel in range(channels):
            image = padded[sample, channel]
            for row in range(height):
                total, here = out[sample, channel, row], row + reach
                for column in range(beyond):
                    pairs[0, column] = image[here, column]
                for away in range(1, reach + 1):
                    above, below, pair = image[here - away], image[here + away], pairs[away]
                    for column in range(beyond):
                        pair[column] = above[column] + below[column]
                sums[:] = float32(0)
                total[:] = float32(0)
                for outer in range(reach, -1, -1):
                    for away in range(reach + 1):
                        weight, pair = change[away, outer], pairs[away]
                        if weight != 0:
                            for column in range(beyond):
                                sums[column] = _fused(pair[column], weight, sums[column])
                    for place in range(2 if outer else 1):
                        start = reach + outer if place else reach - outer
                        side = sums[start : start + width]
                        for column in range(width):
                            total[column] += side[column]


@compiled()
def exchange(unit: np.ndarray, reach: int, shown: np.ndarray) -> None:
    """Let pixels, from the bottom right, show what one at a random offset shows by then, in place.

    Args: unit: float32 N×2×H×W, draws in [0, 1) of the row's and the column's offset in −reach … reach − 1; shown:
        int64 N×H×W, the pixel that each one shows.
    """
    number, height, width = shown.shape
    span = float32(2 * reach)
    for sample in range(number):
        for row in range(height - reach, reach, -1):
            for column in range(width - reach, reach, -1):
                down = min(int(unit[sample, 0, row, column] * span), 2 * reach - 1) - reach
                right = min(int(unit[sample, 1, row, column] * span), 2 * reach - 1) - reach
                shown[sample, row, column] = shown[sample, row + down, column + right]


@compiled()
def raise_terrain(height: np.ndarray, noise: np.ndarray, step: int) -> None:
    """Take one step of the diamond-square algorithm on a torus, in place.

    Args: height: float32 N×S×S; noise: float32 N×3×(S / step)×(S / step), of centers, upper and left sides.
    """
    number, side, _ = height.shape
    half, cells = step // 2, side // step
    quarter = float32(0.25)
    for sample in range(number):
        field = height[sample]
        for row in range(cells):
            top, bottom = row * step, (row + 1) % cells * step
            for column in range(cells):
                left, right = column * step, (column + 1) % cells * step
                here = (field[top, left] + field[bottom, left]) + (field[top, right] + field[bottom, right])
                field[top + half, left + half] = here * quarter + noise[sample, 0, row, column]
        for row in range(cells):
            top, bottom, above = row * step, (row + 1) % cells * step, (row - 1) % cells * step + half
            for column in range(cells):
                left, right, before = column * step, (column + 1) % cells * step, (column - 1) % cells * step + half
                corner, center = field[top, left], field[top + half, left + half]
                across = ((center + field[above, left + half]) + corner) + field[top, right]
                field[top, left + half] = across * quarter + noise[sample, 1, row, column]
                down = ((center + field[top + half, before]) + corner) + field[bottom, left]
                field[top + half, left] = down * quarter + noise[sample, 2, row, column]


@compiled()
def pixelated(
    image: np.ndarray, ends: tuple[np.ndarray, np.ndarray], back: tuple[np.ndarray, np.ndarray], out: np.ndarray
) -> None:
    """Fill ``out`` with box means of an image, to whole levels after columns and after rows, repeated to its size.

    Args: image, out: float32 C×H×W in [0, 1]; ends: int64 2×h and 2×w, where each box of rows and of columns begins and
        ends; back: int64 H and W, the box that each row and column shows.
    """
    channels, height, width = image.shape
    few, across = ends[0].shape[1], ends[1].shape[1]
    levels, means, shown = np.empty(width, float32), np.empty((height, across), float32), np.empty(width, float32)
    whole, half, white = float32(12582912), float32(0.5), float32(255)
    sizes = (ends[1][1] - ends[1][0]).astype(np.float32)
    for channel in range(channels):
        for row in range(height):
            line, mean = image[channel, row], means[row]
            for column in range(width):
                # What has no room for a fraction is rounded, ties to even.
                levels[column] = (line[column] * white + whole) - whole
            for column in range(across):
                total = float32(0)
                for place in range(ends[1][0, column], ends[1][1, column]):
                    total += levels[uint32(place)]
                mean[column] = total
            for column in range(across):
                mean[column] = np.floor(mean[column] / sizes[column] + half)
        for number in range(few):
            start, stop = ends[0][0, number], ends[0][1, number]
            mean, size = means[number], float32(stop - start)
            if start != number:
                mean[:] = means[start]
            for place in range(start + 1, stop):
                line = means[place]
                for column in range(across):
                    mean[column] += line[column]
            for column in range(across):
                mean[column] = np.floor(mean[column] / size + half) / white
        last = -1
        for row in range(height):
            if back[0][row] != last:
                last = back[0][row]
                mean = means[last]
                for column in range(width):
                    shown[column] = mean[uint32(back[1][column])]
            out[channel, row, :] = shown
