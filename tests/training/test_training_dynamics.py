"""Margins of the trainer, and what is gathered of them: against a plain loop and the authors' way of counting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from curation.errors import CurationError
from curation.models.architectures import build
from curation.models.prediction import predict
from curation.training.dynamics import Dynamics, margins_of
from curation.training.settings import Training
from curation.training.trainer import train

FEW = np.random.default_rng(0).integers(0, 256, (41, 16, 16, 1), dtype=np.uint8)
LABELS = np.random.default_rng(1).integers(0, 3, 41)

VARIETIES = {
    "plain": {"flip": True},
    "adversarial": {"method": "adversarial", "steps": 2},
    "trades": {"method": "trades", "steps": 2},
    "free": {"method": "free", "steps": 2},
    "cutmix": {"cutmix": 1.0, "noise": 0.1},
    "mixup": {"mixup": 0.4},
}


def linear() -> nn.Module:
    layer = nn.Linear(256, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(-0.1, 0.1, 768).reshape(3, 256))
        layer.bias.zero_()
    return nn.Sequential(nn.Flatten(), layer)


@pytest.mark.parametrize("soft", [False, True])
def test_margins_are_those_of_the_images_in_the_order_given(soft: bool) -> None:
    """At a rate of nearly zero the network stays as it was, so the margins are those of its predictions."""
    model = linear()
    logits = predict(model, FEW).numpy()
    own = np.eye(3, dtype=bool)[LABELS]
    expected = logits[own] - np.where(own, -np.inf, logits).max(1)
    labels = 0.7 * own + 0.1 if soft else LABELS
    how = Training(epochs=1, batch_size=16, learning_rate=1e-12, augment=False, precision="float32")
    (epoch,) = train(model, FEW, labels, settings=how, seed=0)
    assert epoch.margins.dtype == np.float32
    np.testing.assert_allclose(epoch.margins, expected, atol=1e-5)
    assert epoch.accuracy == pytest.approx((epoch.margins > 0).mean())


@pytest.mark.parametrize("how", VARIETIES.values(), ids=list(VARIETIES))
def test_every_way_of_training_tells_margins_and_resumes_with_the_same(how: dict) -> None:
    chosen = Training(**{"epochs": 2, "batch_size": 16, **how})

    def network() -> nn.Module:
        return build("tiny_resnet", classes=3, shape=(16, 16, 1))

    first, second = train(network(), FEW, LABELS, settings=chosen, seed=0)
    (again,) = train(network(), FEW, LABELS, settings=chosen, seed=0, resume=first.state)
    assert np.isfinite(first.margins).all()
    assert len(np.unique(first.margins)) > 30
    np.testing.assert_array_equal(again.margins, second.margins)


def test_margins_of_far_and_of_equal_logits() -> None:
    logits = torch.tensor([[1e30, -1e30], [0.0, 0.0]])
    assert margins_of(logits, torch.tensor([1, 0])).tolist() == [pytest.approx(-2e30), 0]


@given(arrays(np.float32, (6, 9), elements=st.floats(-2, 2, width=32)), st.integers(0, 6))
@settings(deadline=None, max_examples=50)
def test_dynamics_are_the_authors_and_go_on_from_a_state(margins: np.ndarray, stop: int) -> None:
    dynamics = Dynamics(9)
    for epoch, row in enumerate(margins):
        if epoch == stop:
            dynamics = Dynamics.restored(dynamics.state())
        dynamics.add(row)
    np.testing.assert_allclose(dynamics.area_under_margin, margins.mean(0), atol=1e-6)
    for sample, right in enumerate((margins > 0).T.astype(int)):
        transitions = right[1:] - right[:-1]
        expected = len(np.where(transitions == -1)[0]) if right.any() else len(margins)
        assert dynamics.forgetting[sample] == expected


def test_a_state_is_not_changed_by_going_on() -> None:
    dynamics = Dynamics(2)
    dynamics.add(np.array([1, -1], np.float32))
    state = dynamics.state()
    before = {name: value.copy() for name, value in state.items()}
    Dynamics.restored(state).add(np.array([-1, -1], np.float32))
    dynamics.add(np.array([-1, -1], np.float32))
    for name, value in before.items():
        np.testing.assert_array_equal(state[name], value)


def test_margins_of_another_set_are_explained() -> None:
    with pytest.raises(CurationError, match="the margins of 3 samples, got"):
        Dynamics(3).add(np.zeros(4, np.float32))
