"""The contract of training methods: finite losses, the same bits again, parameters that survive a round trip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curation.models.architectures import build
from curation.training.methods import METHODS, Method
from curation.training.settings import Training
from curation.training.trainer import train

every_method = pytest.mark.parametrize("method", list(METHODS), ids=lambda method: method.name)


@every_method
def test_a_method_trains_and_does_so_again(method: type[Method]) -> None:
    draws = np.random.default_rng(0)
    images, labels = draws.integers(0, 256, (36, 16, 16, 1), dtype=np.uint8), draws.integers(0, 3, 36)
    chosen = Training.parse({"method": method.name, "steps": 2, "epochs": 1, "batch_size": 18, "precision": "float32"})
    weights, losses = [], []
    for _ in range(2):
        model = build("tiny_resnet", classes=3, shape=(16, 16, 1))
        (epoch,) = train(model, images, labels, settings=chosen, seed=1)
        weights.append(torch.cat([value.flatten().double() for value in model.state_dict().values()]))
        losses.append(epoch.loss)
    assert np.isfinite(losses).all()
    assert torch.equal(*weights)


@every_method
def test_a_method_s_parameters_are_written_and_explained(method: type[Method]) -> None:
    usual = Training(method=method.name)
    assert Training.parse(usual.model_dump(mode="json")) == usual
    assert isinstance(usual.how(), method)
    assert method.title
    assert method.__doc__
    assert all(field.description for field in method.model_fields.values())
    assert ("epsilon" in method.model_fields) == method.perturbs
