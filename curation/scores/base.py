"""The contract of a score: how close a sample is to the decision boundary, from the logits of the goal model, or of its
detector, alone."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from curation.errors import CurationError
from curation.plugin import Plugin

Values = TypeVar("Values", np.ndarray, pd.Series, Tensor)


class Score(Plugin):
    """One measure of uncertainty. A member writes ``measure``; ``__call__`` checks around it.

    ``uses`` says what a member is given: ``logits`` N×K of one forward pass; those of T ``passes``, T×N×K, in which
    other parts of the model were dropped; ``errors``, those of T networks, T×N×K, and the labels; or those of a
    ``detector``, N×2 (clean, attacked).
    """

    family = "score"
    uses: ClassVar[Literal["logits", "passes", "errors", "detector"]] = "logits"

    def __call__(self, logits: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the score of each sample.

        Args: logits: floating point N×K, or T×N×K for a member that uses passes or errors, T ≥ 1 and K ≥ 2; −inf is a
            class with probability 0. Computed in float64. labels: int64 N in [0, K), for a member that uses errors.
        Returns: float32 N, on the logits' device.
        Raises: CurationError for another shape or dtype, or a row without a softmax (NaN or +inf in it).
        """
        form, dimensions = ("T×N×K", 3) if self.uses in ("passes", "errors") else ("N×K", 2)
        shape = tuple(logits.shape)
        fits = len(shape) == dimensions and shape[-1] >= 2 and (dimensions == 2 or shape[0] >= 1)
        if not (fits and logits.is_floating_point()):
            got = f"{logits.dtype} {'×'.join(map(str, shape))}"
            raise CurationError(f"{self.name} takes logits {form} of at least 2 classes, got {got}")
        # Not every accelerator has float64, and these numbers are few.
        probabilities = logits.detach().cpu().double().softmax(dim=-1)
        certain = ~probabilities.isnan()
        if not certain.all():
            without = ~certain.all(dim=-1)
            broken = (without if dimensions == 2 else without.any(dim=0)).nonzero()[:, 0]
            raise CurationError(
                f"{self.name} got NaN or infinite logits in {len(broken)} of {shape[-2]} rows, first in row "
                f"{int(broken[0])}; the model's weights or the images are broken"
            )
        if self.uses == "errors":
            probabilities = self._errors(probabilities, labels)
        return self.measure(probabilities).to(logits.device, torch.float32)

    def _errors(self, probabilities: Tensor, labels: Tensor | None) -> Tensor:
        count, classes = probabilities.shape[-2:]
        right = labels is not None and tuple(labels.shape) == (count,) and labels.dtype == torch.int64
        if labels is None or not right or not ((labels >= 0) & (labels < classes)).all():
            got = "none" if labels is None else f"{labels.dtype} {labels.flatten().tolist()[:5]}"
            raise CurationError(f"{self.name} takes labels int64 of {count} samples in [0, {classes}), got {got}")
        return probabilities - torch.eye(classes, dtype=probabilities.dtype)[labels.cpu()]

    @abstractmethod
    def measure(self, probabilities: Tensor) -> Tensor:
        """Return float64 N for softmax probabilities, float64 N×K or T×N×K; of errors, for these less the one-hot."""

    @classmethod
    def hardness(cls, values: Values) -> Values:
        """Return what selection ranks by: the values themselves, or their reverse where small means uncertain."""
        return values

    @classmethod
    @abstractmethod
    def hardest(cls, classes: int) -> float:
        """Return the greatest hardness that there is among K classes; the least is 0."""


def entropy_of(probabilities: Tensor) -> Tensor:
    """Return H(p) = −Σ p ln p, in nats, of probabilities …×K."""
    return torch.special.entr(probabilities).sum(dim=-1)
