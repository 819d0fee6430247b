"""Noise layers by hooks: for any classifier with convolutions, in training alone, its weights as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from curation.errors import CurationError, UsageError
from curation.models.checkpoint import DETECTOR


@contextmanager
def layer_noise(model: nn.Module, share: float) -> Iterator[None]:
    """Add Gaussian noise to what each convolution of a classifier puts out, wherever it trains; not to its detector's.

    Args: share: standard deviation of the noise as a share of that of the output, taken of each image on its own; 0
        changes nothing. Draws are of the global generator.
    Raises: UsageError: a share below 0. CurationError: the model has no convolution.
    Source: Liu et al. 2018, "Towards Robust Neural Networks via Random Self-ensemble", noise layers, and He, Rakin &
    Fan 2019, "Parametric Noise Injection", equation 2, noise that is relative to the activations; here it is not
    learned, and none is added when it predicts.
    """
    if not share >= 0:
        raise UsageError(f"the noise of layers is a share of their standard deviation, 0 or more, got {share}")
    layers = [
        layer
        for name, layer in model.named_modules()
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and not name.startswith(DETECTOR)
    ]
    if not layers:
        raise CurationError("noise layers act on what convolutions put out, and this model has none")

    def disturb(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if not share or not layer.training:
            return None
        spread = output.detach().flatten(1).std(1).view(-1, *[1] * (output.ndim - 1))
        return output + share * spread * torch.randn_like(output)

    hooks = [layer.register_forward_hook(disturb) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
