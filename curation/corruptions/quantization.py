"""Few colors: every image is painted with the k-means colors of its own pixels."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from curation.corruptions.base import Corruption, Table
from curation.randomness import SampleRandom

_COLORS = (24, 16, 12, 8, 5)
_ROUNDS = 9
_SHAKE = 0.05
_SIDE_FOR_FIT_PX = 128
_LABELS = 32


class ColorQuantization(Corruption):
    """Few colors, found by k-means in RGB or CIE Lab, chosen at random; for gray images, few gray levels.

    Lloyd's rounds as in OpenCV, on 8-bit levels and with whole centers, so that every sum is exact in whatever order it
    is taken. imgaug starts from the same points of the color cube for every image, ours are drawn about them. Images
    over 128 px choose their colors from a grid of pixels.

    Source: imgaug 0.4, ``KMeansColorQuantization``; number of colors. Transferable-example curation uses severity 3.
    """

    name = "color_quantization"
    former_names = ("colour_quantisation",)
    title = "Color quantization"
    group = "digital"
    held_out = True
    table = Table(cifar=_COLORS, imagenet=_COLORS, imgaug=_COLORS)

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Paint each pixel in the nearest of the image's own k colors; see ``Corruption.corrupt``."""
        levels = (images * 255).round()
        channels = images.shape[1]
        start = _opencv_start(self.strength, channels).to(images.device) + random.uniform(
            self.strength, channels, low=-_SHAKE, high=_SHAKE
        )
        if channels == 1:
            return _painted(levels, *_clusters(levels, start)) / 255
        in_lab = random.uniform() < 0.5
        levels = torch.where(in_lab[:, None, None, None], _lab_of(levels), levels)
        centers, colors = _clusters(levels, start)
        colors = torch.where(in_lab[:, None, None], _rgb_of(colors), colors)
        return _painted(levels, centers, colors) / 255


@lru_cache(maxsize=16)
def _opencv_start(number: int, channels: int) -> Tensor:
    """Return float32 K×C: OpenCV's first centers after ``setRNGSeed(1)``; 0 and 1 are the ends of the image's range."""
    state, draws = 1, []
    for _ in range(number * channels):
        state = (state & 0xFFFFFFFF) * 4164903690 + (state >> 32)
        draws.append((state & 0xFFFFFFFF) / 2**32)
    margin = 1 / channels
    return torch.tensor(draws).reshape(number, channels) * (1 + 2 * margin) - margin


def _clusters(levels: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return k-means clusters of float32 N×C×H×W whole levels: their centers and their colors, each N×K×C and whole.

    A pixel belongs to the nearest center and takes its color, the mean of that center's pixels (cut to 8 bits); as in
    OpenCV the last round moves no center. ``start`` is N×K×C, in shares of the image's range in each channel.
    """
    step = -(-max(levels.shape[2:]) // _SIDE_FOR_FIT_PX)
    pixels = levels[:, :, ::step, ::step].flatten(2)
    counted = torch.cat([pixels, torch.ones_like(pixels[:, :1])], dim=1).transpose(1, 2)
    low, high = torch.aminmax(pixels, dim=2)
    colors = low[:, None] + start * (high - low)[:, None]
    for turn in range(_ROUNDS):
        centers = colors.round()
        member = _membership(pixels, centers)
        total = member @ counted
        if turn == 0:
            total = _without_empty(member, total, pixels) @ counted
        count = total[..., -1:]
        colors = torch.where(count > 0, total[..., :-1] / count, centers)
    return centers, colors.floor_()


def _without_empty(member: Tensor, total: Tensor, pixels: Tensor) -> Tensor:
    """Return the membership after each empty cluster took, in turn, the farthest pixel of the then largest one."""
    sample, count = torch.arange(len(member), device=member.device), total[..., -1].clone()
    mean = (total[..., :-1] / count[..., None].clamp(min=1)).round_()
    apart = pixels - mean.transpose(1, 2) @ member
    distance = apart.square_().sum(dim=1).add_(1)
    for _ in range(int((count == 0).sum(dim=1).max())):
        empty, largest = count.argmin(dim=1), count.argmax(dim=1)
        pixel = (distance * member[sample, largest]).argmax(dim=1)
        moved = (count[sample, empty] == 0).to(member.dtype)
        member[sample, largest, pixel] -= moved
        member[sample, empty, pixel] += moved
        count[sample, largest] -= moved
        count[sample, empty] += moved
    return member


def _membership(pixels: Tensor, centers: Tensor) -> Tensor:
    """Return float32 N×K×P, 1 where a center is the pixel's nearest (the first of equals), otherwise 0."""
    # The center's number rides below the distance, so that one minimum decides; all stays whole and under 2²⁴.
    number = torch.arange(centers.shape[1], dtype=torch.float32, device=centers.device)
    squared = (centers * centers).sum(dim=2) * _LABELS + number
    distance = torch.baddbmm(squared[..., None], centers * (-2 * _LABELS), pixels)
    return distance.eq_(distance.amin(dim=1, keepdim=True))


def _painted(levels: Tensor, centers: Tensor, colors: Tensor) -> Tensor:
    """Return N×C×H×W: every pixel in the color of its nearest center."""
    return (colors.transpose(1, 2) @ _membership(levels.flatten(2), centers)).view_as(levels)


class _LabTables(NamedTuple):
    linear: Tensor
    """int32 256: 8 times the linear light of a level."""
    to_xyz: list[list[int]]
    """Rows X, Y, Z over the white point, columns R, G, B; 12 bits after the point."""
    root: Tensor
    """int32 3,072: CIE's f of a linear value, 15 bits after the point."""
    borders: Tensor
    """float32 255: the linear light between each two levels."""


_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.950456, 1.0, 1.088754])


@lru_cache(maxsize=4)
def _lab_tables(device: torch.device) -> _LabTables:
    def linear(value: np.ndarray) -> np.ndarray:
        return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)

    light = np.arange(3072) / (255 * 8)
    root = np.where(light < 216 / 24389, light * (841 / 108) + 16 / 116, np.cbrt(light))
    return _LabTables(
        torch.from_numpy(np.round(linear(np.arange(256) / 255) * 255 * 8).astype(np.int32)).to(device),
        np.round(_TO_XYZ / _WHITE[:, None] * 2**12).astype(int).tolist(),
        torch.from_numpy(np.round(root * 2**15).astype(np.int32)).to(device),
        torch.from_numpy(linear((np.arange(255) + 0.5) / 255).astype(np.float32)).to(device),
    )


def _lab_of(levels: Tensor) -> Tensor:
    """Return N×3×H×W of whole levels: CIE Lab as OpenCV stores it in 8 bits (all but one value in 30,000).

    Source: OpenCV 4, ``RGB2Lab_b`` (fixed point; L × 255/100, a + 128, b + 128).
    """
    tables = _lab_tables(levels.device)
    red, green, blue = _looked_up(tables.linear, levels.int()).unbind(dim=1)
    x, y, z = (_looked_up(tables.root, (red * r + green * g + blue * b + 2**11) >> 12) for r, g, b in tables.to_xyz)
    scale, shift = (116 * 255 + 50) // 100, -((16 * 255 * 2**15 + 50) // 100)
    lightness = (y * scale + shift + 2**14) >> 15
    a = ((x - y) * 500 + (128 << 15) + 2**14) >> 15
    b = ((y - z) * 200 + (128 << 15) + 2**14) >> 15
    return torch.stack([lightness, a, b], dim=1).clamp_(0, 255).to(levels.dtype)


def _looked_up(table: Tensor, index: Tensor) -> Tensor:
    return table.index_select(0, index.flatten()).view_as(index)


def _rgb_of(lab: Tensor) -> Tensor:
    """Return …×3 whole levels of RGB for 8-bit Lab …×3, each to the nearest."""
    lightness, a, b = lab.unbind(dim=-1)
    y = (lightness * (100 / 255) + 16) / 116
    f = torch.stack([y + (a - 128) / 500, y, y - (b - 128) / 200], dim=-1)
    x, y, z = torch.where(f > 6 / 29, f * f * f, (f - 16 / 116) * (108 / 841)).unbind(dim=-1)
    light = torch.stack(
        [x * r + y * g + z * b for r, g, b in np.linalg.inv(_TO_XYZ / _WHITE[:, None]).tolist()], dim=-1
    )
    return torch.bucketize(light, _lab_tables(lab.device).borders).to(lab.dtype)
