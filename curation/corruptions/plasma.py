"""Plasma: the cloud-like height maps of the diamond-square algorithm."""

from __future__ import annotations

import torch
from torch import Tensor

from curation.compilation import runs_compiled
from curation.randomness import SampleRandom


def plasma(random: SampleRandom, *, side_px: int, decay: float) -> Tensor:
    """Return one height map a sample, by the diamond-square algorithm on a torus.

    Args:
        random: the samples' streams.
        side_px: a power of two.
        decay: each halving of the step divides the amplitude by decay²; small values give rough maps.

    Returns: float32 N×side×side in [0, 1], both ends reached.
    Source: ``plasma_fractal`` of Hendrycks & Dietterich 2019 (after FLHerne's mapgen).
    """
    height = torch.zeros(len(random), side_px, side_px, device=random.device)
    step, wibble = side_px, 100.0
    while step >= 2:
        half, cells, reach = step // 2, side_px // step, wibble * wibble
        noise = random.uniform(3, cells, cells, low=-reach, high=reach)
        if runs_compiled(height.device):
            from curation.corruptions.filter_kernels import raise_terrain

            raise_terrain(height.numpy(), noise.numpy(), step)
        else:
            _raise_terrain(height, noise, step)
        step, wibble = half, wibble / decay
    low = height.amin(dim=(1, 2), keepdim=True)
    height -= low
    return height.div_(height.amax(dim=(1, 2), keepdim=True))


def _raise_terrain(height: Tensor, noise: Tensor, step: int) -> None:
    """Do what ``filter_kernels.raise_terrain`` does, on any device."""
    half = step // 2
    corner = height[:, ::step, ::step]
    pair = corner + corner.roll(-1, 1)
    center = (pair + pair.roll(-1, 2)) / 4 + noise[:, 0]
    height[:, half::step, half::step] = center
    height[:, ::step, half::step] = (center + center.roll(1, 1) + corner + corner.roll(-1, 2)) / 4 + noise[:, 1]
    height[:, half::step, ::step] = (center + center.roll(1, 2) + corner + corner.roll(-1, 1)) / 4 + noise[:, 2]
