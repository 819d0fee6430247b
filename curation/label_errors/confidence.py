"""Doubt from the out-of-sample probabilities alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.errors import CurationError
from curation.label_errors.base import Evidence, LabelScore


class SelfConfidence(LabelScore):
    """1 − p of the given label: 0 … 1.

    Source: Northcutt, Jiang & Chuang 2021, "Confident Learning", section 3 (self-confidence).
    """

    name: ClassVar[str] = "self_confidence"
    title: ClassVar[str] = "Self-confidence"

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return the probability of all other classes together; in float64, where 1 − 1e-9 is not 1."""
        return 1 - _own(evidence.probabilities, evidence.labels).astype(np.float64)


class NormalizedMargin(LabelScore):
    """(1 + the largest other probability − p of the given label) / 2: 0 … 1, above ½ where another class is ahead.

    Source: Northcutt, Jiang & Chuang 2021, "Confident Learning", section 3 (normalized margin).
    """

    name: ClassVar[str] = "normalized_margin"
    title: ClassVar[str] = "Normalized margin"

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return how far another class is ahead."""
        others = evidence.probabilities.copy()
        others[np.arange(len(others)), evidence.labels] = -np.inf
        return (1 + others.max(1) - _own(evidence.probabilities, evidence.labels)) / 2


class ConfidentLearning(LabelScore):
    """1 − cleanlab's label quality, its probabilities adjusted for how sure the networks are of each class.

    Source: cleanlab's ``rank.get_label_quality_scores`` with ``adjust_pred_probs``; Northcutt, Jiang & Chuang 2021,
    "Confident Learning", section 3; Kuan & Mueller 2022, "Model-agnostic label quality scoring".
    """

    name: ClassVar[str] = "confident_learning"
    title: ClassVar[str] = "Confident learning"

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return cleanlab's doubt."""
        try:
            from cleanlab.rank import get_label_quality_scores  # imports for seconds, so only where it is used
        except ImportError:
            raise CurationError(
                'confident_learning needs cleanlab; install it with pip install "cleanlab>=2.8"'
            ) from None
        probabilities = evidence.probabilities.astype(np.float64)
        return 1 - get_label_quality_scores(
            evidence.labels, probabilities, method="normalized_margin", adjust_pred_probs=True
        )


def _own(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return probabilities[np.arange(len(labels)), labels]
