"""One ranking of several."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.label_errors.agreement import NeighborConfidence
from curation.label_errors.base import Evidence, LabelScore
from curation.label_errors.confidence import SelfConfidence
from curation.label_errors.learning import AreaUnderMargin

WEIGHTS: dict[type[LabelScore], int] = {SelfConfidence: 2, NeighborConfidence: 1, AreaUnderMargin: 1}
"""One score of each kind of evidence: networks that never saw the label, similar samples, networks that learned it."""


class Combined(LabelScore):
    """1 − the geometric mean of a sample's places, from the most suspicious, under one score of each kind of evidence.

    A place is a share of N, 0 … 1. The geometric mean lets the top of any one list count, as is needed where few labels
    are wrong: being first in one of two lists and in the middle of the other comes before being tenth in both. The
    networks that never saw the label count twice. ``python -m benchmarks.label_errors`` compares.
    """

    name: ClassVar[str] = "combined"
    title: ClassVar[str] = "Combined"
    version: ClassVar[int] = 2

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return the score; what the evidence cannot tell is left out of the mean."""
        members = {member: weight for member, weight in WEIGHTS.items() if member.told_by(evidence)}
        logs = [weight * np.log(places(member(), evidence)) for member, weight in members.items()]
        return 1 - np.exp(np.sum(logs, axis=0) / sum(members.values()))


def places(score: LabelScore, evidence: Evidence) -> np.ndarray:
    """Return what share of samples is more suspicious than each one, floats N in (0, 1); equal ones have their mean."""
    from scipy.stats import rankdata  # imports for a second, so only where it is used

    return (rankdata(-score.measure(evidence)) - 0.5) / len(evidence.labels)
