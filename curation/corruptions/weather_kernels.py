"""Snow, frost and spatter on a CPU, compiled: in the order and rounding of torch."""

from __future__ import annotations

import numpy as np
from numpy import float32, int32

from curation.compilation import compiled


@compiled()
def lay_snow(images: np.ndarray, flakes: np.ndarray, mix: float32, rest: float32, out: np.ndarray) -> None:
    """Fill ``out`` with whitened images under flakes, and under the same flakes turned by 180°.

    Args: images, out: float32 N×C×H×W; flakes: float32 N×H×W; mix, rest: weights of the image and of the whitened one.
    """
    number, channels, height, width = images.shape
    white, layer = np.empty(width, float32), np.empty(width, float32)
    for sample in range(number):
        for row in range(height):
            red, turned = images[sample, 0, row], flakes[sample, height - 1 - row]
            if channels == 3:
                green, blue = images[sample, 1, row], images[sample, 2, row]
                for column in range(width):
                    gray = float32(0.299) * red[column] + float32(0.587) * green[column]
                    gray = gray + float32(0.114) * blue[column]
                    white[column] = gray * float32(1.5) + float32(0.5)
            else:
                for column in range(width):
                    white[column] = red[column] * float32(1.5) + float32(0.5)
            for column in range(width):
                layer[column] = turned[width - 1 - column]
            for channel in range(channels):
                line, first, result = images[sample, channel, row], flakes[sample, row], out[sample, channel, row]
                for column in range(width):
                    value = line[column]
                    whitened = mix * value + rest * max(value, white[column])
                    result[column] = (whitened + first[column]) + layer[column]


@compiled()
def cut_out(textures: np.ndarray, kind: np.ndarray, top: np.ndarray, left: np.ndarray, out: np.ndarray) -> None:
    """Fill float32 N×C×H×W with crops of textures, float32 K×C×H'×W'; kind, top, left: int64 N, where each one lies."""
    number, channels, height, width = out.shape
    for sample in range(number):
        first, start = top[sample], left[sample]
        for channel in range(channels):
            texture = textures[kind[sample], channel]
            for row in range(height):
                out[sample, channel, row, :] = texture[first + row, start : start + width]


@compiled()
def find_crests(
    right: np.ndarray, down: np.ndarray, low: float32, high: float32, crest: np.ndarray, edges: np.ndarray
) -> None:
    """Mark where the slope is steepest along its direction and above ``low``, and which of these are above ``high``.

    Args: right, down: float32 N×H×W, Sobel's slopes; crest, edges: bool likewise.
    """
    number, height, width = right.shape
    flat, steep = float32(0.41421356), float32(2 + 0.41421356)
    strength = np.zeros((height + 2, width + 2), float32)
    for sample in range(number):
        for row in range(height):
            line = strength[row + 1, 1:]
            for column in range(width):
                line[column] = abs(right[sample, row, column]) + abs(down[sample, row, column])
        for row in range(height):
            above, here, below = strength[row], strength[row + 1], strength[row + 2]
            for column in range(width):
                x, y, value = right[sample, row, column], down[sample, row, column], here[column + 1]
                if not value > low:
                    crest[sample, row, column] = edges[sample, row, column] = False
                    continue
                if abs(y) < flat * abs(x):
                    top = value > here[column] and value >= here[column + 2]
                elif abs(y) > steep * abs(x):
                    top = value > above[column + 1] and value >= below[column + 1]
                elif x * y < 0:
                    top = value > above[column + 2] and value > below[column]
                else:
                    top = value > above[column] and value > below[column + 2]
                crest[sample, row, column], edges[sample, row, column] = top, top and value > high


@compiled()
def grow_edges(crest: np.ndarray, edges: np.ndarray) -> None:
    """Add to edges what of the crests is connected with them, to its eight neighbors, in place; both bool N×H×W."""
    number, height, width = edges.shape
    waiting = np.empty(height * width, int32)
    for sample in range(number):
        ridge, found, last = crest[sample], edges[sample], 0
        for row in range(height):
            for column in range(width):
                if found[row, column]:
                    waiting[last] = row * width + column
                    last += 1
        while last:
            last -= 1
            here = waiting[last]
            row, column = here // width, here % width
            for down in range(max(row - 1, 0), min(row + 2, height)):
                for right in range(max(column - 1, 0), min(column + 2, width)):
                    if ridge[down, right] and not found[down, right]:
                        found[down, right] = True
                        waiting[last] = down * width + right
                        last += 1


@compiled()
def _shorten_row(here: np.ndarray, one: np.ndarray, two: np.ndarray, steps: np.ndarray, best: np.ndarray) -> bool:
    """Let a row be as far as by one step from those one and two rows away, and then by steps within it, both ways."""
    straight, diagonal, knight = steps[0], steps[1], steps[2]
    width = len(best)
    old, above = here[2:], one[2:]
    left, right, far_left, far_right = one[1:], one[3:], one, one[4:]
    high_left, high_right = two[1:], two[3:]
    for column in range(width):
        near = min(left[column], right[column]) + diagonal
        far = min(min(far_left[column], far_right[column]), min(high_left[column], high_right[column])) + knight
        best[column] = min(min(old[column], above[column] + straight), min(near, far))
    length = best[0]
    for column in range(width):
        length = min(best[column], length + straight)
        best[column] = length
    for column in range(width - 1, -1, -1):
        length = min(best[column], length + straight)
        best[column] = length
    shorter = 0
    for column in range(width):
        shorter += best[column] < old[column]
        old[column] = best[column]
    return shorter > 0


@compiled()
def shorten(lengths: np.ndarray, steps: np.ndarray) -> None:
    """Let every place be as far as by the best path inside the field, in place.

    Args: lengths: float32 N×(H + 4)×(W + 4), whole numbers, none of the frame of two larger than what it is to be;
        steps: float32 3, lengths of a king's straight and diagonal step and of a knight's.
    """
    number, height, width = lengths.shape
    best = np.empty(width - 4, float32)
    for sample in range(number):
        field, changed = lengths[sample], True
        while changed:
            changed = False
            for row in range(2, height - 2):
                changed |= _shorten_row(field[row], field[row - 1], field[row - 2], steps, best)
            for row in range(height - 3, 1, -1):
                changed |= _shorten_row(field[row], field[row + 1], field[row + 2], steps, best)
