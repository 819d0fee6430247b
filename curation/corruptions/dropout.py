"""The dropout kinds: pixels set to black, all channels together or one at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from curation.corruptions.base import Corruption, Table
from curation.randomness import SampleRandom

_SHARES = (0.025, 0.05, 0.075, 0.1, 0.15)


class Dropout(Corruption):
    """Dead pixels: a share of the pixels turns black, all channels together.

    Source: imgaug 0.4, ``Dropout``; share. Transferable-example curation uses severity 3.
    """

    name = "dropout"
    title = "Dropout"
    group = "noise"
    held_out = True
    table = Table(cifar=_SHARES, imagenet=_SHARES, imgaug=_SHARES)

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Set the same pixels of all channels to 0; see ``Corruption.corrupt``."""
        return images * _kept(random, 1, *images.shape[2:], share=self.strength)


class CoarseDropout(Corruption):
    """Dead values: a share of the values turns black, each channel by itself.

    Source: imgaug 0.4, ``CoarseDropout`` with ``per_channel`` and the published size of 1.0, at which the mask is as
    fine as the image; share. Transferable-example curation uses severity 3.
    """

    name = "coarse_dropout"
    title = "Coarse dropout"
    group = "noise"
    held_out = True
    table = Table(cifar=_SHARES, imagenet=_SHARES, imgaug=_SHARES)

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Set values to 0, drawn for each channel; see ``Corruption.corrupt``."""
        return images * _kept(random, *images.shape[1:], share=self.strength)


def _kept(random: SampleRandom, *shape: int, share: float) -> Tensor:
    """Return bool N×shape, False for the share of values that is dropped; half a draw's 32 bits decide one value."""
    size = math.prod(shape)
    halves = random.bits((size + 1) // 2).view(torch.int16)[:, :size]
    return (halves >= round(share * 2**16) - 2**15).view(len(random), *shape)
