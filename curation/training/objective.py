"""The training objective: cross-entropy or Huber loss with hard or soft labels, and an entropy to regularize by."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

NEARLY_ONE = 1e-3
"""Rényi entropies of an order this near to 1 count as Shannon's: in float32 the quotient would be of rounding alone."""


def cross_entropy(logits: Tensor, targets: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Return each sample's loss, float32 N, in nats.

    With soft labels y it is KL(y ‖ p) plus the entropy of y, which no weight of the network changes: its gradient is
    that of ``KLDivLoss(reduction="batchmean")`` on log p, the contest's loss.

    Args:
        logits: float32 N×K.
        targets: classes, int64 N, or soft labels, float32 N×K.
        label_smoothing: share of each label spread over all classes.

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7 (smoothing).
    """
    return F.cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)


def huber(logits: Tensor, targets: Tensor, *, delta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return each sample's Huber loss between predicted probabilities and label, summed over classes, float32 N.

    An error p − y counts as half its square up to ``delta`` and grows linearly above, so that no label, however wrong,
    pulls without bound. Errors are at most 1: of a delta of 1 it is half the Brier score.

    Args: as of ``cross_entropy``; delta: in (0, 1].
    Source: Huber 1964, "Robust Estimation of a Location Parameter", section 4.
    """
    labels = targets if targets.ndim == 2 else F.one_hot(targets, logits.shape[1]).to(logits.dtype)
    smooth = torch.lerp(labels, torch.full_like(labels, 1 / logits.shape[1]), label_smoothing)
    return F.huber_loss(logits.softmax(1), smooth, reduction="none", delta=delta).sum(1)


def entropy(logits: Tensor, *, order: float = 1.0) -> Tensor:
    """Return the Rényi entropy ln(Σ pᵏ) / (1 − k) of each prediction p, k the order, float32 N, in nats; 1: Shannon's.

    The higher the order, the more only the likeliest classes count.

    Args: logits: float32 N×K; order: above 0.
    Source: Rényi 1961, "On Measures of Entropy and Information", equation 1.21; as a regularization, Shannon's: Pereyra
    et al. 2017, "Regularizing Neural Networks by Penalizing Confident Output Distributions", section 3.
    """
    logs = logits.log_softmax(1)
    if abs(order - 1) < NEARLY_ONE:
        return -(logs.exp() * logs).sum(1)
    return (order * logs).logsumexp(1) / (1 - order)


def divergence(clean: Tensor, other: Tensor) -> Tensor:
    """Return KL(softmax(clean) ‖ softmax(other)) of each sample, float32 N, in nats; logits float32 N×K."""
    return F.kl_div(other.log_softmax(1), clean.log_softmax(1), reduction="none", log_target=True).sum(1)


def disagreement(predictions: Sequence[Tensor]) -> Tensor:
    """Return the Jensen–Shannon divergence of each sample's predictions, float32 N, in nats: mean KL(pᵢ ‖ mean p).

    Args: predictions: logits, float32 N×K each.
    Source: Lin 1991, "Divergence Measures Based on the Shannon Entropy", equation 5.1, with equal weights.
    """
    logs = torch.stack([logits.log_softmax(1) for logits in predictions])
    middle = logs.logsumexp(0) - math.log(len(logs))
    return (logs.exp() * (logs - middle)).sum(2).mean(0)


def weighted_mean(values: Tensor, weights: Tensor, *, total: Tensor) -> Tensor:
    """Return Σ wᵢvᵢ / total; a total of zero (a batch whose weights are all 0) gives 0."""
    return (values * weights).sum() / total.clamp_min(torch.finfo(total.dtype).tiny)
