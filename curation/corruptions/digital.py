"""The digital family: contrast, elastic transform, pixelation, JPEG compression and saturation."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curation.compilation import runs_compiled
from curation.corruptions import filters
from curation.corruptions.base import Corruption, Table
from curation.corruptions.jpeg import jpeg, jpeg_levels
from curation.corruptions.levels import to_floats, to_levels
from curation.randomness import SampleRandom


class Contrast(Corruption):
    """Less contrast: every channel is moved toward its own mean.

    Source: Hendrycks & Dietterich 2019, ``contrast``.
    """

    name = "contrast"
    title = "Contrast"
    group = "digital"
    table = Table(cifar=(0.75, 0.5, 0.4, 0.3, 0.15), imagenet=(0.4, 0.3, 0.2, 0.1, 0.05))

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Move all values toward their channel's mean in the image; see ``Corruption.corrupt``."""
        # A float sum depends on how the batch is split among threads; a sum of integers does not.
        total = (images * 2.0**22).to(torch.int32).sum(dim=(2, 3), keepdim=True)
        mean = (total.to(torch.float32) / 2.0**22) / (images.shape[2] * images.shape[3])
        return (images - mean) * self.strength + mean


class ElasticTransform(Corruption):
    """Elastic deformation: a random affine map (small images only), then small smooth displacements.

    Source: Hendrycks & Dietterich 2019, ``elastic_transform`` (after Simard et al. 2003); (displacement α, its
    smoothness σ, jitter of the affine map's three points), all as shares of the shorter side. Constants imgaug: (α, σ)
    in px of imgaug's ``ElasticTransformation``, which takes the nearest pixel and is black beyond the edge;
    transferable-example curation uses severity 3.
    """

    name = "elastic_transform"
    title = "Elastic transform"
    group = "digital"
    table = Table(
        cifar=((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
        imagenet=(
            (0.0625, 0.01, 0),
            (0.08125, 0.01, 0),
            (0.10625, 0.01, 0),
            (0.125, 0.01, 0),
            (0.15, 0.01, 0),
        ),
        imgaug=((0.525, 0.25), (0.575, 0.25), (0.625, 0.25), (0.75, 0.25), (1.0, 0.25)),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Displace pixels by smooth random fields; see ``Corruption.corrupt``."""
        if self.constants == "imgaug":
            alpha_px, sigma_px = self.strength
            return _shuffled(images, random, alpha_px=alpha_px, sigma_px=sigma_px)
        height, width = images.shape[2:]
        side_px = min(height, width)
        alpha_px, sigma_px, jitter_px = (share * side_px for share in self.strength)
        x = torch.arange(width, dtype=torch.float32, device=images.device)[None, None, :].expand(
            len(images), height, -1
        )
        y = torch.arange(height, dtype=torch.float32, device=images.device)[None, :, None].expand(
            len(images), -1, width
        )
        if jitter_px:
            images = _sample(images, *_jittered(random, x, y, jitter_px), edge_is_pixel_center=True)
        if alpha_px:
            noise = random.uniform(2, height, width, low=-1, high=1)
            shift_px = filters.gaussian_blur(noise, sigma_px=sigma_px, truncate=3, border="symmetric") * alpha_px
            images = _sample(images, x + shift_px[:, 0], y + shift_px[:, 1], edge_is_pixel_center=False)
        return images


def _shuffled(images: Tensor, random: SampleRandom, *, alpha_px: float, sigma_px: float) -> Tensor:
    """Return the images with every pixel taken from up to ``alpha_px`` away, black from beyond the edge."""
    height, width = images.shape[2:]
    noise = random.uniform(2, height, width, low=-alpha_px, high=alpha_px)
    # The kernel is imgaug's smallest, which serves every σ below 1.8.
    shift_px = filters.gaussian_blur(noise, sigma_px=sigma_px, truncate=2 / sigma_px, border="reflect").round().long()
    framed = functional.pad(images, [1, 1, 1, 1])
    row = torch.arange(1, height + 1, device=images.device)[:, None] + shift_px[:, 0]
    column = torch.arange(1, width + 1, device=images.device) + shift_px[:, 1]
    source = (row * (width + 2) + column).flatten(1)
    return framed.flatten(2).gather(2, source[:, None].expand(-1, images.shape[1], -1)).view_as(images)


def _jittered(random: SampleRandom, x: Tensor, y: Tensor, jitter_px: float) -> tuple[Tensor, Tensor]:
    """Return where each pixel comes from under the affine map that moves three points of the image at random."""
    height, width = x.shape[1:]
    center_x, center_y, arm = width // 2, height // 2, min(height, width) // 3
    noise = random.uniform(3, 2, low=-jitter_px, high=jitter_px)[..., None, None]
    right_low = noise[:, 0] + noise.new_tensor([center_x + arm, center_y + arm])[:, None, None]
    right_high = noise[:, 1] + noise.new_tensor([center_x + arm, center_y - arm])[:, None, None]
    left_high = noise[:, 2] + noise.new_tensor([center_x - arm, center_y - arm])[:, None, None]
    along_x, along_y = (right_high - left_high) / (2 * arm), (right_low - right_high) / (2 * arm)
    determinant = along_x[:, 0] * along_y[:, 1] - along_x[:, 1] * along_y[:, 0]
    to_x, to_y = x - right_high[:, 0], y - right_high[:, 1]
    source_x = center_x + arm + (along_y[:, 1] * to_x - along_y[:, 0] * to_y) / determinant
    source_y = center_y - arm + (along_x[:, 0] * to_y - along_x[:, 1] * to_x) / determinant
    return source_x, source_y


def _sample(images: Tensor, x: Tensor, y: Tensor, *, edge_is_pixel_center: bool) -> Tensor:
    """Return the images read bilinearly at (x, y) in px, mirrored at the outer pixels' centers or outer edges."""
    height, width = images.shape[2:]
    if edge_is_pixel_center:
        grid = torch.stack([x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1], dim=-1)
    else:
        grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=edge_is_pixel_center
    )


class Pixelate(Corruption):
    """Pixelation: downsampled by box averaging, then upsampled by repetition.

    Source: Hendrycks & Dietterich 2019, ``pixelate``: PIL's ``resize`` with ``BOX`` down and up, rounded to 8 bits
    after columns and after rows. Constants imgaug: transferable-example curation uses severity 1.
    """

    name = "pixelate"
    title = "Pixelation"
    version = 2
    group = "digital"
    table = Table.of_package(cifar=(0.95, 0.9, 0.85, 0.75, 0.65), imagenet=(0.6, 0.5, 0.4, 0.3, 0.25))

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Shrink by box means and enlarge by the nearest pixel; see ``Corruption.corrupt``."""
        if runs_compiled(images.device):
            return to_floats(self.corrupt_levels(to_levels(images), random))
        small = (images * 255).round_()
        for _ in ("columns", "rows"):
            small = _box_means(small.transpose(2, 3).contiguous(), self.strength)
        small /= 255
        for dimension in (3, 2):
            back = _shown(images.shape[dimension], small.shape[dimension])
            small = small.index_select(dimension, torch.from_numpy(back).to(images.device))
        return small

    def corrupt_levels(self, pixels: Tensor, random: SampleRandom) -> Tensor:
        """Work on whole levels; see ``Corruption.corrupt_levels``."""
        if not runs_compiled(pixels.device):
            return super().corrupt_levels(pixels, random)
        from curation.corruptions.level_kernels import pixelated

        out = torch.empty_like(pixels)
        (row_ends, rows), (column_ends, columns) = (
            _bounds(side_px, int(side_px * self.strength)) for side_px in pixels.shape[1:3]
        )
        pixelated(pixels.numpy(), (row_ends, column_ends), (rows, columns), out.numpy())
        return out


@lru_cache(maxsize=16)
def _bounds(side_px: int, small_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each box along a side begins and ends, int64 2×small, and which one each pixel shows, int64 side."""
    row, inside = _boxes(side_px, small_px)
    start = row[inside.argmax(axis=0), np.arange(small_px)]
    return np.stack([start, start + inside.sum(axis=0)]), _shown(side_px, small_px)


def _shown(side_px: int, small_px: int) -> np.ndarray:
    """Return which of so many boxes each pixel along a side shows."""
    return ((np.arange(side_px) + 0.5) * (small_px / side_px)).astype(int)


def _boxes(side_px: int, small_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows that may belong to each box, int R×small, and whether they do."""
    scale = side_px / small_px
    center = (np.arange(small_px) + 0.5) * scale
    row = (center - scale / 2 + 0.5).astype(int) + np.arange(int(scale) + 2)[:, None]
    # PIL's own words, so that a row on the border of two blocks falls to the same one.
    place = (row - center + 0.5) * (1 / scale)
    return row, (place > -0.5) & (place <= 0.5) & (row < (center + scale / 2 + 0.5).astype(int))


def _box_means(levels: Tensor, share: float) -> Tensor:
    """Return the whole-numbered means over blocks of rows, which leave a share of the rows."""
    side_px = levels.shape[2]
    small_px = int(side_px * share)
    row, inside = _boxes(side_px, small_px)
    rows = torch.from_numpy(np.minimum(row, side_px - 1)).to(levels.device)
    shares = torch.from_numpy(inside).to(levels)[..., None]
    total = torch.zeros_like(levels[:, :, :small_px])
    for number in range(len(row)):
        if inside[number].any():
            total.addcmul_(levels.index_select(2, rows[number]), shares[number])
    return total.div_(shares.sum(dim=0)).add_(0.5).floor_()


class JpegCompression(Corruption):
    """JPEG at low quality, chroma at half resolution.

    Source: Hendrycks & Dietterich 2019, ``jpeg_compression``; libjpeg's default, chroma 4:2:0. Constants imgaug:
    transferable-example curation uses severity 3 (imgaug's compression 70).
    """

    name = "jpeg_compression"
    title = "JPEG compression"
    group = "digital"
    table = Table(cifar=(80, 65, 58, 50, 40), imagenet=(25, 18, 15, 10, 7), imgaug=(50, 40, 31, 20, 10))

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Code and decode at the severity's quality, 1 to 100; see ``Corruption.corrupt``."""
        return jpeg(images, quality=self.strength)

    def corrupt_levels(self, pixels: Tensor, random: SampleRandom) -> Tensor:
        """Work on whole levels; see ``Corruption.corrupt_levels``."""
        return jpeg_levels(pixels, quality=self.strength)


class Saturate(Corruption):
    """Paler or stronger colors; gray images stay as they are. Held out for testing.

    Source: Hendrycks & Dietterich 2019, ``saturate``; HSV saturation × a + b. A gray pixel of a
    color image has hue 0, so b tints it red. Constants imgaug: transferable-example curation uses severity 4.
    """

    name = "saturate"
    title = "Saturation"
    group = "digital"
    held_out = True
    needs_color = True
    table = Table.of_package(
        cifar=((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
        imagenet=((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
    )

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Scale and shift the saturation of HSV; gray images stay as they are; see ``Corruption.corrupt``."""
        if images.shape[1] == 1:
            return images
        factor, offset = self.strength
        value = images.amax(dim=1, keepdim=True)
        below = value - images
        spread = below.amax(dim=1, keepdim=True)
        red = torch.tensor([0.0, 1.0, 1.0], device=images.device)[:, None, None]
        direction = torch.where(spread > 0, below / spread, red)
        saturation = torch.where(value > 0, spread / value, 0.0)
        return value - direction * value * (saturation * factor + offset).clamp(0, 1)
