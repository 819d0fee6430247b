"""Linear filters over batches of images, summed in a fixed order so that a batch's size cannot change a bit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curation.compilation import runs_compiled

Border = Literal["replicate", "reflect", "symmetric"]
"""What lies beyond the edge of abcd: aaa (SciPy's nearest), dcb (OpenCV's reflect-101), cba (SciPy's reflect)."""

Trim = Literal["both", "end"]


def _border_index(size_px: int, reach_px: int, border: Border, device: torch.device) -> Tensor:
    index = torch.arange(-reach_px, size_px + reach_px, device=device)
    period = 2 * size_px - (2 if border == "reflect" else 0)
    index = index.remainder(period)
    return torch.minimum(index, period - (0 if border == "reflect" else 1) - index)


@lru_cache(maxsize=64)
def _beyond(size_px: int, reach_px: int, border: Border) -> np.ndarray:
    """Return what lies at each place from −reach on, int64 size + 2·reach."""
    if border == "replicate":
        return np.arange(-reach_px, size_px + reach_px).clip(0, size_px - 1)
    return _border_index(size_px, reach_px, border, torch.device("cpu")).numpy()


def pad(images: Tensor, *, rows_px: int, columns_px: int, border: Border) -> Tensor:
    """Return N×C×(H + 2·rows)×(W + 2·columns): the images continued beyond their edges, however far."""
    height, width = images.shape[2:]
    if border == "replicate" or (border == "reflect" and rows_px < height and columns_px < width):
        return functional.pad(images, [columns_px, columns_px, rows_px, rows_px], mode=border)
    if rows_px:
        images = images.index_select(2, _border_index(height, rows_px, border, images.device))
    if columns_px:
        images = images.index_select(3, _border_index(width, columns_px, border, images.device))
    return images


def correlate(images: Tensor, kernel: np.ndarray, *, border: Border) -> Tensor:
    """Correlate every channel with one kernel.

    Args:
        images: float32 N×C×H×W.
        kernel: float h×w, both odd, centered.
        border: what lies beyond the edge.

    Returns: float32 N×C×H×W.
    """
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = pad(images, rows_px=rows, columns_px=columns, border=border)
    if runs_compiled(images.device):
        taps = np.argwhere(kernel != 0)
        down, right = (np.ascontiguousarray(places[None]) for places in taps.T)
        return _summed(padded, down, right, kernel[kernel != 0], images)
    # A shift of the image is a shift of its flattened memory; what wraps around lands in the margin, which is cut off.
    flat = padded.flatten()
    stride = padded.shape[3]
    length = flat.numel() - 2 * (rows * stride + columns)
    total = torch.zeros_like(flat)
    kept = total[:length]
    for row, column in np.argwhere(kernel != 0).tolist():
        start = row * stride + column
        kept.add_(flat[start : start + length], alpha=float(kernel[row, column]))
    return total.view_as(padded)[:, :, : images.shape[2], : images.shape[3]]


def _summed(padded: Tensor, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, like: Tensor) -> Tensor:
    """Return ``sum_taps`` of padded images, in a new tensor like another."""
    from curation.corruptions.filter_kernels import sum_taps

    out = torch.empty_like(like)
    sum_taps(padded.contiguous().numpy(), rows, columns, weights.astype(np.float32), out.numpy())
    return out


def correlate_symmetric(images: Tensor, kernel: np.ndarray, *, border: Border) -> Tensor:
    """Correlate every channel with one kernel that is the same upside down and mirrored, and mostly flat, as a disk is.

    Args:
        images: float32 N×C×H×W.
        kernel: float h×h, h odd, centered.
        border: what lies beyond the edge.

    Returns: float32 N×C×H×W.
    """
    height, width = images.shape[2:]
    reach = kernel.shape[0] // 2
    padded = pad(images, rows_px=reach, columns_px=reach, border=border)
    # From the outermost column inwards, the sum over a column's rows changes only where the kernel does.
    change = -np.diff(kernel[reach:, reach:], axis=1, append=0)
    change[np.abs(change) <= 1e-9] = 0
    if runs_compiled(images.device):
        from curation.corruptions.filter_kernels import sum_symmetric

        out = torch.empty_like(images)
        sum_symmetric(padded.contiguous().numpy(), change.astype(np.float32), out.numpy())
        return out
    rows = [padded.narrow(2, reach, height).contiguous()]
    rows += [padded.narrow(2, reach - k, height) + padded.narrow(2, reach + k, height) for k in range(1, reach + 1)]
    column_sum, total = torch.zeros_like(rows[0]), torch.zeros_like(images)
    for column in range(reach, -1, -1):
        for row in np.flatnonzero(change[:, column]):
            column_sum.add_(rows[row], alpha=float(change[row, column]))
        for start in sorted({reach - column, reach + column}):
            total.add_(column_sum.narrow(3, start, width))
    return total


def gaussian_taps(sigma_px: float, *, truncate: float) -> np.ndarray:
    """Return the 1-D Gaussian of SciPy's ``gaussian_filter``: float64, reach ⌊truncate·σ + ½⌋, sum 1."""
    reach = int(truncate * sigma_px + 0.5)
    if not reach:
        return np.ones(1)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    return taps / taps.sum()


def gaussian_blur(images: Tensor, *, sigma_px: float, truncate: float = 4.0, border: Border = "replicate") -> Tensor:
    """Return the images blurred by a Gaussian of ``sigma_px``, as scikit-image's ``gaussian`` does it."""
    taps = gaussian_taps(sigma_px, truncate=truncate)
    if len(taps) == 1:
        return images.clone()
    if runs_compiled(images.device):
        from curation.corruptions.filter_kernels import sum_separable

        out, reach = torch.empty_like(images), len(taps) // 2
        rows, columns = (_beyond(side_px, reach, border) for side_px in images.shape[2:])
        sum_separable(images.contiguous().numpy(), taps.astype(np.float32), rows, columns, out.numpy())
        return out
    return correlate(correlate(images, taps[:, None], border=border), taps[None, :], border=border)


@lru_cache(maxsize=16)
def disk_kernel(radius_px: float, alias_sigma_px: float) -> np.ndarray:
    """Return the lens's circle of confusion, float64: a disk, then a Gaussian against jagged edges.

    Source: ``disk`` of Hendrycks & Dietterich 2019; grid 17×17 (larger for radii over 8), Gaussian 3×3 (5×5). The sum
    is 1, or as published a little more where the disk touches the grid's edge.
    """
    reach = max(8, math.ceil(radius_px))
    axis = np.arange(-reach, reach + 1)
    disk = (axis[:, None] ** 2 + axis[None, :] ** 2 <= radius_px**2).astype(np.float64)
    disk /= disk.sum()
    smooth = 1 if radius_px <= 8 else 2
    taps = np.exp(-0.5 * (np.arange(-smooth, smooth + 1) / alias_sigma_px) ** 2)
    taps /= taps.sum()
    for axis_number in (0, 1):
        margin = [(smooth, smooth) if axis_number == i else (0, 0) for i in (0, 1)]
        padded = np.pad(disk, margin, mode="reflect")
        disk = sum(tap * np.roll(padded, -i, axis_number) for i, tap in enumerate(taps))
        disk = disk.take(range(len(axis)), axis_number)
    # Weights that cannot move a pixel by a hundredth of a level cost time and nothing else.
    disk[disk < 1e-6] = 0
    filled = int(np.abs(np.argwhere(disk) - reach).max())
    return disk[reach - filled : reach + filled + 1, reach - filled : reach + filled + 1]


def clipped_zoom(images: Tensor, factor: float, *, trim: Trim = "both") -> Tensor:
    """Return the images' centers enlarged bilinearly to the old size.

    Source: ``clipped_zoom`` of Hendrycks & Dietterich 2019: crop ⌈side / factor⌉, SciPy ``zoom`` of order 1, and trim
    what is more than the old size at both ends; the package ``imagecorruptions`` trims it at the end.
    """
    if runs_compiled(images.device):
        return add_zoomed(torch.zeros_like(images), images, [(factor, 1)], trim=trim)
    columns_zoomed = zoomed_rows(images.transpose(2, 3).contiguous(), factor, trim=trim)
    return zoomed_rows(columns_zoomed.transpose(2, 3).contiguous(), factor, trim=trim)


def zoomed_rows(images: Tensor, factor: float, *, trim: Trim = "both") -> Tensor:
    """Return the images with their rows alone zoomed, as ``clipped_zoom`` zooms rows and columns."""
    near, share = _zoomed_places(images.shape[2], factor, trim)
    first = torch.from_numpy(near).to(images.device)
    shares = torch.from_numpy(share).to(images)[:, None]
    return torch.lerp(images.index_select(2, first), images.index_select(2, first + 1), shares)


@lru_cache(maxsize=256)
def _zoomed_places(side_px: int, factor: float, trim: Trim) -> tuple[np.ndarray, np.ndarray]:
    """Return the first of the two pixels between which each zoomed one lies, int64, and how far on, float64."""
    cut = math.ceil(side_px / factor)
    grown = round(cut * factor)
    trimmed = (grown - side_px) // 2 if trim == "both" else 0
    place = (np.arange(side_px) + trimmed) * ((cut - 1) / max(grown - 1, 1))
    near = np.minimum(place.astype(int), cut - 2)
    return (side_px - cut) // 2 + near, place - near


def add_zoomed(total: Tensor, images: Tensor, factors: Sequence[tuple[float, int]], *, trim: Trim = "both") -> Tensor:
    """Add ``clipped_zoom`` of images by each factor, so and so many times, to a total in place, and return it."""
    if runs_compiled(images.device):
        from curation.corruptions import filter_kernels

        places = [[_zoomed_places(side_px, factor, trim) for factor, _ in factors] for side_px in images.shape[2:]]
        near = [np.array([first for first, _ in side], dtype=np.uint32) for side in places]
        shares = [np.array([share for _, share in side], dtype=np.float32) for side in places]
        often = np.array([times for _, times in factors], dtype=np.float32)
        filter_kernels.add_zoomed(images.numpy(), (near[0], near[1]), (shares[0], shares[1]), often, total.numpy())
        return total
    turned = images.transpose(2, 3).contiguous()
    for factor, times in factors:
        columns_zoomed = zoomed_rows(turned, factor, trim=trim).transpose(2, 3).contiguous()
        total.add_(zoomed_rows(columns_zoomed, factor, trim=trim), alpha=times)
    return total


def motion_blur(
    images: Tensor, *, radius_px: int, sigma_px: float, angle_deg: Tensor, widest_deg: tuple[float, float]
) -> Tensor:
    """Return the images smeared one way along a line.

    Args:
        images: float32 N×C×H×W.
        radius_px: the line has 2·radius + 1 taps.
        sigma_px: of the half-Gaussian that weights the taps.
        angle_deg: float32 N; 0 samples toward the right, 90 downwards.
        widest_deg: the smallest and the largest that an angle can be, less than a turn apart.

    Source: ImageMagick's ``MotionBlurImage``, edges replicated.
    """
    weights = np.exp(-0.5 * (np.arange(2 * radius_px + 1) / sigma_px) ** 2)
    weights = weights[weights > 1e-5 * weights.sum()]
    weights /= weights.sum()
    steps = torch.arange(len(weights), device=images.device)[:, None]
    angle_rad = torch.deg2rad(angle_deg)
    down = torch.ceil(steps * torch.sin(angle_rad) - 0.5).long()
    right = torch.ceil(steps * torch.cos(angle_rad) - 0.5).long()
    left, beyond, above, below = _reaches(len(weights) - 1, *widest_deg)
    padded = functional.pad(images, [left, beyond, above, below], mode="replicate")
    if runs_compiled(images.device):
        rows, columns = (above + down).T.contiguous().numpy(), (left + right).T.contiguous().numpy()
        return _summed(padded, rows, columns, weights, images)
    # Every place where a window of the images' size can begin, as one dimension: a tap then is one copy a sample.
    plane, row = padded.stride()[1:3]
    sizes = images.shape[1:]
    places = padded.numel() - sum((size - 1) * stride for size, stride in zip(sizes, (plane, row, 1), strict=True))
    windows = padded.as_strided((places, *sizes), (1, plane, row, 1))
    sample = torch.arange(len(images), device=images.device) * padded.stride(0)
    start = sample + (above + down) * row + left + right
    total = images * float(weights[0])
    for step in range(1, len(weights)):
        total.add_(windows.index_select(0, start[step]), alpha=float(weights[step]))
    return total


def _reaches(length_px: int, low_deg: float, high_deg: float) -> tuple[int, int, int, int]:
    """Return how far lines of a length and any angle of a range reach to the left, right, up and down, at most."""
    corners = [90.0 * turn for turn in range(-4, 5) if low_deg <= 90 * turn <= high_deg]
    angles = [math.radians(angle) for angle in (low_deg, high_deg, *corners)]
    right, down = [math.cos(angle) for angle in angles], [math.sin(angle) for angle in angles]
    sides = (-min(right), max(right), -min(down), max(down))
    # A step is rounded to the nearest pixel; the rest is for what float32 makes of an angle.
    left, beyond, above, below = (max(0, math.floor(length_px * side + 0.5 + 1e-3)) for side in sides)
    return left, beyond, above, below
