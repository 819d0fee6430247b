"""An ensemble answers the mean of its members' probabilities, to all that takes a classifier."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from curation.attacks.pgd import PGD
from curation.models.architectures import build
from curation.models.dropout import dropout_logits
from curation.models.ensemble import Ensemble, mean_answer
from curation.models.features import logits_and_features
from curation.models.folding import folded
from curation.models.loading import load_weights, save_weights


def ensemble(count: int = 3, seed: int = 0) -> Ensemble:
    members = [build("tiny_resnet", classes=4, shape=(16, 16, 1), seed=seed + index) for index in range(count)]
    return Ensemble(members).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def test_its_probabilities_are_the_mean(images: Tensor) -> None:
    model = ensemble()
    mean = torch.stack([member(images).softmax(1) for member in model.members]).mean(0)
    torch.testing.assert_close(model(images).softmax(1), mean)
    torch.testing.assert_close(model(images).exp().sum(1), torch.ones(6))


def test_a_probability_too_small_for_float32_is_still_a_finite_logit() -> None:
    sure = torch.tensor([[400.0, 0.0]])
    torch.testing.assert_close(mean_answer([sure, sure]), torch.tensor([[0.0, -400.0]]))


def test_one_member_answers_as_it_would_alone(images: Tensor) -> None:
    model = ensemble(1)
    torch.testing.assert_close(model(images), model.members[0](images).log_softmax(1))


def test_folding_changes_rounding_alone(images: Tensor) -> None:
    model = ensemble()
    assert isinstance(folded(model), Ensemble)
    torch.testing.assert_close(folded(model)(images), model(images))


def test_features_lie_side_by_side(images: Tensor) -> None:
    model = ensemble()
    logits, features = logits_and_features(model, images)
    torch.testing.assert_close(logits, model(images))
    assert torch.equal(features, torch.cat([logits_and_features(each, images)[1] for each in model.members], dim=1))


def test_a_dropout_pass_is_the_mean_of_its_members_passes(images: Tensor) -> None:
    model = ensemble(2)
    logits, passes = dropout_logits(model, images, rate=0.5, passes=3, seed=5)
    torch.testing.assert_close(logits, model(images))
    parts = [dropout_logits(each, images, rate=0.5, passes=3, seed=5 + at)[1] for at, each in enumerate(model.members)]
    torch.testing.assert_close(passes.softmax(2), torch.stack(parts).softmax(3).mean(0))
    assert not torch.equal(passes[0], passes[1])


def test_an_attack_goes_against_all_members(images: Tensor) -> None:
    model = folded(ensemble())
    labels = model(images).argmax(1)
    attack = PGD(epsilon=0.2, steps=5, loss="ce")
    found = attack(model, images, labels, seeds=torch.arange(6))
    assert float((found - images).abs().max()) <= 0.2 + 1e-6

    def loss(pictures: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(model(pictures), labels, reduction="none")

    assert (loss(found) > loss(images)).all()


def test_its_weights_are_one_file(images: Tensor, tmp_path: Path) -> None:
    model, other = ensemble(), ensemble(seed=7)
    save_weights(model, tmp_path / "weights")
    load_weights(other, tmp_path / "weights")
    assert torch.equal(model(images), other.eval()(images))
