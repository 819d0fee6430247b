"""From the tensors in which copies are made to the pixels in which they are kept, and what their randomness is of."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curation.attacks.base import Attack
from curation.copying import fetched, images_in_block
from curation.corruptions.base import Corruption
from curation.corruptions.levels import to_levels
from curation.randomness import stream_seeds


def shards_in_block(device: str, shape: tuple[int, ...], rows: int) -> int:
    """Return how many shards of so many images (H, W, C) are worked on at once: one on a CPU."""
    return 1 if device == "cpu" else max(1, images_in_block(shape) // rows)


def to_pixels(images: Tensor) -> np.ndarray:
    """Return float32 N×C×H×W in [0, 1] as uint8 N×H×W×C, rounded to the nearest level."""
    return fetched(to_levels(images))().numpy()


def variant_seeds(plugin: Corruption | Attack, seed: int, sample_ids: np.ndarray) -> Tensor:
    """Return the seed, int64 M, from which all that is random in each sample's variant comes."""
    stream = (plugin.severity,) if isinstance(plugin, Corruption) else ()
    first_name = (*plugin.former_names, plugin.name)[0]  # a new name draws the same numbers
    return stream_seeds(seed, sample_ids, first_name, *stream)
