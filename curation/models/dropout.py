"""Dropout by hooks: for any classifier, in training and as a measure of doubt, its layers and weights as they were."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from curation.errors import CurationError, UsageError
from curation.models.ensemble import Ensemble, mean_answer
from curation.models.features import with_last_layer
from curation.randomness import SampleRandom, stream_seeds


@contextmanager
def dropout(model: nn.Module, rate: float) -> Iterator[None]:
    """Zero a share of what a classifier's last linear layer is given, and scale the rest up, wherever it trains.

    Args: rate: share in [0, 1), drawn for each image and pass; 0 changes nothing. Draws are of the global generator.
    Raises: CurationError: the model has no linear layer. UsageError: a rate out of range.
    Source: Srivastava et al. 2014, "Dropout".
    """
    _check(rate)
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    if not linear:
        raise CurationError("dropout acts on what the last linear layer is given, and this model has none")

    def drop(layer: nn.Module, inputs: tuple[Any, ...]) -> Tensor | None:
        return F.dropout(inputs[0], rate) if rate and layer.training else None

    hook = linear[-1].register_forward_pre_hook(drop)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def drop_block(model: nn.Module, rate: float, *, side_px: int = 3) -> Iterator[None]:
    """Zero squares of a classifier's last feature map, and scale the rest up, wherever it trains.

    The map is the last output of a layer, N×C×H×W, that has more than one pixel; it is looked for when the first images
    come.

    Args:
        rate: share of the map in [0, 1), drawn for each image, channel and pass; 0 changes nothing. Draws are of the
            global generator.
        side_px: of a square, in pixels of that map; odd; made smaller where the map is.

    Raises: UsageError: a rate or side out of range. CurationError, from the model's first pass: it has no such map.
    Source: Ghiasi et al. 2018, "DropBlock".
    """
    _check(rate)
    if side_px < 1 or side_px % 2 == 0:
        raise UsageError(f"the side of a dropped block must be odd and at least 1 px, got {side_px}")
    from torchvision.ops import drop_block2d  # here, for it takes seconds to import

    hooks: list[RemovableHandle] = []

    def drop(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        fits = min(side_px, *output.shape[2:])
        return drop_block2d(output, rate, fits - (fits % 2 == 0), training=layer.training)

    def find(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        hooks.pop().remove()
        hooks.append(model.get_submodule(_last_map(model, inputs[0][:1])).register_forward_hook(drop))

    if rate:
        hooks.append(model.register_forward_pre_hook(find))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def dropout_logits(model: nn.Module, images: Tensor, *, rate: float, passes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return a classifier's logits, plain and under Monte Carlo dropout of what its last linear layer is given.

    All images meet the same masks, so that passes are draws of whole models and an image's result does not depend on
    its batch; the network itself runs once.

    Args:
        model: in evaluation mode; may be folded. Of an ensemble a pass is one of each member, by masks of its own.
        images: float32 N×C×H×W in [0, 1], on the model's device.
        rate: share of the features that a mask drops, in [0, 1).
        passes: T ≥ 1; a pass is the same whatever T is.
        seed: of the masks.

    Returns: logits float32 N×K, those of the model; passes float32 T×N×K.
    Raises: UsageError: a rate or number out of range. CurationError: the model does not end in a linear layer.
    Source: Gal & Ghahramani 2016, "Dropout as a Bayesian Approximation", equation 6; consistent masks: Kirsch et al.
    2019, "BatchBALD", section 3.3.
    """
    _check(rate)
    if passes < 1:
        raise UsageError(f"Monte Carlo dropout takes at least 1 pass, got {passes}")
    if isinstance(model, Ensemble):
        every = [
            dropout_logits(member, images, rate=rate, passes=passes, seed=seed + index)
            for index, member in enumerate(model.members)
        ]
        logits_of, passes_of = zip(*every, strict=True)
        return mean_answer(logits_of), mean_answer(passes_of)
    logits, features, layer = with_last_layer(model, images)
    draws = SampleRandom(stream_seeds(seed, np.arange(passes), "dropout"), device=features.device)
    masks = (draws.uniform(features.shape[1]) >= rate).to(features.dtype) / (1 - rate)
    return logits, torch.stack([F.linear(features * mask, layer.weight, layer.bias) for mask in masks])


def _check(rate: float) -> None:
    if not 0 <= rate < 1:
        raise UsageError(f"a dropout rate is a share in [0, 1), got {rate}")


def _last_map(model: nn.Module, images: Tensor) -> str:
    """Return the name of the layer whose output is the last feature map."""
    # A copy, because each layer's mode and batch statistics must stay as they are.
    twin = copy.deepcopy(model).eval()
    last: list[str] = []

    def watch(name: str, layer: nn.Module) -> None:
        def remember(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2:].numel() > 1:
                last[:] = [name]

        layer.register_forward_hook(remember)

    for name, layer in twin.named_modules():
        watch(name, layer)
    with torch.no_grad():
        twin(images)
    if not last:
        raise CurationError("dropping blocks needs a feature map of more than one pixel, and this model has none")
    return last[0]
