"""From the tensors in which copies are made to the pixels in which they are kept, and what their randomness is of."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from curation.attacks.base import Attack
from curation.corruptions.base import Corruption
from curation.randomness import stream_seeds

BATCH = 256
"""Images that go through a network or a corruption at once."""


def to_levels(images: Tensor) -> Tensor:
    """Return float32 N×C×H×W in [0, 1] as uint8 N×H×W×C, rounded to the nearest level, on the same device."""
    return images.mul(255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def to_pixels(images: Tensor) -> np.ndarray:
    """Return ``to_levels`` as an array."""
    return to_levels(images).cpu().numpy()


def variant_seeds(plugin: Corruption | Attack, seed: int, sample_ids: np.ndarray) -> Tensor:
    """Return the seed, int64 M, from which all that is random in each sample's variant comes."""
    stream = (plugin.severity,) if isinstance(plugin, Corruption) else ()
    first_name = (*plugin.former_names, plugin.name)[0]  # a new name draws the same numbers
    return stream_seeds(seed, sample_ids, first_name, *stream)
