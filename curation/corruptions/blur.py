"""The blur family: defocus, glass, motion, zoom and Gaussian blur."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from torch import Tensor

from curation.compilation import runs_compiled
from curation.corruptions import filters
from curation.corruptions.base import Corruption, Table
from curation.corruptions.settling import settled
from curation.randomness import SampleRandom


class DefocusBlur(Corruption):
    """A lens out of focus: every point becomes a disk.

    Source: Hendrycks & Dietterich 2019, ``defocus_blur``; (radius, anti-alias σ) in px, border reflect-101.
    """

    name = "defocus_blur"
    title = "Defocus blur"
    version = 2
    group = "blur"
    table = Table(
        cifar=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        imagenet=((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Average each pixel over an anti-aliased disk, reflected at the border; see ``Corruption.corrupt``."""
        return filters.correlate_symmetric(images, filters.disk_kernel(*self.strength), border="reflect")


class GlassBlur(Corruption):
    """Frosted glass: pixels are swapped with nearby ones, between two light blurs.

    Source: Hendrycks & Dietterich 2019, ``glass_blur``; (σ, reach d, rounds). Pixels are visited from the bottom right;
    each takes the current value of the one at an offset from {−d, …, d−1}². (The published code means to swap the two,
    but on NumPy rows its swap copies; CIFAR-10-C is made so.) Before pixels move the blurred image is cut off to 8
    bits, as there.
    """

    name = "glass_blur"
    title = "Glass blur"
    version = 2
    group = "blur"
    table = Table(
        cifar=((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        imagenet=((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Blur, exchange near pixels, blur again, all channels alike; see ``Corruption.corrupt``."""
        sigma_px, reach_px, rounds = self.strength
        # The least bit above a level is not below it: float32 arithmetic misses levels by less than 1e-3.
        pixels = filters.gaussian_blur(images, sigma_px=sigma_px).mul_(255).add_(1e-3).floor_().div_(255).flatten(2)
        source = _glass_source(random, images.shape[2], images.shape[3], reach_px, rounds)
        return filters.gaussian_blur(_taken(pixels, source).view_as(images), sigma_px=sigma_px)


def _taken(pixels: Tensor, source: Tensor) -> Tensor:
    """Return float32 N×C×M with every channel's values taken from places N×M."""
    if runs_compiled(pixels.device):
        from curation.corruptions.filter_kernels import take_shown

        out = torch.empty_like(pixels)
        take_shown(pixels.numpy(), source.numpy(), out.numpy())
        return out
    return pixels.gather(2, source[:, None, :].expand_as(pixels))


def _glass_source(random: SampleRandom, height: int, width: int, reach_px: int, rounds: int = 1) -> Tensor:
    """Return N×HW: the pixel whose old value each pixel shows after some rounds; int32 where loops run compiled."""
    if runs_compiled(random.device):
        from curation.corruptions.filter_kernels import exchange

        shown = torch.arange(height * width, dtype=torch.int32).repeat(len(random), 1)
        for _ in range(rounds):
            unit = random.uniform(2, height, width)
            exchange(unit.numpy(), reach_px, shown.view(len(random), height, width).numpy())
        return shown
    source = _one_round(random, height, width, reach_px)
    for _ in range(rounds - 1):
        source = source.gather(1, _one_round(random, height, width, reach_px))
    return source


def _one_round(random: SampleRandom, height: int, width: int, reach_px: int) -> Tensor:
    offset = random.integers(2, height, width, low=-reach_px, high=reach_px)
    row = torch.arange(height, device=random.device)[:, None]
    column = torch.arange(width, device=random.device)[None, :]
    moves = (row > reach_px) & (row <= height - reach_px) & (column > reach_px) & (column <= width - reach_px)
    here = (row * width + column).flatten()
    there = offset[:, 0].mul_(width).add_(offset[:, 1]).mul_(moves).flatten(1).add_(here)
    if reach_px == 1:
        return there
    # A neighbor visited before has itself changed: follow it, by ever longer jumps, to a pixel with an old value.
    changed = moves.flatten().expand_as(there).gather(1, there) & (there > here)
    follow = torch.where(changed, there, here)
    return there.gather(1, settled(lambda jumps: jumps.gather(1, jumps), follow, most=len(here).bit_length()))


class MotionBlur(Corruption):
    """The camera moved: a one-sided smear along a random line within 45° of the horizontal.

    Source: Hendrycks & Dietterich 2019, ``motion_blur``; (radius, σ) in px. Constants imgaug: transferable-example
    curation uses severity 1.
    """

    name = "motion_blur"
    title = "Motion blur"
    group = "blur"
    table = Table.of_package(
        cifar=((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)), imagenet=((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Average along a line whose angle is drawn from [−45°, 45°] for each sample; see ``Corruption.corrupt``."""
        radius_px, sigma_px = self.strength
        widest_deg = (-45.0, 45.0)
        angle_deg = random.uniform(low=widest_deg[0], high=widest_deg[1])
        return filters.motion_blur(
            images, radius_px=radius_px, sigma_px=sigma_px, angle_deg=angle_deg, widest_deg=widest_deg
        )


class ZoomBlur(Corruption):
    """The camera moved toward its object: the mean of ever larger copies.

    Source: Hendrycks & Dietterich 2019, ``zoom_blur``; (end, step) of the zoom factors, from 1.
    """

    name = "zoom_blur"
    title = "Zoom blur"
    version = 2
    group = "blur"
    table = Table(
        cifar=((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
        imagenet=((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Average the image and its zoomed copies; see ``Corruption.corrupt``."""
        end, step = self.strength
        factors = np.arange(1, end, step)
        # On small images neighboring factors cut and grow to the same whole pixels: one zoom serves them all.
        total = filters.add_zoomed(images.clone(), images, _alike(factors, images.shape[2:]))
        return total.div_(len(factors) + 1)


def _alike(factors: np.ndarray, sides: torch.Size) -> list[tuple[float, int]]:
    key = {
        factor: tuple((cut := int(np.ceil(side / factor)), round(cut * factor)) for side in sides) for factor in factors
    }
    times = Counter(key.values())
    return [(float(factor), times.pop(key[factor])) for factor in factors if key[factor] in times]


class GaussianBlur(Corruption):
    """A Gaussian blur. Held out for testing.

    Source: Hendrycks & Dietterich 2019, ``gaussian_blur``; σ in px. Constants imgaug: transferable-example curation
    uses severity 3; the kernel ends early, as imgaug's does.
    """

    name = "gaussian_blur"
    title = "Gaussian blur"
    group = "blur"
    held_out = True
    table = Table(cifar=(0.4, 0.6, 0.7, 0.8, 1.0), imagenet=(1, 2, 3, 4, 6), imgaug=(0.5, 0.75, 1.0, 1.5, 2.0))

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Convolve each channel with a Gaussian of σ pixels; see ``Corruption.corrupt``."""
        sigma_px = self.strength
        if self.constants == "imgaug":
            reach_px = max(2, int(3.3 * sigma_px) // 2)
            return filters.gaussian_blur(images, sigma_px=sigma_px, truncate=reach_px / sigma_px, border="reflect")
        return filters.gaussian_blur(images, sigma_px=sigma_px)
