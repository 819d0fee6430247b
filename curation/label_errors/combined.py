"""One ranking of several."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.label_errors.agreement import NeighborDisagreement
from curation.label_errors.base import Evidence, LabelScore
from curation.label_errors.confidence import ConfidentLearning
from curation.label_errors.learning import AreaUnderMargin

MEMBERS: tuple[type[LabelScore], ...] = (ConfidentLearning, NeighborDisagreement, AreaUnderMargin)
"""One of each kind of evidence: networks that never saw the label, similar samples, networks that learned it."""


class Combined(LabelScore):
    """Mean of a sample's ranks, as shares of N, under one score of each kind of evidence that there is: 0 … 1."""

    name: ClassVar[str] = "combined"
    title: ClassVar[str] = "Combined"

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return the mean rank."""
        return np.mean([ranks(member()(evidence)) for member in MEMBERS if member.told_by(evidence)], axis=0)


def ranks(values: np.ndarray) -> np.ndarray:
    """Return what share of all values lies below each one, floats N in (0, 1); equal ones share their mean rank."""
    from scipy.stats import rankdata  # imports for a second, so only where it is used

    return (rankdata(values) - 0.5) / len(values)
