"""Attacks inside the ball: their search against a plain retelling, their strength, and stopping early."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from curation.attacks import APGD, ATTACKS, BIM, FGSM, MIM, PGD, APGDTargeted, Gaussian, Square
from curation.attacks.apgd import checkpoints
from curation.attacks.ball import Norm, ascent, random_far_point, random_point, unit_l1
from curation.attacks.base import Attack, BallAttack
from curation.attacks.classify import Classify
from curation.attacks.losses import LOSSES, cw, dlr, logit, remark
from curation.attacks.search import Search
from curation.errors import CurationError, UsageError
from curation.randomness import SampleRandom, stream_seeds
from tests.attacks.test_attacks import Batch, Counting, accuracy, classifier
from tests.solved import as_tensor, stripes


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return classifier()


@pytest.fixture(scope="module")
def batch() -> Batch:
    return some(40)


def some(count: int) -> Batch:
    images, labels = stripes(count, 1)
    return as_tensor(images), torch.from_numpy(labels), stream_seeds(0, np.arange(count), "test")


def wrong(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return cw(model.eval()(images), labels) > 0


def losses(name: str, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return LOSSES[name](model.eval()(images), labels)  # type: ignore[index]


# Losses


def test_dlr_of_two_classes_is_the_margin_and_says_so() -> None:
    logits, labels = torch.tensor([[3.0, 1.0], [0.0, 2.5]]), torch.tensor([0, 0])
    assert torch.equal(dlr(logits, labels), cw(logits, labels))
    assert "third class; with 2 classes the margin, cw" in (remark("dlr", 2) or "")
    assert remark("dlr", 3) is None
    assert remark("ce", 2) is None


def test_logit_loss_looks_at_the_label_alone() -> None:
    logits = torch.tensor([[3.0, 1.0, -2.0]], requires_grad=True)
    loss = logit(logits, torch.tensor([1]))
    assert loss.item() == -1
    assert torch.autograd.grad(loss.sum(), logits)[0].tolist() == [[0, -1, 0]]


# The search


def test_a_point_that_fools_the_model_is_kept_before_one_of_higher_loss() -> None:
    images = torch.zeros(3, 1, 1, 1)
    random = SampleRandom(torch.arange(3))
    search = Search(Classify(nn.Identity(), attack="x"), images, torch.zeros(3).long(), random, stop_early=None)
    for level, loss, fools in (
        (0.1, [5.0, 1.0, 1.0], [False, True, False]),
        (0.2, [1.0, 9.0, 3.0], [True, False, False]),
        (0.3, [0.5, 2.0, 2.0], [True, True, False]),
        (0.4, [1.0, 2.0, 3.0], [True, True, False]),
    ):
        points = torch.full_like(images, level)
        assert search.offer(points, torch.tensor(loss), torch.tensor(fools)) is None
    assert search.best.flatten().tolist() == pytest.approx([0.4, 0.4, 0.4])
    assert len(search) == 3


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_far_points_are_on_the_surface(norm: Norm) -> None:
    images = torch.full((50, 1, 6, 5), 0.5)
    change = (random_far_point(images, SampleRandom(torch.arange(50)), norm, 0.2) - images).flatten(1)
    sizes = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
    assert sizes.tolist() == pytest.approx([0.2] * 50, abs=1e-6)


@pytest.mark.parametrize("point", [random_point, random_far_point])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_random_point_is_the_same_to_the_bit_alone(point: Callable[..., Tensor], norm: Norm) -> None:
    """Of enough samples that torch computes them in blocks, as it does not a single one."""
    seeds = torch.arange(200)
    together = point(torch.full((200, 1, 5, 5), 0.5), SampleRandom(seeds), norm, 0.2)
    for i in range(200):
        assert torch.equal(
            point(torch.full((1, 1, 5, 5), 0.5), SampleRandom(seeds[i : i + 1]), norm, 0.2)[0], together[i]
        )


@pytest.mark.parametrize("measure", [unit_l1, lambda gradients: ascent(gradients, "l2")])
def test_lengths_of_large_images_do_not_depend_on_the_batch(measure: Callable[[Tensor], Tensor]) -> None:
    gradients = torch.randn(3, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert torch.equal(measure(gradients)[:1], measure(gradients[:1]))
        layout = gradients.contiguous(memory_format=torch.channels_last)
        assert torch.equal(measure(layout), measure(gradients))
    finally:
        torch.set_num_threads(before)


# Stopping early


def perceptron(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 5))


STOPPING: dict[str, type[Attack]] = {member.name: member for member in (BIM, MIM, PGD, APGD, APGDTargeted, Square)}


@given(
    name=st.sampled_from(sorted(STOPPING)),
    epsilon=st.sampled_from([2 / 255, 0.01, 5 / 255]),
    steps=st.integers(1, 6),
    seed=st.integers(0, 999),
    norm=st.sampled_from(["linf", "l2"]),
    more=st.integers(1, 2),
)
@settings(deadline=None, max_examples=25)
def test_stopping_early_fools_the_same_samples(
    name: str, epsilon: float, steps: int, seed: int, norm: Norm, more: int
) -> None:
    model, images = perceptron(seed), some(16)[0]
    labels, seeds = model(images).argmax(1), stream_seeds(seed, np.arange(16))
    chosen: dict[str, Any] = {"norm": norm, "epsilon": epsilon if norm == "linf" else epsilon * 8, "steps": steps}
    if "restarts" in STOPPING[name].model_fields:
        chosen["restarts"] = more
    early, full = (STOPPING[name](stop_early=stop, **chosen) for stop in (True, False))
    found = [attack(model, images, labels, seeds=seeds, quantize=False) for attack in (early, full)]
    assert torch.equal(wrong(model, found[0], labels), wrong(model, found[1], labels))
    # On the grid the full run may lose what it found by rounding; stopping early makes sure of it.
    kept = [wrong(model, attack(model, images, labels, seeds=seeds), labels) for attack in (early, full)]
    assert (kept[0] | ~kept[1]).all()


@pytest.mark.parametrize(
    "attack", [PGD(steps=20, epsilon=0.3), APGD(steps=20, epsilon=0.2), BIM(steps=20, epsilon=0.3)]
)
def test_stopping_early_saves_most_passes(attack: Attack, model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    spent = []
    for stop in (False, True):
        counting = Counting(model)
        stopping = attack.model_copy(update={"stop_early": stop})
        out = stopping(counting, images, labels, seeds=seeds, multiple=1)
        spent.append(counting.passes)
    assert accuracy(model, out, labels) < 0.1
    assert spent[0] == len(images) * (3 * 20 + 1)
    assert spent[1] < spent[0] / 2.5


def test_a_sample_that_starts_wrong_costs_a_look_and_its_check(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    counting = Counting(model)
    wrong_labels = (labels + 1) % 4
    out = PGD(stop_early=True, epsilon=1 / 255)(counting, images, wrong_labels, seeds=seeds, multiple=1)
    assert counting.passes == 2 * len(images)
    assert not torch.equal(out, images)


# APGD against the paper's algorithm, told for one sample without batching


def plain_apgd(model: nn.Module, image: Tensor, label: Tensor, start: Tensor, *, epsilon: float, steps: int) -> Tensor:
    """Croce & Hein 2020, algorithm 1 and the published code, in L∞ with the DLR loss."""

    def look(x: Tensor) -> tuple[float, Tensor]:
        x = x.clone().requires_grad_()
        loss = dlr(model(x.expand(8, -1, -1, -1))[:1], label)
        return loss.item(), torch.autograd.grad(loss.sum(), x)[0]

    def clip(x: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(x, image - epsilon), image + epsilon).clamp(0, 1)

    step_size, checks = 2 * epsilon, checkpoints(steps)
    points, (loss, gradient) = [start], look(start)
    values = [0.0]  # as in the published code
    best, best_loss, best_gradient = start, loss, gradient
    at_check, halved, since = best_loss, True, 0
    for k in range(1, steps + 1):
        x, before = points[-1], points[-2] if k > 1 else points[-1]
        share = 0.75 if k > 1 else 1.0
        ahead = clip(x + step_size * gradient.sign())
        x = clip(x + share * (ahead - x) + (1 - share) * (x - before))
        loss, gradient = look(x)
        points, values = [points[-1], x], [*values, loss]
        if loss > best_loss:
            best, best_loss, best_gradient = x, loss, gradient
        if k in checks:
            rises = sum(later > earlier for earlier, later in pairwise(values[since : k + 1]))
            stuck = not halved and at_check >= best_loss
            halved = rises <= 0.75 * checks[k] or stuck
            at_check, since = best_loss, k
            if halved:
                step_size, gradient = step_size / 2, best_gradient
                points[-1] = best
    return best


def test_apgd_is_the_published_algorithm(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = (values[:6] for values in batch)
    epsilon, steps = 0.06, 30
    starts = random_far_point(images, SampleRandom(seeds), "linf", epsilon)
    attack = APGD(epsilon=epsilon, steps=steps, loss="dlr")
    found = attack(model, images, labels, seeds=seeds, quantize=False)
    for i in range(len(images)):
        one = slice(i, i + 1)
        expected = plain_apgd(model, images[one], labels[one], starts[one], epsilon=epsilon, steps=steps)
        torch.testing.assert_close(found[one], expected, atol=1e-6, rtol=0)


def test_checkpoints_are_the_published_ones() -> None:
    assert list(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert list(checkpoints(20)) == [4, 7, 9, *range(10, 20)]
    assert checkpoints(1) == {}


@given(steps=st.integers(1, 10_000))
@settings(deadline=None, max_examples=50)
def test_checkpoints_come_ever_closer(steps: int) -> None:
    apart = list(checkpoints(steps).values())
    assert np.cumsum(apart).tolist() == list(checkpoints(steps))
    assert all(first >= second >= 1 for first, second in pairwise(apart))


def test_targeted_apgd_leads_to_the_likeliest_other_class(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    with torch.no_grad():
        target = model(images).scatter(1, labels[:, None], -torch.inf).argmax(1)
    attack = APGDTargeted(steps=20, epsilon=0.15, targets=1)
    with torch.no_grad():
        logits = model(attack(model, images, labels, seeds=seeds))
    led = logits.gather(1, target[:, None]) > logits.gather(1, labels[:, None])
    assert led.float().mean() > 0.9
    assert attack.most_passes(10) == 62
    assert APGDTargeted(steps=20).most_passes(4) == 3 * 61 + 1


# Members


def test_mim_without_momentum_is_bim_and_with_it_adds_normalized_gradients(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    plain = MIM(steps=4, decay=0)(model, images, labels, seeds=seeds, quantize=False)
    assert torch.equal(plain, BIM(steps=4)(model, images, labels, seeds=seeds, quantize=False))
    gradients = torch.tensor([3.0, -1.0]).reshape(1, 1, 1, 2)
    momentum = MIM(decay=0.5).direction(gradients, torch.tensor([1.0, 1.0]).reshape(1, 1, 1, 2))
    assert momentum.flatten().tolist() == pytest.approx([1.25, 0.25])


def test_one_step_of_bim_is_fgsm(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    one = BIM(steps=1)(model, images, labels, seeds=seeds)
    fast = FGSM()(model, images, labels, seeds=seeds)
    # BIM keeps the image itself where the step lowered the loss.
    moved = (one != images).flatten(1).any(1)
    assert moved.float().mean() > 0.8
    assert torch.equal(one[moved], fast[moved])


def test_more_work_finds_higher_losses(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch

    def reached(attack: Attack) -> Tensor:
        return losses("ce", model, attack(model, images, labels, seeds=seeds, quantize=False), labels)

    fast, basic = reached(FGSM(epsilon=0.06)), reached(BIM(epsilon=0.06, steps=10))
    once = reached(PGD(epsilon=0.06, steps=10, loss="ce"))
    thrice = reached(PGD(epsilon=0.06, steps=10, loss="ce", restarts=3))
    longer = reached(APGD(epsilon=0.06, steps=40, loss="ce"))
    assert basic.mean() > fast.mean()
    assert (thrice >= once - 1e-6).all()
    assert thrice.mean() > once.mean()
    assert longer.mean() >= once.mean()


class Masked(nn.Module):
    """Logits in steps: the same classes, and a gradient of zero everywhere."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return (self.model(images) * 16).round() / 16


def test_square_sees_through_a_masked_gradient(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    masked = Masked(model)
    climbing = PGD(epsilon=0.12, steps=10, random_start=False)(masked, images, labels, seeds=seeds)
    searching = Square(epsilon=0.12, steps=150)(masked, images, labels, seeds=seeds)
    assert torch.equal(climbing, images)
    assert accuracy(masked, searching, labels) < 0.6


def test_square_moves_to_the_corners_of_the_ball(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    out = Square(epsilon=0.1, steps=30, stop_early=False)(model, images, labels, seeds=seeds, quantize=False)
    inside = (images > 0.1) & (images < 0.9)
    assert torch.allclose((out - images)[inside].abs(), torch.tensor(0.1))
    square = Square(steps=1000)
    assert [square._share(step) for step in (0, 1, 2, 5, 6, 900)] == [0.8, 0.8, 0.4, 0.4, 0.2, 0.8 / 512]


@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 7, 12), (2, 1, 1)])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_square_takes_images_of_any_shape(norm: Norm, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 3))
    images, labels = torch.rand(5, *shape), torch.zeros(5, dtype=torch.int64)
    attack = Square(norm=norm, epsilon=0.3, steps=60, stop_early=False)
    out = attack(network, images, labels, seeds=torch.arange(5), quantize=False)
    assert losses("cw", network, out, labels).mean() > losses("cw", network, images, labels).mean()


def test_gaussian_noise_has_its_deviation_and_asks_no_model() -> None:
    counting = Counting(nn.Identity())
    images, labels = torch.full((20, 3, 16, 16), 0.5), torch.zeros(20, dtype=torch.int64)
    out = Gaussian(sigma=0.1)(counting, images, labels, seeds=torch.arange(20))
    assert counting.passes == 0
    assert (out - images).std().item() == pytest.approx(0.1, rel=0.03)
    assert (out - images).mean().item() == pytest.approx(0, abs=0.01)
    assert Gaussian(sigma="1/255").identity()["sigma"] == "1/255"


def test_bfloat16_finds_as_much_and_is_independent_of_the_batch(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    exact, fast = (PGD(steps=5, epsilon=0.1, loss="ce", precision=p) for p in ("float32", "bfloat16"))
    whole = fast(model, images, labels, seeds=seeds)
    assert torch.equal(fast(model, images[:1], labels[:1], seeds=seeds[:1]), whole[:1])
    expected = accuracy(model, exact(model, images, labels, seeds=seeds), labels)
    assert accuracy(model, whole, labels) == pytest.approx(expected, abs=0.06)


# Any attack in any ball

BALLS = [member for member in ATTACKS if issubclass(member, BallAttack)]


@given(
    member=st.sampled_from(BALLS),
    norm=st.sampled_from(["linf", "l2"]),
    epsilon=st.one_of(st.integers(1, 255).map(lambda k: k / 255), st.floats(0.005, 1)),
    seed=st.integers(0, 2**31),
    classes=st.integers(4, 6),
)
@settings(deadline=None, max_examples=60)
def test_results_are_grid_points_of_the_ball(
    member: type[BallAttack], norm: Norm, epsilon: float, seed: int, classes: int
) -> None:
    draws = torch.Generator().manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(2 * 6 * 5, classes))
    images = torch.randint(256, (5, 2, 6, 5), generator=draws).float() / 255
    labels = torch.randint(classes, (5,), generator=draws)
    steps = {"steps": 2} if "steps" in member.model_fields else {}
    attack = member(norm=norm, epsilon=epsilon, **steps)
    out = attack(network, images, labels, seeds=torch.arange(5) + seed)
    change = (out.double() - images.double()).flatten(1)
    assert (change.abs().amax() if norm == "linf" else change.norm(dim=1).amax()) <= epsilon + 1e-6
    assert torch.equal(out, out.mul(255).round().clamp(0, 255) / 255)


# Bad input


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        *((member.name, {"epsilon": 8}, r"must be in \[1/255, 1\].*use 8/255") for member in BALLS),
        *((name, {"steps": 0}, "steps: input should be greater than or equal to 1") for name in STOPPING),
        *((name, {"steps": 10_001}, "steps: input should be less than or equal to 10000") for name in STOPPING),
        ("pgd", {"restarts": 2, "random_start": False}, "without random_start all restarts would be identical"),
        ("apgd", {"loss": "targeted"}, "should be 'ce', 'cw', 'dlr' or 'logit'"),
        ("apgd_targeted", {"targets": 0}, "targets: input should be greater than or equal to 1"),
        ("mim", {"decay": -1}, "decay: input should be greater than or equal to 0"),
        ("gaussian", {"sigma": 0}, "sigma: input should be greater than 0"),
        ("fgsm", {"precision": "float16"}, "should be 'float32' or 'bfloat16'"),
        ("square", {"loss": "ce"}, "unknown field 'loss'"),
    ],
)
def test_wrong_parameters_are_explained(name: str, parameters: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ATTACKS.build(name, parameters)


def test_targeted_apgd_needs_four_classes(batch: Batch) -> None:
    images, labels, seeds = batch
    network = nn.Sequential(nn.Flatten(), nn.Linear(256, 3))
    with pytest.raises(CurationError, match="at least 4 classes, got 3; use apgd with the loss cw"):
        APGDTargeted(steps=1)(network, images, labels.clamp_max(2), seeds=seeds)


class Small(nn.Module):
    """A model that finds no memory for more than ``room`` images."""

    def __init__(self, model: nn.Module, room: int) -> None:
        super().__init__()
        self.model = model
        self.room = room

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > self.room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return self.model(images)


@pytest.mark.parametrize("attack", [PGD(steps=2, stop_early=True), APGDTargeted(steps=2), Square(steps=3)])
def test_little_memory_is_used_in_smaller_batches(attack: Attack, model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    expected = attack(model, images, labels, seeds=seeds)
    assert torch.equal(attack(Small(model, 16), images, labels, seeds=seeds), expected)
    with pytest.raises(CurationError, match=r"memory ran out while [a-z_]+ worked on 8 images"):
        attack(Small(model, 7), images, labels, seeds=seeds)
