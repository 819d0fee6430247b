"""Labels made wrong on purpose, for experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from curation.errors import CurationError, UsageError, unknown_name
from curation.randomness import SampleRandom, stream_seeds

KINDS = ("symmetric", "asymmetric")

CIFAR10 = {"truck": "automobile", "bird": "airplane", "deer": "horse", "cat": "dog", "dog": "cat"}
"""Classes that people take for each other. Source: Patrini et al. 2017, "Making Deep Neural Networks Robust to Label
Noise: a Loss Correction Approach", section 5."""


def noisy(
    labels: np.ndarray,
    *,
    classes: Sequence[str],
    share: float,
    kind: Literal["symmetric", "asymmetric"] = "symmetric",
    seed: int,
    sample_ids: np.ndarray,
) -> np.ndarray:
    """Return labels of which a share is wrong, int64 N.

    Each sample has this chance of its own: whether it changes, and to what, follows from the seed and its id alone,
    whatever other samples there are. So the number that changes is near share · N, not exactly it; and what a smaller
    share changes, a larger one changes as well, to the same class.

    Args:
        labels: integers N in [0, K).
        classes: K names.
        share: in [0, 1]; asymmetric: of the samples whose class has a target.
        kind: symmetric: to one of the other classes, all equally likely; asymmetric: to one fixed other class: for
            CIFAR-10's names as in ``CIFAR10``, five of the ten classes, else the next class, the last one's is the
            first.
        sample_ids: integers N.
    """
    if kind not in KINDS:
        raise UsageError(unknown_name("kind of label noise", kind, KINDS))
    if not 0 <= share <= 1:
        raise UsageError(f"the share of wrong labels must be in [0, 1], got {share:g}")
    if len(classes) < 2:
        raise CurationError(f"a label can be wrong among 2 classes or more, got {len(classes)}")
    if labels.shape != sample_ids.shape:
        raise CurationError(f"expected a sample id for each of {len(labels)} labels, got {len(sample_ids)}")
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(classes)):
        raise CurationError(f"labels must be in 0 … {len(classes) - 1}, got {labels.min()} … {labels.max()}")
    labels = labels.astype(np.int64)
    draws = SampleRandom(stream_seeds(seed, sample_ids, "label_noise", kind))
    chosen = draws.uniform(1)[:, 0].numpy() < share
    if kind == "symmetric":
        wrong = (labels + draws.integers(1, low=1, high=len(classes))[:, 0].numpy()) % len(classes)
    else:
        wrong = targets(classes)[labels]
    return np.where(chosen, wrong, labels)


def targets(classes: Sequence[str]) -> np.ndarray:
    """Return what asymmetric noise makes of each class, int64 K; itself: it stays as it is."""
    if set(CIFAR10) | set(CIFAR10.values()) <= set(classes):
        return np.array([list(classes).index(CIFAR10.get(name, name)) for name in classes])
    return (np.arange(len(classes)) + 1) % len(classes)
