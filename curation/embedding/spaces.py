"""Spaces in which samples lie: a network's features, and the gradients of its loss that need no backward pass.

Source: Mirzasoleiman, Bilmes & Leskovec 2020, "Coresets for Data-efficient Training of Machine Learning Models"
    (CRAIG): the gradient with respect to the last layer's input stands for that of all weights; Ash et al. 2020, "Deep
    Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds" (BADGE): the last layer's whole gradient, there
    with the predicted labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import scipy.special

from curation.errors import CurationError

SpaceName = Literal["features", "softmax_gradient", "last_layer_gradient"]

LARGEST_BYTES = 2 << 30
"""Of a space's values, so that a search in it (four times that) fits in memory."""


def space(features: np.ndarray, logits: np.ndarray, labels: np.ndarray, *, of: SpaceName) -> np.ndarray:
    """Return where samples lie in a space of a network.

    Args:
        features: float32 N×D, of the penultimate layer.
        logits: float32 N×K.
        labels: int64 N in [0, K).
        of: features (as they are); softmax_gradient, p − y, the cross-entropy's gradient by the logits; or
            last_layer_gradient, (p − y) ⊗ [features, 1], that by the last layer's weights and biases. In the first of
            the two gradients equal predictions of different labels are √2 apart: what agrees there is labels.

    Returns: float32 N×D, N×K or N×K·(D + 1).
    Raises: CurationError: lengths that differ, labels out of range, more than ``LARGEST_BYTES``.
    """
    if of not in get_args(SpaceName):
        raise CurationError(f"space must be one of {', '.join(get_args(SpaceName))}, got {of!r}")
    if not len(features) == len(logits) == len(labels):
        raise CurationError(
            f"a space needs features, logits and a label of each sample, got {len(features):,}, {len(logits):,} and "
            f"{len(labels):,}"
        )
    features, logits = (np.asarray(values, dtype=np.float32) for values in (features, logits))
    if of == "features":
        return features
    classes = logits.shape[1]
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise CurationError(f"labels must be in [0, {classes}), got {labels.min()} to {labels.max()}")
    gradient = scipy.special.softmax(logits, axis=1)
    gradient[np.arange(len(labels)), labels] -= 1
    if of == "softmax_gradient":
        return gradient
    width = width_of(of, features=features.shape[1], classes=classes)
    _refuse_large(len(labels), width, f"{classes} classes × ({features.shape[1]} features + 1)")
    ones = np.ones((len(features), 1), dtype=np.float32)
    return (gradient[:, :, None] * np.hstack([features, ones])[:, None, :]).reshape(-1, width)


def width_of(of: SpaceName, *, features: int, classes: int) -> int:
    """Return how many numbers a sample has in a space."""
    return {"features": features, "softmax_gradient": classes, "last_layer_gradient": classes * (features + 1)}[of]


def concatenated(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join the spaces of several checkpoints, float32 N×ΣD, as they are: squared distances add up.

    None is scaled, as in the source, so a checkpoint whose values are larger counts more.

    Raises: CurationError: no parts, lengths that differ, more than ``LARGEST_BYTES``.
    """
    lengths = {len(part) for part in parts}
    if len(lengths) != 1:
        raise CurationError(
            f"the spaces of {len(parts)} checkpoints must be of the same samples, got {sorted(lengths)} of them"
        )
    if len(parts) > 1:
        _refuse_large(lengths.pop(), sum(part.shape[1] for part in parts), f"{len(parts)} checkpoints together")
    return np.concatenate([np.asarray(part, dtype=np.float32) for part in parts], axis=1)


def _refuse_large(samples: int, width: int, why: str) -> None:
    if 4 * samples * width > LARGEST_BYTES:
        raise CurationError(
            f"{samples:,} samples of {width:,} numbers each ({why}) take {4e-9 * samples * width:.1f} GB, more than "
            f"{LARGEST_BYTES / 1e9:.1f} GB; take fewer samples, fewer checkpoints or the softmax gradient"
        )
