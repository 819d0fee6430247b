"""The batches of an epoch: sampled, moved to the device and augmented there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from curation.copying import ahead, sent
from curation.training.samplers import Shown
from curation.training.settings import Training

LUMA = 0.2989, 0.587, 0.114
"""Shares of red, green and blue in a pixel's gray. Source: ITU-R BT.601."""

RESIDENT_SHARE = 0.25
"""Images that take at most this share of the accelerator's free memory are kept there for the whole training."""


@dataclass(frozen=True)
class Batch:
    """Images as trained on, and whose they are.

    images: float32 N×C×H×W in [0, 1]; targets: int64 N or soft labels float32 N×K; weights: float32 N; classes: int64
    N, of each sample's own label (a soft one's likeliest), never mixed; rows: int64 N, its place among all images;
    altered: bool N, which are variants, None: not known.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor
    classes: Tensor
    rows: Tensor
    altered: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


class Batches:
    """Training images, labels and weights; each epoch in an order and with an augmentation of its own."""

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray | None,
        *,
        settings: Training,
        classes: int,
        device: torch.device,
        altered: np.ndarray | None = None,
    ) -> None:
        """Args: images: uint8 N×H×W×C, may be memory-mapped; labels: integers N or float32 N×K; weights: float32 N;
        altered: bool N, which are variants, None: not known."""
        soft = labels.ndim == 2
        ones = np.ones(len(images), np.float32)
        self._settings, self._count, self._device = settings, classes, device
        self.images: np.ndarray | Tensor = images
        """As given, or, where they fit, on the device."""
        if device.type == "cuda" and images.nbytes < RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
            self.images = torch.from_numpy(np.array(images)).to(device)
        self._labels = torch.from_numpy(np.array(labels, np.float32 if soft else np.int64)).to(device)
        self._classes = self._labels.argmax(1) if soft else self._labels
        self._altered = None if altered is None else torch.from_numpy(altered).to(device)
        self._weights = torch.from_numpy(np.array(ones if weights is None else weights, np.float32)).to(device)

    def steps(self, count: int) -> int:
        """Return the number of batches in an epoch of so many images."""
        return len(self._ends(count)) + 1

    def _ends(self, count: int) -> list[int]:
        """Return where each batch but the last ends; each has two images at least, or norms would fail."""
        size = self._settings.batch_size
        if self._settings.last_batch == "smaller":
            return list(range(size, count - 1, size))
        sizes = [len(part) for part in np.array_split(np.arange(count), min(math.ceil(count / size), count // 2))]
        return np.cumsum(sizes)[:-1].tolist()

    def epoch(self, draws: torch.Generator, shown: Shown | None = None) -> Iterator[Batch]:
        """Yield the batches of one epoch; ``draws`` (on the CPU, so the same for every device) decides all of it.

        Args: shown: its images, None: all.
        """
        count = len(self.images if shown is None else shown.rows)
        places = torch.arange(count) if shown and shown.ordered else torch.randperm(count, generator=draws)
        order = places if shown is None else torch.from_numpy(shown.rows)[places]
        more = None if shown is None or shown.weights is None else torch.from_numpy(shown.weights)[places]
        images, ends = self.images, self._ends(count)
        parts = torch.tensor_split(sent(order, self._device), ends)
        factors = [None] * len(parts) if more is None else torch.tensor_split(sent(more, self._device), ends)
        if isinstance(images, Tensor):
            pixels: Iterator[Tensor] = (images[rows] for rows in parts)
        else:
            pixels = ahead((images[rows.numpy()] for rows in torch.tensor_split(order, ends)), self._device)
        for rows, some, factor in zip(parts, pixels, factors, strict=True):
            yield self._batch(rows, some, factor, draws)

    def _batch(self, here: Tensor, pixels: Tensor, factor: Tensor | None, draws: torch.Generator) -> Batch:
        settings = self._settings
        if settings.augment:
            pixels = shifted(pixels, padding_px=settings.crop_padding_px, flip=settings.flip, draws=draws)
        if settings.rotation_degrees or settings.zoom:
            pixels = warped(pixels, rotation_degrees=settings.rotation_degrees, zoom=settings.zoom, draws=draws)
        if settings.color:
            pixels = jittered(pixels, color=settings.color, draws=draws)
        if settings.cutout_px:
            pixels = cut_out(pixels, side_px=settings.cutout_px, draws=draws)
        floats = pixels.permute(0, 3, 1, 2).float().div_(255)
        weights = self._weights[here] if factor is None else self._weights[here] * factor
        altered = None if self._altered is None else self._altered[here]
        batch = Batch(floats, self._labels[here], weights, self._classes[here], here, altered)
        if settings.cutmix or settings.mixup:
            batch = mixed(batch, cutmix=settings.cutmix, mixup=settings.mixup, classes=self._count, draws=draws)
        if settings.noise:
            noise = sent(torch.randn(batch.images.shape, generator=draws), self._device)
            batch = replace(batch, images=batch.images.add(noise, alpha=settings.noise).clamp_(0, 1))
        return batch


def shifted(pixels: Tensor, *, padding_px: int, flip: bool, draws: torch.Generator) -> Tensor:
    """Shift, and mirror where asked for, each image on its own, in one gather.

    Args: pixels: uint8 N×H×W×C; padding_px: largest shift, over a black border; flip: mirror half of the images.
    Returns: uint8, same shape.
    """
    n, height, width, channels = pixels.shape
    device = pixels.device
    padded = F.pad(pixels, (0, 0, padding_px, padding_px, padding_px, padding_px))
    shifts = 2 * padding_px + 1
    down, right, mirrored = (sent(torch.randint(high, (n, 1), generator=draws), device) for high in (shifts, shifts, 2))
    columns = torch.arange(width, device=device)
    if flip:
        columns = torch.where(mirrored.bool(), columns.flip(0), columns)
    first_rows = torch.arange(n, device=device)[:, None] * (height + 2 * padding_px) + down
    rows = first_rows + torch.arange(height, device=device)
    places = rows[:, :, None] * (width + 2 * padding_px) + (right + columns)[:, None, :]
    flat = padded.view(-1, channels).index_select(0, places.flatten())
    return flat.view(n, height, width, channels)


def warped(pixels: Tensor, *, rotation_degrees: float, zoom: float, draws: torch.Generator) -> Tensor:
    """Rotate and zoom each image on its own about its center, bilinearly over a black border, in one gather.

    Args: pixels: uint8 N×H×W×C; rotation_degrees: largest, to either side; zoom: factors are in 1 ± zoom; below 1,
    images get smaller.
    Returns: float32, same shape, in [0, 255].
    """
    n, height, width, _ = pixels.shape
    turned, factor = sent(torch.rand((2, n), generator=draws) * 2 - 1, pixels.device)
    angle, scale = torch.deg2rad(turned * rotation_degrees), 1 / (1 + factor * zoom)
    across, up = scale * angle.cos(), scale * angle.sin()
    none, aspect = torch.zeros_like(across), height / width  # the grid counts both sides from −1 to 1
    matrices = torch.stack([across, -up * aspect, none, up / aspect, across, none], 1).view(n, 2, 3)
    images = pixels.permute(0, 3, 1, 2).float()
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False).permute(0, 2, 3, 1)


def jittered(pixels: Tensor, *, color: float, draws: torch.Generator) -> Tensor:
    """Change brightness, contrast and saturation of each image on its own, in this order.

    Brightness is multiplied; contrast is about the image's mean gray, saturation about each pixel's gray. After each of
    them values are cut to [0, 255]. Gray images have no saturation.

    Args: pixels: N×H×W×C in [0, 255]; color: the three factors are drawn from 1 ± color.
    Returns: float32, same shape, in [0, 255].
    Source: Krizhevsky et al. 2012 changed intensities; factors and grays are those of torchvision's ``ColorJitter``.
    """
    factors = 1 + color * sent(torch.rand((3, len(pixels), 1, 1, 1), generator=draws) * 2 - 1, pixels.device)
    brightness, contrast, saturation = factors
    images = (pixels.float() * brightness).clamp_(0, 255)
    mean = _gray(images).mean((1, 2), keepdim=True)
    images = torch.lerp(mean, images, contrast).clamp_(0, 255)
    return torch.lerp(_gray(images), images, saturation).clamp_(0, 255)


def _gray(images: Tensor) -> Tensor:
    """Return N×H×W×1: the luma of three colors, the mean of any other number of channels."""
    if images.shape[3] != 3:
        return images.mean(3, keepdim=True)
    red, green, blue = (share * images[..., at, None] for at, share in enumerate(LUMA))
    return red + green + blue


def cut_out(pixels: Tensor, *, side_px: int, draws: torch.Generator) -> Tensor:
    """Black out one square in each image, its center anywhere; at the border a part of it. Takes N×H×W×C.

    Source: DeVries & Taylor 2017, "Improved Regularization of CNNs with Cutout".
    """
    inside = []
    for side in pixels.shape[1:3]:
        first = torch.randint(side, (len(pixels), 1), generator=draws) - side_px // 2
        at = torch.arange(side)
        inside.append(sent((at >= first) & (at < first + side_px), pixels.device))
    return pixels.masked_fill((inside[0][:, :, None] & inside[1][:, None, :])[..., None], 0)


def mixed(batch: Batch, *, cutmix: float, mixup: float, classes: int, draws: torch.Generator) -> Batch:
    """Mix each image and its label with another's of the batch, by one box or one share for the whole batch.

    Args: cutmix, mixup: α of Beta(α, α), one of them 0; classes: K of the soft labels that come out.
    Source: Yun et al. 2019, "CutMix", section 3.2; Zhang et al. 2018, "mixup", equation 1.
    """
    alpha = cutmix or mixup
    seed = int(torch.randint(2**62, (), generator=draws))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    other = sent(torch.randperm(len(batch), generator=draws), batch.images.device)
    if cutmix:
        rows, columns = _box(*batch.images.shape[2:], area=1 - share, draws=draws)
        images = batch.images.clone()
        images[:, :, rows, columns] = batch.images[other][:, :, rows, columns]
        box_px = (rows.stop - rows.start) * (columns.stop - columns.start)
        share = 1 - box_px / (images.shape[2] * images.shape[3])
    else:
        images = torch.lerp(batch.images[other], batch.images, share)
    labels = batch.targets if batch.targets.ndim == 2 else F.one_hot(batch.targets, classes).float()
    mass = batch.weights[:, None] * labels
    mass = torch.lerp(mass[other], mass, share)
    weights = mass.sum(1)
    targets = mass / weights.clamp_min(torch.finfo(mass.dtype).tiny)[:, None]
    return replace(batch, images=images, targets=targets, weights=weights)


def _box(height: int, width: int, *, area: float, draws: torch.Generator) -> tuple[slice, slice]:
    """Return rows and columns of a box with this share of the area, its center anywhere, cut at the border."""
    slices = []
    for side in (height, width):
        half = round(side * math.sqrt(area)) // 2
        center = int(torch.randint(side, (), generator=draws))
        slices.append(slice(max(center - half, 0), min(center + half, side)))
    return slices[0], slices[1]
