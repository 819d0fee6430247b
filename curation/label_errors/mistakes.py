"""Which mistakes the labels hold, as far as the networks can tell, and how likely each label is one of them."""

from __future__ import annotations

import numpy as np

_ROWS = 4096
_LEAST = 1e-12


def mistakes(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Estimate how often a sample of one class is given the label of another, float64 K×K: row given, column true.

    Counted are the samples that a network is as sure of being in a class as it is on average of those labeled so (the
    confident joint). What is counted of a class is mixed with as many samples as a class has on average, whose mistakes
    are all alike: few counts tell little, and no mistake is impossible.

    Args: labels: int64 N in [0, K); probabilities: float N×K, of networks that did not learn the sample.
    Source: Northcutt, Jiang & Chuang 2021, "Confident Learning", equation 1; its smoothing is our own.
    """
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    sizes = np.bincount(labels, minlength=classes)
    sure = np.where(sizes, np.bincount(labels, weights=own, minlength=classes) / np.maximum(sizes, 1), np.inf)
    joint = np.zeros((classes, classes))
    for at in range(0, len(labels), _ROWS):
        some = probabilities[at : at + _ROWS]
        candidates = np.where(some >= sure, some, -1)
        counted = candidates.max(1) >= 0
        np.add.at(joint, (labels[at : at + _ROWS][counted], candidates[counted].argmax(1)), 1)
    of_class, total = joint.sum(0), joint.sum()
    usual = (total - np.trace(joint) + 1) / (total + classes) / (classes - 1)
    mixed = (of_class.mean() + 1) * usual
    return (joint + mixed) / (of_class + mixed * classes)


def odds(labels: np.ndarray, probabilities: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Return how much likelier each label is a mistake than right, float64 N ≥ 0.

    Σⱼ m(g | j) p(j) / p(g) over the classes j other than the given one, g: where all mistakes are alike it orders
    samples as 1 − p(g) does; where dogs are often called cats, a cat that may be a dog comes before one that may be a
    ship.

    Args: labels: int64 N in [0, K); probabilities: float N×K; ways: m, as ``mistakes`` returns it.
    """
    rows = np.arange(len(labels))
    others = ways[labels] * probabilities
    others[rows, labels] = 0
    return others.sum(1) / np.maximum(probabilities[rows, labels], _LEAST)
