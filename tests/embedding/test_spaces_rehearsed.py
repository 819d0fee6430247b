"""What spaces are made of, and distances in them, on an accelerator, rehearsed without one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curation.embedding.distances import Distances
from curation.models.architectures import build
from curation.models.features import logits_and_features
from tests.rehearsal import DEVICE, assert_asked_only, assert_on_device, rehearsal

ALLOWED = {
    "owners.py:Owners.pairs": "once a block: which points are of the query's own owner is a list of any length",
    "distances.py:Distances._bounds": "once a block: those points are left out",
    "distances.py:Distances.ranked": "once a block: those points are left out",
    "distances.py:Distances.within": "a few times a block: how many pairs are within is what is asked for",
}
"""Functions that ask an accelerator for a value, and why they may."""


def test_logits_and_features_stay_on_the_device() -> None:
    with rehearsal() as rehearsed, torch.no_grad():
        model = build("tiny_resnet", classes=10, shape=(32, 32, 3)).to(DEVICE).eval()
        assert_on_device(logits_and_features(model, torch.rand(4, 3, 32, 32, device=DEVICE)))
    assert not rehearsed.fetches


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_distances_are_made_on_the_device(metric: str) -> None:
    points = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    with rehearsal() as rehearsed:
        distances = Distances.between(
            points, None, metric=metric, owners=np.arange(50) // 2, query_owners=np.arange(50) // 2, device=DEVICE
        )
        rows = torch.arange(8, device=DEVICE)
        assert_on_device(distances.nearest(rows, 3, 5))
        assert_on_device(distances.within(rows, 0.5))
    assert_asked_only(rehearsed.fetches, ALLOWED)
