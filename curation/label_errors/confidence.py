"""Doubt from the out-of-sample probabilities alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.errors import CurationError
from curation.label_errors.agreement import blocks
from curation.label_errors.base import Evidence, LabelScore

_NEVER_SURE, _SURE_AT_LEAST = 2.0, 2e-6
"""How sure cleanlab takes the networks to be of a class without samples, and at least of any other."""


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
        found = np.empty(len(evidence.labels), evidence.probabilities.dtype)
        for rows in blocks(evidence):
            others, labels = evidence.probabilities[rows].copy(), evidence.labels[rows]
            own = _own(others, labels)
            others[np.arange(len(others)), labels] = -np.inf
            found[rows] = (1 + others.max(1) - own) / 2
        return found


class ConfidentLearning(LabelScore):
    """1 − cleanlab's label quality, its probabilities adjusted for how sure the networks are of each class.

    Source: cleanlab's ``rank.get_label_quality_scores`` with ``adjust_pred_probs``, of which this gives the bits by
    blocks of samples, without float64 copies of all probabilities; Northcutt, Jiang & Chuang 2021,
    "Confident Learning", section 3; Kuan & Mueller 2022, "Model-agnostic label quality scoring".
    """

    name: ClassVar[str] = "confident_learning"
    title: ClassVar[str] = "Confident learning"

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return cleanlab's doubt."""
        try:
            from cleanlab.rank import get_normalized_margin_for_each_label  # imports for seconds, so only here
        except ImportError:
            raise CurationError(
                'confident_learning needs cleanlab; install it with pip install "cleanlab>=2.8"'
            ) from None
        probabilities, labels = evidence.probabilities, evidence.labels
        sure = np.full(probabilities.shape[1], _NEVER_SURE)
        for label in np.unique(labels):
            sure[label] = max(_SURE_AT_LEAST, probabilities[labels == label, label].astype(np.float64).mean())
        found = np.empty(len(labels))
        for rows in blocks(evidence):
            adjusted = probabilities[rows] - sure
            adjusted += sure.max()
            adjusted /= adjusted.sum(axis=1, keepdims=True)
            found[rows] = 1 - get_normalized_margin_for_each_label(labels[rows], adjusted)
        return found


def _own(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return probabilities[np.arange(len(labels)), labels]
