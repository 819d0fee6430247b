"""How drops of water catch the light: edges, distances to them, and an embossed relief.

All steps are on whole numbers 0 … 255 kept in float32, so they are exact. Source: OpenCV's definitions of ``Canny``,
``distanceTransform``, ``equalizeHist``, ``filter2D`` and ``blur``, as ``spatter`` of Hendrycks & Dietterich 2019 chains
them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curation.corruptions import filters

_SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
_EMBOSS = np.array([[-2.0, -1, 0], [-1, 1, 1], [0, 1, 2]])
_FARTHEST_PX = 20.0
# Steps of a knight and a king on a 5×5 neighbourhood and their lengths in px (Borgefors 1986).
_STEPS = [
    (down, right, {1: 1.0, 2: 1.4, 5: 2.1969}[down**2 + right**2])
    for down in range(-2, 3)
    for right in range(-2, 3)
    if down**2 + right**2 in (1, 2, 5)
]


def _neighbours(field: Tensor, reach_px: int, outside: float) -> Tensor:
    """Return the view N×1×H×W×k×k of every pixel's neighbourhood."""
    side = 2 * reach_px + 1
    return functional.pad(field, [reach_px] * 4, value=outside).unfold(2, side, 1).unfold(3, side, 1)


def canny_edges(pixels: Tensor, *, low: float, high: float) -> Tensor:
    """Return bool N×1×H×W: Canny's edges of pixels 0 … 255 (Sobel 3×3, |dx| + |dy|)."""
    right = filters.correlate(pixels, _SOBEL, border="replicate")
    down = filters.correlate(pixels, _SOBEL.T, border="replicate")
    strength = right.abs() + down.abs()
    around = _neighbours(strength, 1, 0.0)
    tangent = 0.41421356
    level = down.abs() < tangent * right.abs()
    upright = down.abs() > (2 + tangent) * right.abs()
    along_x = (strength > around[..., 1, 0]) & (strength >= around[..., 1, 2])
    along_y = (strength > around[..., 0, 1]) & (strength >= around[..., 2, 1])
    falling = (strength > around[..., 0, 0]) & (strength > around[..., 2, 2])
    rising = (strength > around[..., 0, 2]) & (strength > around[..., 2, 0])
    diagonal = torch.where(right * down < 0, rising, falling)
    crest = torch.where(level, along_x, torch.where(upright, along_y, diagonal)) & (strength > low)
    edges, before = crest & (strength > high), None
    while before is None or not torch.equal(edges, before):
        before = edges
        edges = crest & (functional.max_pool2d(edges.float(), 3, stride=1, padding=1) > 0)
    return edges


def edge_distance_px(edges: Tensor) -> Tensor:
    """Return float32 N×1×H×W: each pixel's distance to the nearest edge, at most 20 px (5×5 chamfer)."""
    distance = torch.where(edges, 0.0, _FARTHEST_PX)
    before = None
    while before is None or not torch.equal(distance, before):
        before = distance
        around = _neighbours(distance, 2, _FARTHEST_PX)
        for down, right, length_px in _STEPS:
            distance = torch.minimum(distance, around[..., 2 + down, 2 + right] + length_px)
    return distance


def _equalized(levels: Tensor, highest: int) -> Tensor:
    """Return levels 0 … ``highest`` spread over 0 … 255 by their cumulative histogram, as ``equalizeHist`` does."""
    total = levels.shape[2] * levels.shape[3]
    lowest = levels.amin(dim=(2, 3), keepdim=True)
    first = (levels == lowest).sum(dim=(2, 3), keepdim=True)
    spread = torch.zeros_like(levels)
    for level in range(highest + 1):
        share = ((levels <= level).sum(dim=(2, 3), keepdim=True) - first) * 255.0 / (total - first).clamp(min=1)
        spread = torch.where(levels == level, share.round(), spread)
    return torch.where(first == total, levels, spread)


def relief(pixels: Tensor) -> Tensor:
    """Return float32 N×1×H×W, whole numbers 0 … 255: drops lit from one side, from a liquid layer 0 … 255."""
    box = np.full((3, 3), 1.0)
    distance = edge_distance_px(canny_edges(pixels, low=50, high=150))
    depth = (filters.correlate(distance, box, border="reflect") / 9 + 1e-4).floor()
    lit = filters.correlate(_equalized(depth, int(_FARTHEST_PX)), _EMBOSS, border="reflect").clamp(0, 255)
    return (filters.correlate(lit, box, border="reflect") / 9).round()
