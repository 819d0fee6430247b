"""Weighted sums of shifted images on a CPU, compiled: row by row in a core's cache, in the order and rounding of torch.

torch adds a product with one rounding (fused multiply-add) on every processor that has the instruction; so do these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy import float32, int32, uint32

from curation.compilation import compiled


def _multiply_add(typing_context: Any, value: Any, weight: Any, total: Any) -> Any:
    """value · weight + total in float32, rounded once."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), code


_fused: Any = intrinsic(_multiply_add)


@compiled()
def _add_taps(lines: np.ndarray, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, total: np.ndarray) -> None:
    """Fill ``total``, float32 W, with the weighted sum of what begins at (row, column) of ``lines``, tap after tap."""
    width, taps = len(total), len(weights)
    total[:] = float32(0)
    for tap in range(0, taps - 3, 4):  # four at once: a total stays in its register
        one = lines[rows[tap], columns[tap] : columns[tap] + width]
        two = lines[rows[tap + 1], columns[tap + 1] : columns[tap + 1] + width]
        three = lines[rows[tap + 2], columns[tap + 2] : columns[tap + 2] + width]
        four = lines[rows[tap + 3], columns[tap + 3] : columns[tap + 3] + width]
        first, second, third, fourth = weights[tap], weights[tap + 1], weights[tap + 2], weights[tap + 3]
        for column in range(width):
            both = _fused(two[column], second, _fused(one[column], first, total[column]))
            total[column] = _fused(four[column], fourth, _fused(three[column], third, both))
    for tap in range(taps // 4 * 4, taps):
        line, weight = lines[rows[tap], columns[tap] : columns[tap] + width], weights[tap]
        for column in range(width):
            total[column] = _fused(line[column], weight, total[column])


@compiled()
def sum_taps(padded: np.ndarray, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Fill each pixel of ``out`` with a weighted sum of pixels of ``padded``, tap after tap.

    Args: padded: float32 N×C×H'×W'; rows, columns: int64 N×K, where a sample's windows begin (1×K: of all samples);
        weights: float32 K; out: float32 N×C×H×W.
    """
    number, channels, height, _ = out.shape
    for sample in range(number):
        mine = sample if len(rows) > 1 else 0
        for channel in range(channels):
            image = padded[sample, channel]
            for row in range(height):
                _add_taps(image[row:], rows[mine], columns[mine], weights, out[sample, channel, row])


@compiled()
def sum_separable(
    images: np.ndarray, weights: np.ndarray, rows: np.ndarray, columns: np.ndarray, out: np.ndarray
) -> None:
    """Fill ``out`` with images correlated by the same weights along columns, then along rows.

    Args: images, out: float32 N×C×H×W; weights: float32 2r + 1; rows, columns: int64 H + 2r and W + 2r, the row or the
        column that lies at each place, beyond the edges too.
    """
    number, channels, height, width = out.shape
    taps = len(weights)
    reach = taps // 2
    line, starts, same = np.empty((1, width + 2 * reach), float32), np.arange(taps), np.zeros(taps, np.int64)
    inside = line[0, reach : reach + width]
    for sample in range(number):
        for channel in range(channels):
            image = images[sample, channel]
            for row in range(height):
                _add_taps(image, rows[row : row + taps], same, weights, inside)
                for place in range(reach):
                    line[0, place] = inside[columns[place]]
                    line[0, reach + width + place] = inside[columns[reach + width + place]]
                _add_taps(line, same, starts, weights, out[sample, channel, row])


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
                pairs[0, :] = image[here]
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
                    left, right = sums[reach - outer :], sums[reach + outer :]
                    if outer:
                        for column in range(width):
                            total[column] = (total[column] + left[column]) + right[column]
                    else:
                        for column in range(width):
                            total[column] += left[column]


@compiled()
def exchange(unit: np.ndarray, reach: int, shown: np.ndarray) -> None:
    """Let pixels, from the bottom right, show what one at a random offset shows by then, in place.

    Args: unit: float32 N×2×H×W, draws in [0, 1) of the row's and the column's offset in −reach … reach − 1; shown:
        int32 N×H×W, the pixel that each one shows.
    """
    number, height, width = shown.shape
    span, most = float32(2 * reach), int32(2 * reach - 1)
    away = np.empty(width, int32)
    for sample in range(number):
        flat = shown[sample].reshape(-1)
        for row in range(height - reach, reach, -1):
            rows, columns = unit[sample, 0, row], unit[sample, 1, row]
            start = row * width
            for column in range(width):
                down = min(int32(rows[column] * span), most) - reach
                right = min(int32(columns[column] * span), most) - reach
                away[column] = start + column + down * width + right
            for column in range(width - reach, reach, -1):
                flat[uint32(start + column)] = flat[uint32(away[column])]


@compiled()
def take_shown(images: np.ndarray, shown: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` with the pixels that each one shows; images, out: float32 N×C×M; shown: int32 N×M."""
    number, channels, size = out.shape
    for sample in range(number):
        source = shown[sample]
        for channel in range(channels):
            image, result = images[sample, channel], out[sample, channel]
            for place in range(size):
                result[place] = image[uint32(source[place])]


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
def _between(first: float32, second: float32, share: float32) -> float32:
    """Return torch's ``lerp``."""
    if share < float32(0.5):
        return _fused(share, second - first, first)
    return _fused(share - float32(1), second - first, second)


@compiled()
def _zoom_line(line: np.ndarray, near: np.ndarray, shares: np.ndarray, out: np.ndarray) -> None:
    for column in range(len(out)):
        place = near[column]
        out[column] = _between(line[place], line[uint32(place + 1)], shares[column])


@compiled()
def add_zoomed(
    images: np.ndarray,
    near: tuple[np.ndarray, np.ndarray],
    shares: tuple[np.ndarray, np.ndarray],
    times: np.ndarray,
    total: np.ndarray,
) -> None:
    """Add bilinearly zoomed copies of images, one after the other.

    Args: images, total: float32 N×C×H×W; near: uint32 K×H and K×W, the first of the two rows and columns of an image
        between which each one of a copy lies, rising by one at most; shares: float32 likewise, how far on toward the
        second; times: float32 K, how often each copy is added.
    """
    number, channels, height, width = images.shape
    above, below = np.empty(width, float32), np.empty(width, float32)
    for sample in range(number):
        for channel in range(channels):
            image, sums = images[sample, channel], total[sample, channel]
            for copy in range(len(times)):
                weight, columns, column_shares = times[copy], near[1][copy], shares[1][copy]
                known = -2
                for row in range(height):
                    first, share = int(near[0][copy, row]), shares[0][copy, row]
                    if first != known:
                        if first == known + 1:
                            above, below = below, above
                        else:
                            _zoom_line(image[first], columns, column_shares, above)
                        _zoom_line(image[first + 1], columns, column_shares, below)
                        known = first
                    line = sums[row]
                    for column in range(width):
                        line[column] = _fused(_between(above[column], below[column], share), weight, line[column])
