"""Between 8-bit pixels at rest and the floats in which they are worked on, on a CPU, compiled: one pass each way."""

from __future__ import annotations

import numpy as np
from numpy import float32, int32, uint8, uint32

from curation.compilation import compiled

_WHITE = float32(255)
_WHOLE = float32(12582912)


@compiled()
def parted(line: np.ndarray, levels: np.ndarray) -> None:
    """Fill C×W with a row W×C."""
    if len(levels) == 3:
        red, green, blue, values = levels[0], levels[1], levels[2], line.reshape(-1)
        for column in range(len(red)):
            red[column] = values[3 * column]
            green[column] = values[3 * column + 1]
            blue[column] = values[3 * column + 2]
    else:
        levels[0] = line[:, 0]


@compiled()
def joined(levels: np.ndarray, line: np.ndarray) -> None:
    """Fill a row W×C with C×W."""
    if len(levels) == 3:
        red, green, blue, values = levels[0], levels[1], levels[2], line.reshape(-1)
        for column in range(len(red)):
            values[3 * column] = red[column]
            values[3 * column + 1] = green[column]
            values[3 * column + 2] = blue[column]
    else:
        line[:, 0] = levels[0]


@compiled()
def fill_floats(pixels: np.ndarray, out: np.ndarray) -> None:
    """Fill float32 N×C×H×W in [0, 1] with the pixels uint8 N×H×W×C."""
    number, channels, height, width = out.shape
    levels = np.empty((channels, width), uint8)
    for sample in range(number):
        for row in range(height):
            parted(pixels[sample, row], levels)
            for channel in range(channels):
                level, values = levels[channel], out[sample, channel, row]
                for column in range(width):
                    values[column] = float32(level[column]) / _WHITE


@compiled()
def fill_levels(images: np.ndarray, out: np.ndarray) -> None:
    """Fill uint8 N×H×W×C with the levels nearest to float32 N×C×H×W, values outside [0, 1] clipped."""
    number, channels, height, width = images.shape
    levels = np.empty((channels, width), uint8)
    for sample in range(number):
        for row in range(height):
            for channel in range(channels):
                values, level = images[sample, channel, row], levels[channel]
                for column in range(width):
                    # What has no room for a fraction is rounded, ties to even.
                    clipped = min(max(values[column], float32(0)), float32(1)) * _WHITE
                    level[column] = uint8(int32((clipped + _WHOLE) - _WHOLE))
            joined(levels, out[sample, row])


@compiled()
def _box_sums(line: np.ndarray, ends: np.ndarray, channels: int, totals: np.ndarray) -> None:
    """Fill int32 w·C with the sums over boxes of a row of pixels, uint8 W·C."""
    boxes = ends.shape[1]
    for box in range(boxes):
        start, stop = uint32(ends[0, box]), uint32(ends[1, box])
        if channels == 3:
            red, green, blue = int32(0), int32(0), int32(0)
            for place in range(start, stop):
                near = uint32(place * 3)
                red += int32(line[near])
                green += int32(line[uint32(near + 1)])
                blue += int32(line[uint32(near + 2)])
            totals[3 * box], totals[3 * box + 1], totals[3 * box + 2] = red, green, blue
        else:
            total = int32(0)
            for place in range(start, stop):
                total += int32(line[uint32(place)])
            totals[uint32(box)] = total


@compiled()
def pixelated(
    pixels: np.ndarray, ends: tuple[np.ndarray, np.ndarray], back: tuple[np.ndarray, np.ndarray], out: np.ndarray
) -> None:
    """Fill ``out`` with box means of pixels, to whole levels after columns and after rows, repeated to their size.

    Args: pixels, out: uint8 N×H×W×C; ends: int64 2×h and 2×w, where each box of rows and of columns begins and ends;
        back: int64 H and W, the box that each row and column shows.
    """
    number, height, width, channels = pixels.shape
    across = ends[1].shape[1] * channels
    sizes = np.empty(across, float32)
    for place in range(across):
        sizes[place] = ends[1][1, place // channels] - ends[1][0, place // channels]
    shows = np.empty(width * channels, uint32)
    for place in range(width * channels):
        shows[place] = back[1][place // channels] * channels + place % channels
    means, totals, small = np.empty((height, across), uint8), np.empty(across, int32), np.empty(across, uint8)
    half = float32(0.5)
    for sample in range(number):
        for row in range(height):
            line, mean = pixels[sample, row].reshape(-1), means[row]
            _box_sums(line, ends[1], channels, totals)
            for place in range(across):
                mean[place] = uint8(int32(float32(totals[place]) / sizes[place] + half))
        last = 0
        for row in range(height):
            box, shown = back[0][row], out[sample, row].reshape(-1)
            if row and box == last:
                shown[:] = out[sample, row - 1].reshape(-1)
                continue
            last, start, stop = box, ends[0][0, box], ends[0][1, box]
            totals[:] = int32(0)
            for near in range(start, stop):
                mean = means[near]
                for place in range(across):
                    totals[place] += int32(mean[place])
            size = float32(stop - start)
            for place in range(across):
                small[place] = uint8(int32(float32(totals[place]) / size + half))
            for place in range(width * channels):
                shown[place] = small[shows[place]]
