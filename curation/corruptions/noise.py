"""The noise family: Gaussian, shot, impulse and speckle noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from curation.compilation import runs_compiled
from curation.corruptions.base import Corruption, Table
from curation.corruptions.poisson import poisson
from curation.randomness import SampleRandom


class GaussianNoise(Corruption):
    """Additive Gaussian noise, as of a sensor in low light.

    Source: Hendrycks & Dietterich 2019, ``gaussian_noise``. Constants imgaug: transferable-example curation uses
    severity 3 (σ 15/255, each channel by itself).
    """

    name = "gaussian_noise"
    title = "Gaussian noise"
    group = "noise"
    table = Table(
        cifar=(0.04, 0.06, 0.08, 0.09, 0.10),
        imagenet=(0.08, 0.12, 0.18, 0.26, 0.38),
        imgaug=(5 / 255, 10 / 255, 15 / 255, 20 / 255, 25 / 255),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Add normal draws, σ in units of the range [0, 1]; see ``Corruption.corrupt``."""
        return images + random.normal(*images.shape[1:]) * self.strength


class ShotNoise(Corruption):
    """Poisson noise of the light itself: few photons a pixel.

    Source: Hendrycks & Dietterich 2019, ``shot_noise``: Poisson(x·c) / c.
    """

    name = "shot_noise"
    title = "Shot noise"
    version = 2
    group = "noise"
    table = Table(cifar=(500, 250, 100, 75, 50), imagenet=(60, 25, 12, 5, 3))

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Replace each value by a Poisson draw around it; see ``Corruption.corrupt``."""
        return poisson(random, images, rate=self.strength).div_(self.strength)


class ImpulseNoise(Corruption):
    """Salt and pepper: a share of the values turns fully dark or fully bright, each channel by itself.

    Source: Hendrycks & Dietterich 2019, ``impulse_noise`` (scikit-image's ``s&p``).
    """

    name = "impulse_noise"
    title = "Impulse noise"
    group = "noise"
    table = Table(cifar=(0.01, 0.02, 0.03, 0.05, 0.07), imagenet=(0.03, 0.06, 0.09, 0.17, 0.27))

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Set half of the share of values to 0 and half to 1; see ``Corruption.corrupt``."""
        half = self.strength / 2
        unit = random.uniform(*images.shape[1:])
        if runs_compiled(images.device):
            from curation.corruptions.noise_kernels import salt_and_pepper

            flat = images.reshape(-1).numpy(), unit.view(-1).numpy()
            salt_and_pepper(*flat, np.float32(half), np.float32(1 - half), flat[1])
            return unit
        return torch.where(unit < half, 0.0, torch.where(unit >= 1 - half, 1.0, images))


class SpeckleNoise(Corruption):
    """Gaussian noise in proportion to the pixel's value. Held out for testing.

    Source: Hendrycks & Dietterich 2019, ``speckle_noise``.
    """

    name = "speckle_noise"
    title = "Speckle noise"
    group = "noise"
    held_out = True
    table = Table(cifar=(0.06, 0.1, 0.12, 0.16, 0.2), imagenet=(0.15, 0.2, 0.35, 0.45, 0.6))

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Add normal draws times the value, σ in units of the range [0, 1]; see ``Corruption.corrupt``."""
        return images + images * random.normal(*images.shape[1:]) * self.strength
