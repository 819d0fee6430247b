"""The inner loops over distances on a CPU: in tiles, used at once, never all kept.

They run without Python's lock, one thread each: callers share the work out. A distance is the same to the last bit
whatever tile it is computed in and in whichever direction. Gains are sums of float32 numbers in float64, exact but
for distances some billion times smaller than the largest sum: ties stay ties, and in what order or from what a gain is
computed does not show.
"""

from __future__ import annotations

import numpy as np

from curation.compilation import compiled

ROWS = 128
"""Points of one tile: their number is a multiple of it, the last ones made up."""

LANES = 4
"""Candidates of one call are a multiple of these."""


WIDTH = 16
"""Features are a multiple of these, made up by zeros."""

_TOGETHER = 64


@compiled(fastmath={"reassoc", "contract", "nsz"})
def tile(points: np.ndarray, lanes: np.ndarray, out: np.ndarray) -> None:
    """Write squared distances, points × lanes: 2 × 4 pairs at a time stay in registers."""
    width = points.shape[1]
    for i in range(0, len(points), 2):
        for j in range(0, len(lanes), 4):
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = np.float32(0)
            for f in range(width):
                a, b = points[i, f], points[i + 1, f]
                c = lanes[j, f]
                a0 += (a - c) * (a - c)
                b0 += (b - c) * (b - c)
                c = lanes[j + 1, f]
                a1 += (a - c) * (a - c)
                b1 += (b - c) * (b - c)
                c = lanes[j + 2, f]
                a2 += (a - c) * (a - c)
                b2 += (b - c) * (b - c)
                c = lanes[j + 3, f]
                a3 += (a - c) * (a - c)
                b3 += (b - c) * (b - c)
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = a0, a1, a2, a3
            out[i + 1, j], out[i + 1, j + 1], out[i + 1, j + 2], out[i + 1, j + 3] = b0, b1, b2, b3


@compiled()
def distances(points: np.ndarray, lanes: np.ndarray, cosine: bool, out: np.ndarray) -> None:
    """Write distances, points × lanes; cosine: of unit vectors, half the squared distance."""
    tile(points, lanes, out)
    for i in range(len(points)):
        for j in range(len(lanes)):
            out[i, j] = out[i, j] * np.float32(0.5) if cosine else np.sqrt(out[i, j])


@compiled()
def block(points: np.ndarray, lanes: np.ndarray, cosine: bool, out: np.ndarray) -> None:
    """Write all distances, lanes × points; ``out`` may be narrower than the points by those made up."""
    some = np.empty((ROWS, len(lanes)), np.float32)
    for first in range(0, len(points), ROWS):
        distances(points[first : first + ROWS], lanes, cosine, some)
        for j in range(len(out)):
            for i in range(min(ROWS, out.shape[1] - first)):
                out[j, first + i] = some[i, j]


@compiled()
def totals(points: np.ndarray, size: int, lanes: np.ndarray, cosine: bool, out: np.ndarray) -> float:
    """Write each lane's summed distance to the first ``size`` points, float64; return the largest distance."""
    some = np.empty((ROWS, len(lanes)), np.float32)
    most = np.zeros(len(lanes), np.float32)
    out[:] = 0
    for first in range(0, len(points), ROWS):
        distances(points[first : first + ROWS], lanes, cosine, some)
        for i in range(min(ROWS, size - first)):
            for j in range(len(lanes)):
                out[j] += some[i, j]
                most[j] = max(most[j], some[i, j])
    return most.max()


@compiled()
def gains(
    points: np.ndarray, reach: np.ndarray, lanes: np.ndarray, cosine: bool, counting: bool, out: np.ndarray
) -> None:
    """Write what each lane would add, float64: Σ max(0, reach − distance); counting: how many are within reach."""
    some = np.empty((ROWS, len(lanes)), np.float32)
    out[:] = 0
    for first in range(0, len(points), ROWS):
        if reach[first : first + ROWS].max() < 0:
            continue
        distances(points[first : first + ROWS], lanes, cosine, some)
        for i in range(ROWS):
            far = reach[first + i]
            if counting:
                for j in range(len(lanes)):
                    out[j] += some[i, j] <= far
            else:
                for j in range(len(lanes)):
                    out[j] += max(np.float64(far) - np.float64(some[i, j]), 0.0)


@compiled()
def columns(
    points: np.ndarray,
    reach: np.ndarray,
    lanes: np.ndarray,
    cosine: bool,
    counting: bool,
    index: np.ndarray,
    distance: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Write, for each lane, the positions of the points within reach, rising, their distances, and how many."""
    some = np.empty((ROWS, len(lanes)), np.float32)
    counts[:] = 0
    for first in range(0, len(points), ROWS):
        if reach[first : first + ROWS].max() < 0:
            continue
        distances(points[first : first + ROWS], lanes, cosine, some)
        for i in range(ROWS):
            far = reach[first + i]
            if not counting:
                far = np.nextafter(far, np.float32(-1))
            inside = 0
            for j in range(len(lanes)):
                inside += some[i, j] <= far
            for j in range(len(lanes) if inside else 0):
                if some[i, j] <= far:
                    index[j, counts[j]] = first + i
                    distance[j, counts[j]] = some[i, j]
                    counts[j] += 1


@compiled()
def nearest(
    points: np.ndarray, lanes: np.ndarray, count: int, cosine: bool, index: np.ndarray, distance: np.ndarray
) -> None:
    """Lower each point's distance to that of the nearest of the first ``count`` lanes, ties to the first; say which."""
    some = np.empty((ROWS, _TOGETHER), np.float32)
    for first in range(0, len(points), ROWS):
        for begin in range(0, len(lanes), _TOGETHER):
            part = lanes[begin : begin + _TOGETHER]
            real = min(len(part), count - begin)
            distances(points[first : first + ROWS], part, cosine, some)
            for i in range(ROWS):
                least = distance[first + i]
                for j in range(real):
                    least = min(least, some[i, j])
                if least < distance[first + i]:
                    distance[first + i] = least
                    at = 0
                    while some[i, at] > least:
                        at += 1
                    index[first + i] = begin + at


@compiled()
def first_within(
    points: np.ndarray, lanes: np.ndarray, count: int, cosine: bool, radius: float, index: np.ndarray
) -> None:
    """Lower each point's index, at first ``count``, to that of the first lane within a radius."""
    some = np.empty((ROWS, _TOGETHER), np.float32)
    for first in range(0, len(points), ROWS):
        for begin in range(0, len(lanes), _TOGETHER):
            if index[first : first + ROWS].max() < begin:
                break
            part = lanes[begin : begin + _TOGETHER]
            distances(points[first : first + ROWS], part, cosine, some)
            for i in range(ROWS):
                for j in range(min(len(part), index[first + i] - begin)):
                    if some[i, j] <= radius:
                        index[first + i] = begin + j
                        break


@compiled()
def lower(points: np.ndarray, lane: np.ndarray, cosine: bool, apart: np.ndarray) -> None:
    """Lower each point's distance to that from a lane; ``apart`` may be shorter than the points by those made up."""
    some = np.empty((2, ROWS), np.float32)
    both = np.empty((2, len(lane)), np.float32)
    both[0] = both[1] = lane
    for first in range(0, len(points), ROWS):
        distances(both, points[first : first + ROWS], cosine, some)
        for i in range(min(ROWS, len(apart) - first)):
            apart[first + i] = min(apart[first + i], some[0, i])
