"""The lossy part of JPEG, batched: a picture after baseline coding and decoding, bit for bit as libjpeg does it.

Huffman coding loses nothing, so it is left out. Every number is whole (or a whole number over a power of two) and small
enough to be exact in its floating type, so neither the order of a sum nor the device can change a bit.
Source: libjpeg-turbo (ITU-T T.81 baseline, chroma 4:2:0): ``jccolor``, ``jcsample`` (h2v2), ``jfdctint``, ``jcdctmgr``,
``jidctint``, ``jdsample`` (fancy h2v2) and ``jdcolor``.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from curation.compilation import runs_compiled
from curation.corruptions.levels import to_floats, to_levels

# Rows are frequencies, columns the left four of eight pixels; the right four mirror them, in odd rows with the other
# sign. In units of 2⁻¹³: the butterflies' constants, multiplied out. The inverse transform is the transpose.
_TRANSFORM = (
    (8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260),
    (10703, 4433, -4433, -10703),
    (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633),
    (4433, -10704, 10704, -4433),
    (2260, -6436, 9633, -11363),
)
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)


def _exact(device: torch.device) -> torch.dtype:
    # MPS has no float64: there a rounding may go the other way and a pixel differ by a level.
    return torch.float32 if device.type == "mps" else torch.float64


@lru_cache(maxsize=4)
def _transform(device: torch.device) -> Tensor:
    """Return float64 8×8: pixels to frequencies."""
    half = torch.tensor(_TRANSFORM, dtype=_exact(device), device=device)
    sign = half.new_tensor([1, -1] * 4)[:, None]
    return torch.cat([half, half.flip(1) * sign], dim=1)


@lru_cache(maxsize=64)
def _steps(table: tuple[tuple[int, ...], ...], quality: int, device: torch.device) -> Tensor:
    """Return float64 8×8×1: the quantization steps of a table of the standard at a quality of 1 … 100."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = torch.tensor(table, device=device).mul(percent).add(50).div(100, rounding_mode="floor").clamp(1, 255)
    return steps.to(_exact(device))[..., None]


def _descaled(scaled: Tensor) -> Tensor:
    return scaled.add_(0.5).floor_()


def _through_blocks(plane: Tensor, steps: Tensor) -> Tensor:
    """Return a plane 0 … 255, its sides multiples of 8, after transform, quantization and all the way back."""
    number, height, width = plane.shape
    grid = (number, height // 8, 8, width // 8, 8)
    matrix = _transform(plane.device)
    # Pixels of a block first, blocks last: then both transforms are products of a small matrix and a long one.
    pixels = plane.reshape(grid).permute(2, 4, 0, 1, 3).to(matrix.dtype).sub_(128)
    shape = pixels.shape
    lines = _descaled((matrix * 2.0**-11) @ pixels.reshape(8, 8, -1))
    waves = _descaled((matrix * 2.0**-15) @ lines.view(8, -1)).view(8, 8, -1)
    # The transform's values are eight times too large. A hair more than 1 rounds ties away from zero, and nothing else.
    whole = waves.mul_((1 + 2.0**-20) / (8 * steps)).round_().mul_(steps)
    lines = _descaled((matrix.T * 2.0**-11) @ whole.view(8, -1)).view(8, 8, -1)
    pixels = _descaled((matrix.T * 2.0**-18) @ lines).add_(128).clamp_(0, 255)
    return torch.empty_like(plane).view(grid).copy_(pixels.view(shape).permute(2, 3, 0, 4, 1)).view_as(plane)


def _filled(plane: Tensor, rows: int, columns: int) -> Tensor:
    """Return a plane whose last row and column are repeated until its sides are multiples."""
    down, right = -plane.shape[1] % rows, -plane.shape[2] % columns
    return functional.pad(plane[:, None], [0, right, 0, down], mode="replicate")[:, 0] if down or right else plane


def _luma(plane: Tensor, quality: int) -> Tensor:
    coded = _through_blocks(_filled(plane, 8, 8), _steps(_LUMA, quality, plane.device))
    return coded[:, : plane.shape[1], : plane.shape[2]]


def _chroma(plane: Tensor, quality: int) -> Tensor:
    height, width = plane.shape[1:]
    pairs = _filled(plane, 2, 16).unflatten(1, (-1, 2)).sum(dim=2)
    # The mean of four is rounded down and up by turns.
    bias = plane.new_tensor([1, 2]).repeat(pairs.shape[2] // 4)
    halves = (pairs[:, :, ::2] + pairs[:, :, 1::2]).add_(bias).mul_(0.25).floor_()
    coded = _through_blocks(_filled(halves, 8, 8), _steps(_CHROMA, quality, plane.device))
    coded = coded[:, : (height + 1) // 2, : (width + 1) // 2]
    framed = functional.pad(coded[:, None], [1, 1, 1, 1], mode="replicate")[:, 0]
    # A pixel takes nine sixteenths of its own sample, the rest of the three nearest others.
    near = framed[:, 1:-1] * 3
    tall = torch.stack([near + framed[:, :-2], near + framed[:, 2:]], dim=2).flatten(1, 2)
    near = tall[:, :, 1:-1] * 3
    full = torch.stack([near.add(tall[:, :, :-2]).add_(8), near.add(tall[:, :, 2:]).add_(7)], dim=3).flatten(2)
    return full.mul_(1 / 16).floor_()[:, :height, :width]


def jpeg_levels(pixels: Tensor, *, quality: int) -> Tensor:
    """Return what ``jpeg`` does of uint8 N×H×W×C, likewise."""
    if not runs_compiled(pixels.device):
        return to_levels(jpeg(to_floats(pixels), quality=quality))
    from curation.corruptions.jpeg_kernel import coded

    out = torch.empty_like(pixels)
    luma, chroma = (_steps(table, quality, pixels.device)[..., 0].float().numpy() for table in (_LUMA, _CHROMA))
    coded(pixels.numpy(), luma, chroma, out.numpy())
    return out


def jpeg(images: Tensor, *, quality: int) -> Tensor:
    """Return the images as JPEG shows them, chroma at half resolution.

    Args:
        images: float32 N×C×H×W in [0, 1], C = 1 or 3, sides of at least 6 px; read at 8-bit levels.
        quality: 1 … 100, as libjpeg and PIL count it.

    Returns: float32, same shape, on 8-bit levels.
    """
    if runs_compiled(images.device):
        return to_floats(jpeg_levels(to_levels(images), quality=quality))
    levels = (images * 255).round_()
    if images.shape[1] == 1:
        return _luma(levels[:, 0], quality)[:, None] / 255
    red, green, blue = levels.unbind(1)
    unit = 2.0**-16
    lightness = _mixed(0.5, (red, 19595 * unit), (green, 38470 * unit), (blue, 7471 * unit))
    almost_half = 128 + 32767 * unit
    to_blue = _mixed(almost_half, (red, -11059 * unit), (green, -21709 * unit), (blue, 0.5))
    to_red = _mixed(almost_half, (red, 0.5), (green, -27439 * unit), (blue, -5329 * unit))
    lightness = _luma(lightness, quality)
    to_blue, to_red = _chroma(torch.cat([to_blue, to_red]), quality).sub(128).chunk(2)
    decoded = torch.empty_like(images)
    decoded[:, 0] = lightness + _mixed(0.5, (to_red, 91881 * unit))
    decoded[:, 1] = lightness + _mixed(0.5, (to_blue, -22554 * unit), (to_red, -46802 * unit))
    decoded[:, 2] = lightness + _mixed(0.5, (to_blue, 116130 * unit))
    return decoded.clamp_(0, 255).div_(255)


def _mixed(offset: float, *parts: tuple[Tensor, float]) -> Tensor:
    """Return the weighted sum of planes, rounded down; exact in float32: multiples of 2⁻¹⁶ below 256."""
    (first, weight), *others = parts
    total = (first * weight).add_(offset)
    for plane, weight in others:
        total.add_(plane, alpha=weight)
    return total.floor_()
