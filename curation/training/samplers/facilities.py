"""Images that stand for all others as the network in training sees them, chosen anew as it learns.

Source: Cai, Cao & Liu, "An Empirical Study of Robust Deep Models"; CRAIG (Mirzasoleiman, Bilmes & Leskovec 2020,
"Coresets for Data-efficient Training of Machine Learning Models"), section 3 and its code.
"""

from __future__ import annotations

import numpy as np

from curation.coverage import facility_location
from curation.coverage.classes import parts_of_classes, taking_turns
from curation.embedding.spaces import SpaceName, space
from curation.training.samplers.base import Asked


def facilities(network: Asked, labels: np.ndarray, count: int, *, of: SpaceName, classwise: bool) -> np.ndarray:
    """Return the images to which all others have the shortest way, in the order of their choice, int64 ``count``.

    Args: labels: int64 N; of: the space of the network in which ways are measured; classwise: of each class by its
        share, and only among its own; classes then take turns.
    """
    points = placed(network, labels, of=of)
    if not classwise:
        return facility_location(points, count=count, device=network.device).chosen
    found = []
    for label, part in parts_of_classes(labels, count):
        mine = np.flatnonzero(labels == label)
        found.append(mine[facility_location(points[mine], count=part, device=network.device).chosen])
    return taking_turns(found)


def placed(network: Asked, labels: np.ndarray, *, of: SpaceName) -> np.ndarray:
    """Return where all images lie in a space of the network, float32 N×D; p − y needs no features."""
    features = network.logits if of == "softmax_gradient" else network.features
    return space(features, network.logits, labels, of=of)
