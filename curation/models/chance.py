"""Whether a classifier is better than guessing: the one place that says what "at chance" and "weak" mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import bdtrc

ALPHA = 0.01
"""At chance: a guess with the classifier's own frequencies is right as often with at least this probability."""

WEAK = 0.25
"""Weak: the classifier gets less than this share of the way from guessing to being always right (Cohen's kappa)."""

REORDERED, SWAPPED = 0.25, 0.5
"""Classes in another order: matching them raises the accuracy by at least this much, over all images, or over those of
the classes that are matched to others, however few these are."""

LISTED = 20
"""So many classes' accuracies are written out, the worst first where there are more."""


class Doubt(NamedTuple):
    """A reason not to trust a classifier: a sentence for people, and whether what it guides means nothing at all."""

    sentence: str
    grave: bool


def tally(predictions: np.ndarray, labels: np.ndarray, classes: int) -> dict[str, Any]:
    """Return how often a classifier is right, as plain data.

    Args: predictions, labels: integers N in [0, K); classes: K.
    Returns: right, of: by class, K numbers each; guessing: accuracy in [0, 1] of a guess that is independent of the
        image and says each class as often as the classifier does (the largest class's share, where it says only that);
        matched: accuracy after matching its classes to the labels' where that makes it much better, else None.
    """
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predictions), 1)
    total = max(int(counts.sum()), 1)
    accuracy = float(np.trace(counts)) / total
    return {
        "right": np.diagonal(counts).tolist(),
        "of": counts.sum(1).tolist(),
        "guessing": _guessing(counts),
        "matched": _matched(counts, accuracy),
    }


def accuracy_of(tallied: Mapping[str, Any]) -> float:
    """Return the share of right answers in [0, 1], 0 for no images."""
    return float(sum(tallied["right"]) / max(sum(tallied["of"]), 1))


def doubts(
    tallied: Mapping[str, Any], classes: Sequence[str], *, where: str, who: str = "the goal model"
) -> list[Doubt]:
    """Return the reasons not to trust a classifier.

    Args: tallied: what ``tally`` returned; classes: K names; where: of which images, "the samples" say;
        who: what people know it as.
    """
    right, total = sum(tallied["right"]), sum(tallied["of"])
    if not total:
        return []
    accuracy, guessing = right / total, tallied["guessing"]
    measured = f"accuracy {accuracy:.1%} on {total:,} images of {where}, guessing {guessing:.1%}"
    if tallied["matched"] is not None:
        sentence = (
            f"{who}'s classes seem to be in another order than the data's: {measured}, and "
            f"{tallied['matched']:.1%} if they are matched; give the weights' classes in the data's order "
            f"({by_class(tallied, classes)})"
        )
        return [Doubt(sentence, grave=True)]
    if at_chance(tallied):
        sentence = (
            f"{who} is at chance, it cannot be told from guessing: {measured}; what it finds uncertain, and "
            "its adversarial images, mean nothing. Check that architecture, normalization and classes are those of its "
            f"training, or train it for longer ({by_class(tallied, classes)})"
        )
        return [Doubt(sentence, grave=True)]
    if (accuracy - guessing) / max(1 - guessing, 1e-9) < WEAK:
        sentence = (
            f"{who} is weak: {measured}; what it finds uncertain may be what it never learned "
            f"({by_class(tallied, classes)})"
        )
        return [Doubt(sentence, grave=False)]
    return []


def at_chance(tallied: Mapping[str, Any]) -> bool:
    """Whether a guess would be right as often: a binomial test of the right answers against ``guessing``."""
    right, total = sum(tallied["right"]), sum(tallied["of"])
    # As scipy.stats has it, which takes a second to import.
    return float(bdtrc(right - 1, total, min(tallied["guessing"], 1.0))) > ALPHA


def by_class(tallied: Mapping[str, Any], classes: Sequence[str]) -> str:
    """Return the accuracy of each class with images, in words; the worst ones where there are many."""
    rows = [(right / of, name) for name, right, of in zip(classes, tallied["right"], tallied["of"], strict=True) if of]
    many = len(rows) > LISTED
    shown = sorted(rows)[:LISTED] if many else rows
    listed = ", ".join(f"{name} {accuracy:.0%}" for accuracy, name in shown)
    return f"the {LISTED} worst of {len(rows)} classes: {listed}" if many else f"by class: {listed}"


def _guessing(counts: np.ndarray) -> float:
    total = max(int(counts.sum()), 1)
    return float(counts.sum(1) @ counts.sum(0)) / total**2


def _matched(counts: np.ndarray, accuracy: float) -> float | None:
    from scipy.optimize import linear_sum_assignment  # here, for it takes long to import

    ours, theirs = linear_sum_assignment(counts, maximize=True)
    matched = counts[ours][:, theirs]
    found = float(np.trace(matched)) / max(int(counts.sum()), 1)
    guessing = _guessing(matched)
    sure = (found - guessing) / max(1 - guessing, 1e-9) >= 2 * WEAK
    enough = counts.sum() >= 5 * len(counts)
    moved = ours != theirs
    of = counts[moved].sum(1)
    gained = float((np.diagonal(matched) - np.diagonal(counts))[moved].sum()) / max(int(of.sum()), 1)
    swapped = gained >= SWAPPED and bool((of >= 5).all())
    return found if sure and enough and (swapped or found - accuracy >= REORDERED) else None
