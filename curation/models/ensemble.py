"""Several networks that answer as one: the mean of their probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """Networks of one form, each from images to logits; together they answer the mean of their probabilities.

    Its answer is written as logits, so that whatever takes a classifier takes it: attacks, scores, predictions.
    Features and dropout go through every member (``features.logits_and_features``, ``dropout.dropout_logits``).

    Source: Lakshminarayanan, Pritzel & Blundell 2017, "Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles", section 2.4.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        """Args: members: one or more."""
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, N×K, for images float32 N×C×H×W in [0, 1]."""
        return mean_answer([member(images) for member in self.members])


def mean_answer(logits: Sequence[Tensor]) -> Tensor:
    """Return the logs of the mean over M networks of their softmax probabilities, …×K, from each one's logits …×K.

    A softmax gives the mean back. Computed without leaving the logs, so that no small probability becomes 0.
    """
    return torch.stack([each.log_softmax(dim=-1) for each in logits]).logsumexp(dim=0) - math.log(len(logits))
