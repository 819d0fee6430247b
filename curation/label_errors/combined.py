"""One ranking of several."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.label_errors.agreement import blocks, neighbors_probabilities
from curation.label_errors.base import Evidence, LabelScore
from curation.label_errors.learning import AreaUnderMargin
from curation.label_errors.mistakes import mistakes, odds


class Combined(LabelScore):
    """1 − the geometric mean of a sample's places, from the most suspicious, by each kind of evidence.

    Networks that never saw the label, counted twice, and what they say of its neighbors: the odds that the label is one
    of the mistakes that are usual in the set (``mistakes.odds``). Networks that learned it: the area under the margin,
    less the mean of all samples with that label, for classes are hard or easy as a whole. A place is a share of N,
    0 … 1. The geometric mean lets the top of any one list count, as is needed where few labels are wrong: being first
    in one of two lists and in the middle of the other comes before being tenth in both.
    ``python -m benchmarks.label_errors`` compares.
    """

    name: ClassVar[str] = "combined"
    title: ClassVar[str] = "Combined"
    version: ClassVar[int] = 3

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return the score; what the evidence cannot tell is left out of the mean."""
        own, near = _odds(evidence)
        lists = [own, own]
        if near is not None:
            lists.append(near)
        if AreaUnderMargin.told_by(evidence):
            lists.append(_within_class(AreaUnderMargin().measure(evidence), evidence.labels))
        return 1 - np.exp(np.mean([np.log(places(values)) for values in lists], axis=0))


def _odds(evidence: Evidence) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the odds, float64 N, by each sample's own probabilities and, where it has any, by its neighbors'."""
    labels, probabilities = evidence.labels, evidence.probabilities
    ways = mistakes(labels, probabilities)
    own = np.empty(len(labels))
    near = np.empty(len(labels)) if evidence.neighbors is not None else None
    for rows in blocks(evidence):
        own[rows] = odds(labels[rows], probabilities[rows].astype(np.float64), ways)
        if near is not None:
            near[rows] = odds(labels[rows], neighbors_probabilities(evidence, rows), ways)
    return own, near


def _within_class(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return values, float64 N, less the mean of their class."""
    sums, sizes = np.bincount(labels, weights=values), np.bincount(labels)
    return values - (sums / np.maximum(sizes, 1))[labels]


def places(suspicion: np.ndarray) -> np.ndarray:
    """Return what share of samples is more suspicious than each one, floats N in (0, 1); equal ones have their mean."""
    from scipy.stats import rankdata  # imports for a second, so only where it is used

    return (rankdata(-suspicion) - 0.5) / len(suspicion)
