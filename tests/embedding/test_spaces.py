"""Spaces against the gradients that torch computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curation.embedding import spaces
from curation.embedding.spaces import concatenated, space, width_of
from curation.errors import CurationError

DRAWS = np.random.default_rng(0)
FEATURES = DRAWS.standard_normal((6, 5)).astype(np.float32)
LABELS = np.array([0, 1, 2, 2, 1, 0])


def test_gradients_are_those_of_the_cross_entropy() -> None:
    layer = torch.nn.Linear(5, 3)
    logits = layer(torch.from_numpy(FEATURES)).detach().requires_grad_()
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(LABELS), reduction="sum").backward()
    found = space(FEATURES, logits.detach().numpy(), LABELS, of="softmax_gradient")
    assert logits.grad is not None
    assert found == pytest.approx(logits.grad.numpy(), abs=1e-6)
    whole = space(FEATURES, logits.detach().numpy(), LABELS, of="last_layer_gradient")
    assert whole.shape[1] == width_of("last_layer_gradient", features=5, classes=3)
    for row in range(6):
        layer.zero_grad()
        torch.nn.functional.cross_entropy(layer(torch.from_numpy(FEATURES[row])), torch.tensor(LABELS[row])).backward()
        assert layer.weight.grad is not None
        assert layer.bias.grad is not None
        both = torch.cat([layer.weight.grad, layer.bias.grad[:, None]], dim=1)
        assert whole[row].reshape(3, 6) == pytest.approx(both.numpy(), abs=1e-6)
    assert np.array_equal(space(FEATURES, logits.detach().numpy(), LABELS, of="features"), FEATURES)


def test_no_samples_are_no_trouble_and_huge_logits_stay_finite() -> None:
    assert space(FEATURES[:0], np.empty((0, 3)), LABELS[:0], of="last_layer_gradient").shape == (0, 18)
    found = space(FEATURES, np.full((6, 3), 1e30, np.float32), LABELS, of="softmax_gradient")
    assert np.isfinite(found).all()


def test_squared_distances_of_checkpoints_add_up() -> None:
    joined = concatenated([FEATURES, 2 * FEATURES])
    assert joined.dtype == np.float32
    expected = 5 * np.square(FEATURES[0] - FEATURES[1]).sum()
    assert np.square(joined[0] - joined[1]).sum() == pytest.approx(expected)


def test_what_cannot_be_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.zeros((6, 3), dtype=np.float32)
    with pytest.raises(CurationError, match="space must be one of features, softmax_gradient, last_layer_gradient"):
        space(FEATURES, logits, LABELS, of="gradient")  # type: ignore[arg-type]
    with pytest.raises(CurationError, match="got 6, 5 and 6"):
        space(FEATURES, logits[:5], LABELS, of="features")
    with pytest.raises(CurationError, match=r"labels must be in \[0, 3\), got 0 to 5"):
        space(FEATURES, logits, np.array([0, 1, 2, 5, 1, 0]), of="softmax_gradient")
    with pytest.raises(CurationError, match=r"same samples, got \[2, 6\]"):
        concatenated([FEATURES, FEATURES[:2]])
    monkeypatch.setattr(spaces, "LARGEST_BYTES", 100)
    with pytest.raises(CurationError, match=r"6 samples of 18 numbers each \(3 classes × \(5 features \+ 1\)\)"):
        space(FEATURES, logits, LABELS, of="last_layer_gradient")
    with pytest.raises(CurationError, match="2 checkpoints together"):
        concatenated([FEATURES, FEATURES])
