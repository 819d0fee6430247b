"""Between 8-bit pixels, as images are at rest, and the floats in which corruptions work; the same bits on any path."""

from __future__ import annotations

import torch
from torch import Tensor

from curation.compilation import runs_compiled


def to_floats(pixels: Tensor) -> Tensor:
    """Return uint8 N×H×W×C as float32 N×C×H×W in [0, 1], on the same device."""
    if runs_compiled(pixels.device):
        from curation.corruptions.level_kernels import fill_floats

        number, height, width, channels = pixels.shape
        images = torch.empty(number, channels, height, width)
        fill_floats(pixels.numpy(), images.numpy())
        return images
    return pixels.permute(0, 3, 1, 2).float().div_(255).contiguous()


def to_levels(images: Tensor) -> Tensor:
    """Return float32 N×C×H×W as uint8 N×H×W×C: clipped to [0, 1], to the nearest level, on the same device."""
    if runs_compiled(images.device):
        from curation.corruptions.level_kernels import fill_levels

        number, channels, height, width = images.shape
        pixels = torch.empty(number, height, width, channels, dtype=torch.uint8)
        fill_levels(images.contiguous().numpy(), pixels.numpy())
        return pixels
    return images.clamp(0, 1).mul_(255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
