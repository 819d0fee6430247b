"""The training objective: cross-entropy with hard or soft labels, minus an entropy regularization."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cross_entropy(
    logits: Tensor, targets: Tensor, *, label_smoothing: float = 0.0, entropy_weight: float = 0.0
) -> Tensor:
    """Return each sample's loss, float32 N, in nats.

    With soft labels y it is KL(y ‖ p) plus the entropy of y, which no weight of the network changes: its gradient is
    that of ``KLDivLoss(reduction="batchmean")`` on log p, the contest's loss.

    Args:
        logits: float32 N×K.
        targets: classes, int64 N, or soft labels, float32 N×K.
        label_smoothing: share of each label spread over all classes.
        entropy_weight: the entropy of the prediction times this is taken off the loss.

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7 (smoothing); Pereyra et al. 2017,
    "Regularizing Neural Networks by Penalizing Confident Output Distributions", section 3 (entropy).
    """
    losses = F.cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)
    if entropy_weight:
        logs = logits.log_softmax(1)
        losses = losses + entropy_weight * (logs.exp() * logs).sum(1)
    return losses


def divergence(clean: Tensor, other: Tensor) -> Tensor:
    """Return KL(softmax(clean) ‖ softmax(other)) of each sample, float32 N, in nats; logits float32 N×K."""
    return F.kl_div(other.log_softmax(1), clean.log_softmax(1), reduction="none", log_target=True).sum(1)


def weighted_mean(values: Tensor, weights: Tensor, *, total: Tensor) -> Tensor:
    """Return Σ wᵢvᵢ / total; a total of zero (a batch whose weights are all 0) gives 0."""
    return (values * weights).sum() / total.clamp_min(torch.finfo(total.dtype).tiny)
