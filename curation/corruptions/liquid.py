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

from curation.compilation import runs_compiled
from curation.corruptions import filters
from curation.corruptions.settling import settled

_SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
_EMBOSS = np.array([[-2.0, -1, 0], [-1, 1, 1], [0, 1, 2]])
_FARTHEST_PX = 20.0
# Lengths of a king's straight and diagonal step and of a knight's, in thousandths of a px (Borgefors 1986).
_STRAIGHT, _DIAGONAL, _KNIGHT = 1000, 1400, 2197


def _neighbors(field: Tensor, reach_px: int, outside: float) -> Tensor:
    """Return the view N×1×H×W×k×k of every pixel's neighborhood."""
    side = 2 * reach_px + 1
    return functional.pad(field, [reach_px] * 4, value=outside).unfold(2, side, 1).unfold(3, side, 1)


def canny_edges(pixels: Tensor, *, low: float, high: float) -> Tensor:
    """Return bool N×1×H×W: Canny's edges of pixels 0 … 255 (Sobel 3×3, |dx| + |dy|)."""
    right = filters.correlate(pixels, _SOBEL, border="replicate")
    down = filters.correlate(pixels, _SOBEL.T, border="replicate")
    if runs_compiled(pixels.device):
        from curation.corruptions.weather_kernels import find_crests, grow_edges

        crest, edges = torch.empty_like(pixels, dtype=torch.bool), torch.empty_like(pixels, dtype=torch.bool)
        slopes = right[:, 0].numpy(), down[:, 0].numpy()
        find_crests(*slopes, np.float32(low), np.float32(high), crest[:, 0].numpy(), edges[:, 0].numpy())
        grow_edges(crest[:, 0].numpy(), edges[:, 0].numpy())
        return edges
    strength = right.abs() + down.abs()
    around = _neighbors(strength, 1, 0.0)
    tangent = 0.41421356
    level = down.abs() < tangent * right.abs()
    upright = down.abs() > (2 + tangent) * right.abs()
    along_x = (strength > around[..., 1, 0]) & (strength >= around[..., 1, 2])
    along_y = (strength > around[..., 0, 1]) & (strength >= around[..., 2, 1])
    falling = (strength > around[..., 0, 0]) & (strength > around[..., 2, 2])
    rising = (strength > around[..., 0, 2]) & (strength > around[..., 2, 0])
    diagonal = torch.where(right * down < 0, rising, falling)
    crest = torch.where(level, along_x, torch.where(upright, along_y, diagonal)) & (strength > low)

    def longer(edges: Tensor) -> Tensor:
        padded = functional.pad(edges, [1, 1, 1, 1])
        thick = padded[:, :, :-2] | padded[:, :, 1:-1] | padded[:, :, 2:]
        return crest & (thick[..., :-2] | thick[..., 1:-1] | thick[..., 2:])

    return settled(longer, crest & (strength > high), most=pixels[0].numel())


def edge_distance_px(edges: Tensor) -> Tensor:
    """Return float32 N×1×H×W: each pixel's distance to the nearest edge, at most 20 px (5×5 chamfer)."""
    height, width = edges.shape[2:]
    farthest = int(_FARTHEST_PX) * _STRAIGHT
    if runs_compiled(edges.device):
        from curation.corruptions.weather_kernels import shorten

        lengths = functional.pad(torch.where(edges, 0.0, farthest), [2, 2, 2, 2], value=farthest)
        shorten(lengths[:, 0].numpy(), np.array([_STRAIGHT, _DIAGONAL, _KNIGHT], dtype=np.float32))
        return lengths[..., 2:-2, 2:-2] / _STRAIGHT

    def nearer(distance: Tensor) -> Tensor:
        padded = functional.pad(distance, [2, 2, 2, 2], value=farthest)
        here = padded[..., 2:-2]
        beside, two_beside = (
            torch.minimum(padded.narrow(3, 2 - away, width), padded.narrow(3, 2 + away, width)) for away in (1, 2)
        )
        straight_on = torch.minimum(here + _STRAIGHT, beside + _DIAGONAL)
        one_row = torch.minimum(straight_on, two_beside + _KNIGHT)
        two_rows = beside + _KNIGHT
        distance = torch.minimum(distance, beside[:, :, 2:-2] + _STRAIGHT)
        for rows, away in ((one_row, 1), (two_rows, 2)):
            for start in (2 - away, 2 + away):
                distance = torch.minimum(distance, rows.narrow(2, start, height))
        return distance

    # No step is shorter than a pixel.
    start = torch.where(edges, 0, farthest).to(torch.int16)
    return settled(nearer, start, most=int(_FARTHEST_PX)).to(torch.float32) / _STRAIGHT


def _equalized(levels: Tensor, highest: int) -> Tensor:
    """Return levels 0 … ``highest`` spread over 0 … 255 by their cumulative histogram, as ``equalizeHist`` does."""
    level = levels.to(torch.int64).flatten(1)
    count = level.new_zeros(len(level), highest + 1).scatter_add_(1, level, torch.ones_like(level))
    first = count.gather(1, level.amin(dim=1, keepdim=True))
    rest = level.shape[1] - first
    spread = ((count.cumsum(dim=1) - first) * 255.0 / rest.clamp(min=1)).round().to(levels.dtype)
    return torch.where(rest[..., None, None] == 0, levels, spread.gather(1, level).view_as(levels))


def relief(pixels: Tensor) -> Tensor:
    """Return float32 N×1×H×W, whole numbers 0 … 255: drops lit from one side, from a liquid layer 0 … 255."""
    box = np.full((3, 3), 1.0)
    distance = edge_distance_px(canny_edges(pixels, low=50, high=150))
    depth = (filters.correlate(distance, box, border="reflect") / 9 + 1e-4).floor()
    lit = filters.correlate(_equalized(depth, int(_FARTHEST_PX)), _EMBOSS, border="reflect").clamp(0, 255)
    return (filters.correlate(lit, box, border="reflect") / 9).round()
