"""Training dynamics of samples: the mean margin of each label, and how often it was learned and forgotten."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor

from curation.errors import CurationError


def margins_of(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the logit of each sample's class less the largest other one, N; logits N×K, classes int64 N."""
    own = classes[:, None]
    return logits.gather(1, own)[:, 0] - logits.scatter(1, own, -torch.inf).amax(1)


class Dynamics:
    """Area under the margin and forgetting events of every sample, gathered epoch by epoch of one training.

    Source: Pleiss et al. 2020, "Identifying Mislabeled Data using the Area Under the Margin Ranking", section 3;
    Toneva et al. 2019, "An Empirical Study of Example Forgetting", section 3.
    """

    def __init__(self, count: int) -> None:
        """Args: count: samples N that are trained on."""
        self._epochs = 0
        self._sum = np.zeros(count)
        self._right, self._learned = np.zeros(count, bool), np.zeros(count, bool)
        self._forgotten = np.zeros(count, np.int64)

    def add(self, margins: np.ndarray) -> None:
        """Take in the next epoch's ``Epoch.margins``, float32 N. A sample is right where its margin is above 0."""
        if margins.shape != self._sum.shape:
            raise CurationError(f"expected the margins of {len(self._sum)} samples, got {margins.shape}")
        right = margins > 0
        self._sum += margins
        self._forgotten += self._right & ~right
        self._right, self._learned = right, self._learned | right
        self._epochs += 1

    @property
    def area_under_margin(self) -> np.ndarray:
        """Mean margin over the epochs so far, float32 N, in logits: low where other samples speak against a label."""
        return (self._sum / max(self._epochs, 1)).astype(np.float32)

    @property
    def forgetting(self) -> np.ndarray:
        """How often each sample went from right to wrong, float32 N.

        One that never was right counts as forgotten in every epoch, as in the authors' ``sort_examples_by_forgetting``.
        """
        return np.where(self._learned, self._forgotten, self._epochs).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of all that ``restored`` needs."""
        return {
            "epochs": np.array(self._epochs),
            "sum": self._sum.copy(),
            "right": self._right.copy(),
            "learned": self._learned.copy(),
            "forgotten": self._forgotten.copy(),
        }

    @classmethod
    def restored(cls, state: dict[str, np.ndarray]) -> Self:
        """Return the dynamics that a ``state`` was made from."""
        found = cls(len(state["sum"]))
        found._epochs, found._sum = int(state["epochs"]), state["sum"].copy()
        found._right, found._learned = state["right"].copy(), state["learned"].copy()
        found._forgotten = state["forgotten"].copy()
        return found
