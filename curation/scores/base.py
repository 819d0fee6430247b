"""The contract of a score: how near a sample is to the decision boundary, from the goal model's logits alone."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from curation.errors import CurationError
from curation.plugin import Plugin

Values = TypeVar("Values", np.ndarray, pd.Series, Tensor)


class Score(Plugin):
    """One measure of uncertainty. A member writes ``measure``; ``__call__`` checks around it."""

    def __call__(self, logits: Tensor) -> Tensor:
        """Return the score of each sample.

        Args: logits: floating point N×K, K ≥ 2; −inf is a class with probability 0. Computed in float64.
        Returns: float32 N, on the logits' device.
        Raises: CurationError for another shape or dtype, or a row without a softmax (NaN or +inf in it).
        """
        if logits.ndim != 2 or logits.shape[1] < 2 or not logits.is_floating_point():
            shape = "×".join(map(str, logits.shape))
            raise CurationError(f"{self.name} takes logits N×K of at least 2 classes, got {logits.dtype} {shape}")
        # Not every accelerator has float64, and N×K numbers are few.
        probabilities = logits.detach().cpu().double().softmax(dim=1)
        broken = probabilities.isnan().any(dim=1).nonzero()[:, 0]
        if len(broken):
            raise CurationError(
                f"{self.name} got NaN or infinite logits in {len(broken)} of {len(logits)} rows, first in row "
                f"{int(broken[0])}; the model's weights or the images are broken"
            )
        return self.measure(probabilities).to(logits.device, torch.float32)

    @abstractmethod
    def measure(self, probabilities: Tensor) -> Tensor:
        """Return float64 N for softmax probabilities float64 N×K."""

    @classmethod
    def hardness(cls, values: Values) -> Values:
        """Return what selection ranks by: the values themselves, or their reverse where small means uncertain."""
        return values
