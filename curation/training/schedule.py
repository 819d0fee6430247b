"""The learning rate of every step: linear warm-up, then cosine annealing to zero, or steps down."""

from __future__ import annotations

import math
from bisect import bisect_right

from curation.training.settings import Training


def learning_rate(settings: Training, *, step: int, steps_an_epoch: int) -> float:
    """Return the learning rate of a step.

    Args: step: from 0 over all epochs; steps_an_epoch: optimization steps in one.
    Source: Loshchilov & Hutter 2017, "SGDR", equation 5, without restarts. Without a warm-up and annealed by the epoch
    it is torch's CosineAnnealingLR with T_max = epochs, stepped after every epoch; with ``decay`` its MultiStepLR.
    """
    by_epoch = settings.anneal == "epoch"
    at = step // steps_an_epoch if by_epoch else step
    end = settings.epochs if by_epoch else settings.epochs * steps_an_epoch
    rise = round(settings.warm_up * end)
    if at < rise:
        return settings.learning_rate * (at + 1) / rise
    if settings.decay is not None:
        return settings.learning_rate * settings.decay.factor ** bisect_right(settings.decay.at, step // steps_an_epoch)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (at - rise) / max(1, end - rise)))
