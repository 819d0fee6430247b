"""Training from somebody's weights: frozen layers stay to the bit, the others at their own rates, in phases or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from curation.errors import UsageError
from curation.models.architectures import build
from curation.training.methods import METHODS
from curation.training.methods.adversarial import Adversarial
from curation.training.settings import Training
from curation.training.trainer import Epoch, train

FROZEN = {"network.stem.": 0.0, "network.blocks.0.": 0.0, "network.blocks.1.bn1.": 0.0}
HOW: dict[str, dict[str, Any]] = {
    "plain": {"average": 0.9, "dropout": 0.3, "drop_block": 0.2},
    "two phases": {"method": "two_phase", "weak_share": 0.5, "steps": 2},
    "trades": {"method": "trades", "steps": 1},
}


@pytest.fixture(scope="module")
def few() -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(0)
    return draws.integers(0, 256, (41, 16, 16, 1), dtype=np.uint8), draws.integers(0, 3, 41)


def small(seed: int = 0) -> nn.Module:
    return build("tiny_resnet", classes=3, shape=(16, 16, 1), seed=seed)


def rates_of(model: nn.Module, shares: dict[str, float], rest: float = 1.0) -> dict[str, float]:
    """Return a rate for each parameter, by the beginning of its name."""
    return {
        name: next((share for prefix, share in shares.items() if name.startswith(prefix)), rest)
        for name, _ in model.named_parameters()
    }


def run(model: nn.Module, data: tuple[np.ndarray, np.ndarray], **how: Any) -> list[Epoch]:
    given = {name: how.pop(name) for name in ("resume", "rates") if name in how}
    return list(train(model, *data, settings=Training(**{"batch_size": 16, "epochs": 2, **how}), seed=0, **given))


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("how", HOW.values(), ids=list(HOW))
def test_frozen_layers_keep_their_bits_statistics_included(how: dict, few: tuple[np.ndarray, np.ndarray]) -> None:
    model = small()
    before = weights(model)
    run(model, few, rates=rates_of(model, FROZEN), **how)
    after = weights(model)
    same = {name for name in before if torch.equal(before[name], after[name])}
    frozen = {name for name in before if name.startswith(tuple(FROZEN))}
    assert any(name.endswith("running_mean") for name in frozen)
    assert same - {"mean", "std"} == frozen


@pytest.mark.parametrize("how", HOW.values(), ids=list(HOW))
def test_resuming_gives_the_same_bits(how: dict, few: tuple[np.ndarray, np.ndarray]) -> None:
    whole, resumed = small(), small(9)
    first, _ = run(whole, few, rates=rates_of(whole, FROZEN, rest=0.5), **how)
    run(resumed, few, rates=rates_of(resumed, FROZEN, rest=0.5), resume=first.state, **how)
    assert all(torch.equal(value, weights(resumed)[name]) for name, value in weights(whole).items())


def test_a_rate_scales_the_steps_of_its_parameters(few: tuple[np.ndarray, np.ndarray]) -> None:
    """One step without momentum, decay or warm-up: it is the gradient times the rate."""
    how = {"epochs": 1, "batch_size": 41, "momentum": 0, "nesterov": False, "weight_decay": 0, "warm_up": 0}
    whole, part = small(), small()
    before = weights(whole)
    run(whole, few, rates=None, **how)
    run(part, few, rates=rates_of(part, {"network.linear.": 1.0}, rest=0.25), **how)
    for name, _ in whole.named_parameters():
        share = 1.0 if name.startswith("network.linear.") else 0.25
        moved, moved_less = (weights(model)[name] - before[name] for model in (whole, part))
        torch.testing.assert_close(moved_less, share * moved, atol=1e-6, rtol=1e-3)


def test_rates_of_one_are_training_as_it_was(few: tuple[np.ndarray, np.ndarray]) -> None:
    plain, rated = small(), small()
    run(plain, few)
    run(rated, few, rates=rates_of(rated, {}))
    assert all(torch.equal(value, weights(rated)[name]) for name, value in weights(plain).items())


def test_the_first_epochs_meet_the_weak_attack_and_the_last_the_strong_one(few: tuple[np.ndarray, np.ndarray]) -> None:
    chosen = Training(method="two_phase", epochs=4, epsilon=0.2, steps=3, weak_epsilon=0.1)
    how = chosen.how()
    phases = [how.at(epoch) for epoch in range(4)]
    assert all(isinstance(phase, Adversarial) for phase in phases)
    assert [(phase.epsilon, phase.steps) for phase in phases] == [*[(0.1, 1)] * 3, (0.2, 3)]
    assert [how.at(0) is how for how in (METHODS.build("plain"), METHODS.build("free"))] == [True, True]
    weak, strong, both = small(), small(), small()
    weak_epochs = run(weak, few, method="adversarial", epsilon=0.1, steps=1)
    run(strong, few, method="adversarial", epsilon=0.2, steps=3, resume=weak_epochs[0].state)
    run(both, few, method="two_phase", weak_share=0.5, weak_epsilon=0.1, epsilon=0.2, steps=3)
    assert all(torch.equal(value, weights(both)[name]) for name, value in weights(strong).items())


def test_a_share_of_phases_is_a_share() -> None:
    with pytest.raises((UsageError, ValueError), match="weak_share"):
        Training(method="two_phase", weak_share=1.5)
