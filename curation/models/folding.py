"""Batch norms folded into the convolutions before them: the same classifier with fewer passes over memory."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

from curation.models.classifier import Classifier
from curation.models.ensemble import Ensemble


def folded(model: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode, without parameter gradients, whose batch norms are part of its convolutions.

    Logits and gradients with respect to the images are those of the model to float32 rounding (about 1e-6 of their
    size); weights stay channels-last. A model that ``torch.fx`` cannot trace (its forward branches on values) is copied
    as it is. An ensemble's members are folded one by one.
    """
    if isinstance(model, Ensemble):
        return Ensemble([folded(member) for member in model.members]).eval()
    twin = copy.deepcopy(model).eval().requires_grad_(False)
    network = twin.network if isinstance(twin, Classifier) else twin
    try:
        fused = fuse(network)
    except Exception:  # tracing runs the model's own code, which may fail in any way
        return twin
    if isinstance(twin, Classifier):
        twin.network = fused
    else:
        twin = fused
    return twin.to(memory_format=torch.channels_last).eval().requires_grad_(False)
