"""The weather family: snow, frost, fog, brightness and spatter."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from curation.compilation import runs_compiled
from curation.corruptions import filters
from curation.corruptions.base import Corruption, Table
from curation.corruptions.frost_texture import frost_textures
from curation.corruptions.liquid import relief
from curation.corruptions.plasma import plasma
from curation.randomness import SampleRandom


def luminance(images: Tensor) -> Tensor:
    """Return N×1×H×W: the gray value of Rec. 601; gray images as they are."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


class Snow(Corruption):
    """Snow: flakes with motion blur over a brightened image.

    Source: Hendrycks & Dietterich 2019, ``snow``; (mean, σ, zoom, threshold, blur radius, blur σ, mix).
    With the cifar constants the flakes are an 8-bit picture, cut off rather than rounded before and after their fall,
    as in CIFAR-10-C: that is where its flakes' trails end. With the others they are rounded once, after it, as the
    package ``imagecorruptions`` does. Constants imgaug: transferable-example curation uses severity 2.
    """

    name = "snow"
    title = "Snow"
    version = 2
    group = "weather"
    table = Table.of_package(
        cifar=(
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        imagenet=(
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Lay blown flakes over a whitened image; see ``Corruption.corrupt``."""
        mean, sigma, zoom, threshold, radius_px, sigma_px, mix = self.strength
        cut = self.constants == "cifar"
        flakes = mean + sigma * random.normal(1, *images.shape[2:])
        flakes = filters.clipped_zoom(flakes, zoom, trim="both" if cut else "end")
        flakes = torch.where(flakes < threshold, 0.0, flakes).clamp(0, 1)
        flakes = _cut_to_8_bits(flakes) if cut else flakes
        widest_deg = (-135.0, -45.0)
        angle_deg = random.uniform(low=widest_deg[0], high=widest_deg[1])
        flakes = filters.motion_blur(
            flakes, radius_px=radius_px, sigma_px=sigma_px, angle_deg=angle_deg, widest_deg=widest_deg
        )
        flakes = _cut_to_8_bits(flakes) if cut else (flakes * 255).round() / 255
        if runs_compiled(images.device):
            from curation.corruptions.weather_kernels import lay_snow

            out = torch.empty_like(images)
            lay_snow(images.numpy(), flakes[:, 0].numpy(), np.float32(mix), np.float32(1 - mix), out.numpy())
            return out
        whitened = torch.maximum(images, luminance(images) * 1.5 + 0.5)
        return mix * images + (1 - mix) * whitened + flakes + flakes.flip(2, 3)


def _cut_to_8_bits(layer: Tensor) -> Tensor:
    return (layer * 255).floor() / 255


class Frost(Corruption):
    """Frost on the lens: a random crop of one of our frost textures over the darkened image.

    The published corruption lays photographs of frosted windows over the image; ours are procedural
    (``frost_texture``), ferns and crystals with the photographs' brightness, contrast,
    color and spectrum.

    Source: Hendrycks & Dietterich 2019, ``frost``; (weight of the image, weight of the texture). Constants imgaug:
    transferable-example curation uses severity 2.
    """

    name = "frost"
    title = "Frost"
    version = 4
    group = "weather"
    table = Table.of_package(
        cifar=((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
        imagenet=((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Add a random cut of a frost texture to the dimmed image; see ``Corruption.corrupt``."""
        image_weight, texture_weight = self.strength
        height, width = images.shape[2:]
        scale = 0.2 if self.constants == "cifar" else 1.1
        textures = frost_textures(scale=scale, cover_px=max(height, width), device=images.device)
        # The CIFAR code draws among the first five of six.
        kind = random.integers(low=0, high=5 if self.constants == "cifar" else 6)
        top = random.integers(low=0, high=textures.shape[2] - height)
        left = random.integers(low=0, high=textures.shape[3] - width)
        if runs_compiled(images.device):
            from curation.corruptions.weather_kernels import cut_out

            crops = torch.empty(len(images), 3, height, width)
            cut_out(textures.numpy(), kind.numpy(), top.numpy(), left.numpy(), crops.numpy())
        else:
            crops = textures.unfold(2, height, 1).unfold(3, width, 1)[kind, :, top, left]
        crops = luminance(crops) if images.shape[1] == 1 else crops
        return crops.mul_(texture_weight).add_(image_weight * images)


class Fog(Corruption):
    """Fog: a bright plasma cloud is added, then the original range of brightness is restored.

    Source: Hendrycks & Dietterich 2019, ``fog``; (amount, decay of the plasma's amplitude).
    """

    name = "fog"
    title = "Fog"
    group = "weather"
    table = Table(
        cifar=((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        imagenet=((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Add plasma fog and rescale to the image's maximum; see ``Corruption.corrupt``."""
        amount, decay = self.strength
        height, width = images.shape[2:]
        cloud = plasma(random, side_px=1 << (max(height, width) - 1).bit_length(), decay=decay)
        brightest = images.amax(dim=(1, 2, 3), keepdim=True)
        fogged = images + amount * cloud[:, None, :height, :width]
        return fogged * (brightest / (brightest + amount))


class Brightness(Corruption):
    """Overexposure: the HSV value is raised, hue and saturation are kept.

    Source: Hendrycks & Dietterich 2019, ``brightness``.
    """

    name = "brightness"
    title = "Brightness"
    group = "weather"
    table = Table(cifar=(0.05, 0.1, 0.15, 0.2, 0.3), imagenet=(0.1, 0.2, 0.3, 0.4, 0.5))

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Raise the value of HSV, hue and saturation kept; see ``Corruption.corrupt``."""
        value = images.amax(dim=1, keepdim=True)
        raised = (value + self.strength).clamp(max=1)
        return torch.where(value > 0, images * (raised / value), raised)


class Spatter(Corruption):
    """Drops of water (severities 1 to 3) or mud (4 and 5) on the lens. Held out for testing.

    Source: Hendrycks & Dietterich 2019, ``spatter``; (mean, σ, smoothness, threshold, strength or mud's softness, mud).
    An image on which no drop falls stays as it is; the published code divides by zero there and returns it black.
    """

    name = "spatter"
    title = "Spatter"
    version = 2
    group = "weather"
    held_out = True
    table = Table(
        cifar=(
            (0.62, 0.1, 0.7, 0.7, 0.5, 0),
            (0.65, 0.1, 0.8, 0.7, 0.5, 0),
            (0.65, 0.3, 1, 0.69, 0.5, 0),
            (0.65, 0.1, 0.7, 0.69, 0.6, 1),
            (0.65, 0.1, 0.5, 0.68, 0.6, 1),
        ),
        imagenet=(
            (0.65, 0.3, 4, 0.69, 0.6, 0),
            (0.65, 0.3, 3, 0.68, 0.6, 0),
            (0.65, 0.3, 2, 0.68, 0.5, 0),
            (0.65, 0.3, 1, 0.65, 1.5, 1),
            (0.67, 0.4, 1, 0.65, 1.5, 1),
        ),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Splash drops of water or mud on the image; see ``Corruption.corrupt``."""
        mean, sigma, smooth_px, threshold, strength, mud = self.strength
        liquid = filters.gaussian_blur(mean + sigma * random.normal(1, *images.shape[2:]), sigma_px=smooth_px)
        color = images.new_tensor([63, 42, 20] if mud else [175, 238, 238])[None, :, None, None] / 255
        color = luminance(color) if images.shape[1] == 1 else color
        if mud:
            cover = filters.gaussian_blur((liquid > threshold).to(images.dtype), sigma_px=strength)
            cover = torch.where(cover < 0.8, 0.0, cover)
            return images * (1 - cover) + color * cover
        layer = torch.where(liquid < threshold, 0.0, liquid)
        # OpenCV keeps the low byte of a layer brighter than white: such drops start again from black.
        layer = (layer * 255).floor().remainder(256)
        light = layer * relief(layer)
        brightest = light.amax(dim=(2, 3), keepdim=True)
        return images + color * torch.where(brightest > 0, light / brightest * strength, 0.0)
