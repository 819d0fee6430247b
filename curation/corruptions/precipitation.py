"""Falling water: rain and snowflakes, in one to three layers of 8-bit drops."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from curation.corruptions import filters
from curation.corruptions.base import Corruption, Table
from curation.randomness import SampleRandom

_MOST_LAYERS = 3
_GATE_PX = 8
_DROP_LEVEL = 240
_RAIN = ((0.01, 0.05), (0.02, 0.09), (0.03, 0.14), (0.05, 0.2), (0.08, 0.3))
_SNOWFLAKES = ((0.002, 0.025), (0.003, 0.05), (0.005, 0.075), (0.01, 0.12), (0.02, 0.2))


class Rain(Corruption):
    """Rain: one to three layers of light gray drops, with motion blur along their fall.

    The layers are 8-bit pictures, cut off where imgaug cuts them. All drops are of one size and one gray; imgaug's size
    is 1 to 2 % of a picture, which at 32 px is the same, and its gray is the same but for nearly empty pictures.

    Source: imgaug 0.4, ``Rain(speed=0.3)``; least and greatest density of drops. Transferable-example curation uses
    severity 3.
    """

    name = "rain"
    title = "Rain"
    group = "weather"
    held_out = True
    table = Table(cifar=_RAIN, imagenet=_RAIN, imgaug=_RAIN)

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Blend layers of drops over the image, cut to 8-bit levels after each; see ``Corruption.corrupt``."""
        levels = (images * 255).round()
        for falls in _layers(random):
            drops = _grains(random, images.shape[2:], density=self.strength, evenness=(0.8, 1.0), size=0.015)
            drops = _drawn_out(drops * falls, random, speed=0.3, slant_deg=15)
            cover = (drops * (1.3 / 255)).clamp_(max=1)
            levels = ((1 - cover) * levels + cover * _DROP_LEVEL).floor_()
        return levels / 255


class Snowflakes(Corruption):
    """Snowflakes: one to three layers of separate white flakes with a faint glow.

    The layers are 8-bit pictures, cut off where imgaug cuts them. The softness of a flake is that of pictures up to
    500 px, where imgaug's blur stays at its lower limit.

    Source: imgaug 0.4, ``Snowflakes(flake_size=0.3, speed=0.01)``; least and greatest density of flakes.
    Transferable-example curation uses severity 3.
    """

    name = "snowflakes"
    title = "Snowflakes"
    group = "weather"
    held_out = True
    table = Table(cifar=_SNOWFLAKES, imagenet=_SNOWFLAKES, imgaug=_SNOWFLAKES)

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Blend layers of flakes over the image, cut to 8-bit levels after each; see ``Corruption.corrupt``."""
        levels, speed = (images * 255).round(), 0.01
        for falls in _layers(random):
            flakes = _grains(random, images.shape[2:], density=self.strength, evenness=(0.3, 0.9), size=0.3)
            flakes = filters.gaussian_blur(flakes * falls, sigma_px=0.5, border="reflect").round_()
            flakes = _drawn_out(flakes, random, speed=speed, slant_deg=30)
            variety = 1 - random.uniform(1, 1, 1, low=0.4, high=0.8)
            # Faint flakes are dimmed, then all are brightened: sizes differ more.
            flakes = ((flakes / 255) ** (1 + 2 * variety) * 255).floor_() * (1 + 5 * variety)
            levels = (levels + (0.1 + 20 * speed) * flakes).clamp_(max=255).floor_()
            levels = torch.maximum(levels, (1 + 20 * speed) * flakes).clamp_(max=255).floor_()
        return levels / 255


def _layers(random: SampleRandom) -> list[Tensor]:
    """Return float32 N×1×1×1 a layer: 1 where it falls, 0 where the sample has fewer layers."""
    number = random.integers(1, 1, 1, low=1, high=_MOST_LAYERS + 1)
    return [(number > layer).to(torch.float32) for layer in range(_MOST_LAYERS)]


def _grains(
    random: SampleRandom, sides: torch.Size, *, density: tuple[float, float], evenness: tuple[float, float], size: float
) -> Tensor:
    """Return float32 N×1×H×W of whole levels: bright grains on black, in some regions fewer.

    Args:
        random: one stream a sample.
        sides: H and W.
        density: range of the share of pixels that hold a grain.
        evenness: range of how alike the regions are, from 0 to 1.
        size: by which share the picture is made coarser to draw larger grains.
    """
    coarse = [int(side * (1 - size)) for side in sides]
    share = random.uniform(1, 1, 1, low=density[0], high=density[1])
    unit = random.uniform(1, *coarse)
    # Salt's level has an arcsine distribution: what is left of the draw that placed the grain decides it.
    level = ((0.5 + 0.5 * torch.cos(math.pi * unit / share).abs()) * 255).round_()
    beta = (1 - random.uniform(1, 1, 1, low=evenness[0], high=evenness[1])).clamp_(min=1e-4)
    gate = 1 - (1 - random.uniform(1, _GATE_PX, _GATE_PX)) ** (1 / beta)
    gate = functional.interpolate(gate, size=coarse, mode="bicubic", align_corners=False).clamp_(0, 1)
    grains = torch.where(unit < share, level * gate, 0.0).floor_()
    return functional.interpolate(grains, size=sides, mode="bicubic", align_corners=False).round_().clamp_(0, 255)


def _drawn_out(grains: Tensor, random: SampleRandom, *, speed: float, slant_deg: float) -> Tensor:
    """Return the grains smeared along their fall, whole levels; what falls under 2 px a picture stays.

    Args:
        grains: float32 N×1×H×W.
        random: one stream a sample, for the angle.
        speed: length of the trail as a share of the longer side.
        slant_deg: the greatest angle to the vertical.

    Source: imgaug 0.4, ``MotionBlur``: a line of weights from 1 to 0, turned about its center.
    """
    angle = torch.deg2rad(random.uniform(1, 1, 1, low=-slant_deg, high=slant_deg))
    length_px = int(speed * max(grains.shape[2:]))
    if length_px < 2:
        return grains
    reach = max(length_px // 2, 1)
    height, width = grains.shape[2:]
    padded = filters.pad(grains, rows_px=reach, columns_px=reach, border="reflect")
    steepest = math.radians(slant_deg)
    taps = [
        (down, right)
        for down in range(-reach, reach + 1)
        for right in range(-reach, reach + 1)
        if abs(right) * math.cos(steepest) < 1 + abs(down) * math.sin(steepest)
    ]
    down, right = torch.tensor(taps, dtype=torch.float32, device=grains.device).T
    across = torch.cos(angle) * right + torch.sin(angle) * down
    along = torch.cos(angle) * down - torch.sin(angle) * right
    weight = torch.minimum((reach - along) / (2 * reach), 1 + reach + along).clamp_(0, 1)
    # Weights of 8 bits, as imgaug's: whole numbers, whose sums are exact in whatever order they are taken.
    weight = (weight * (1 - across.abs()).clamp_(min=0) * 255).round_()
    total = torch.zeros_like(grains)
    for number, (row, column) in enumerate(taps):
        window = padded[:, :, reach + row : reach + row + height, reach + column : reach + column + width]
        total.addcmul_(window, weight[..., number, None])
    return total.div_(weight.sum(dim=3, keepdim=True)).round_()
