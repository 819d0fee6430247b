"""What a classifier sees: its logits and the features of its penultimate layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from curation.errors import CurationError
from curation.models.ensemble import Ensemble, mean_answer


def logits_and_features(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return a model's logits and what its last linear layer was given, in one forward pass.

    Args: images: float32 N×C×H×W in [0, 1], on the model's device.
    Returns: logits N×K; features N×D, D being that layer's input width; of an ensemble those of its members
        side by side.
    Raises: CurationError when the model does not end in a linear layer.
    """
    if isinstance(model, Ensemble):
        every, seen = zip(*(logits_and_features(member, images) for member in model.members), strict=True)
        return mean_answer(every), torch.cat(seen, dim=1)
    logits, features, _ = with_last_layer(model, images)
    return logits, features


def with_last_layer(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor, nn.Linear]:
    """Return what ``logits_and_features`` does, and the linear layer that made the logits of the features."""
    seen: list[tuple[nn.Linear, Tensor]] = []

    def remember(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(layer, nn.Linear)
        seen[:] = [(layer, inputs[0])]

    hooks = [layer.register_forward_pre_hook(remember) for layer in model.modules() if isinstance(layer, nn.Linear)]
    try:
        logits = model(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen or seen[0][0].out_features != logits.shape[1] or seen[0][1].ndim != 2:
        raise CurationError(
            "features are the input of a classifier's last linear layer, and this model does not end in one; "
            "choose another architecture"
        )
    layer, features = seen[0]
    return logits, features, layer
