"""The contest's training, to the equation: its loss, its learning rates, and an epoch beside a plain loop of torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from curation.errors import UsageError
from curation.evaluation.settings import Evaluation
from curation.models.architectures import build
from curation.recipe import GoalModel, LabelErrors
from curation.training.batches import Batches
from curation.training.objective import cross_entropy, divergence, entropy, huber
from curation.training.schedule import learning_rate
from curation.training.settings import Training
from curation.training.trainer import epoch_seed, train
from curation.tuning.settings import Tuning

CONTEST = Training.model_validate({"preset": "contest"})


@given(seed=st.integers(0, 2**31), classes=st.integers(2, 12))
@settings(deadline=None, max_examples=30)
def test_the_loss_has_the_gradient_of_the_contests_divergence(seed: int, classes: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    logits = (3 * torch.randn(7, classes, generator=draws)).double().requires_grad_()
    targets = torch.rand(7, classes, generator=draws).double()
    targets /= targets.sum(1, keepdim=True)
    ours = cross_entropy(logits, targets).mean()
    theirs = nn.KLDivLoss(reduction="batchmean")(logits.log_softmax(1), targets)
    (found,), (expected,) = (torch.autograd.grad(loss, logits) for loss in (ours, theirs))
    torch.testing.assert_close(found, expected)
    entropy = torch.distributions.Categorical(probs=targets).entropy().mean()
    torch.testing.assert_close(ours - entropy, theirs)


@given(seed=st.integers(0, 2**31), smoothing=st.floats(0, 0.5), weight=st.floats(0, 2))
@settings(deadline=None, max_examples=30)
def test_smoothing_and_entropy_are_those_of_their_papers(seed: int, smoothing: float, weight: float) -> None:
    draws = torch.Generator().manual_seed(seed)
    logits, labels = 3 * torch.randn(6, 5, generator=draws), torch.randint(5, (6,), generator=draws)
    found = cross_entropy(logits, labels, label_smoothing=smoothing) - weight * entropy(logits)
    smooth = (1 - smoothing) * torch.eye(5)[labels] + smoothing / 5
    prediction = torch.distributions.Categorical(logits=logits)
    expected = -(smooth * prediction.logits).sum(1) - weight * prediction.entropy()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    other = logits.flip(0)
    kl = torch.distributions.kl_divergence(prediction, torch.distributions.Categorical(logits=other))
    torch.testing.assert_close(divergence(logits, other), kl, atol=1e-5, rtol=1e-5)


@given(seed=st.integers(0, 2**31), order=st.floats(0.05, 20))
@settings(deadline=None, max_examples=30)
def test_the_entropy_is_renyis_and_tends_to_shannons(seed: int, order: float) -> None:
    logits = 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(seed)).double()
    shannon = torch.distributions.Categorical(logits=logits).entropy()
    torch.testing.assert_close(entropy(logits), shannon)
    if abs(order - 1) > 0.01:
        p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True)
        np.testing.assert_allclose(entropy(logits, order=order), np.log((p**order).sum(1)) / (1 - order), rtol=1e-9)
    far, near = ((entropy(logits, order=1 + way) - shannon).abs().max() for way in (0.05, 0.005))
    assert near < 0.2 * far
    torch.testing.assert_close(entropy(logits, order=1 + 1e-12), shannon)
    assert (entropy(logits, order=0.5) >= shannon).all()
    assert (entropy(logits, order=2) <= shannon).all()


def test_entropies_of_certain_predictions_are_numbers() -> None:
    logits = torch.tensor([[0.0, -1000, -1000], [0, 0, -1000]], requires_grad=True)
    for order in (0.1, 1.0, 2.0):
        found = entropy(logits, order=order)
        torch.testing.assert_close(found.detach(), torch.tensor([0, np.log(2)], dtype=torch.float32))
        assert torch.autograd.grad(found.sum(), logits)[0].isfinite().all()


@given(seed=st.integers(0, 2**31), delta=st.floats(0.05, 1), smoothing=st.floats(0, 0.5), soft=st.booleans())
@settings(deadline=None, max_examples=30)
def test_the_huber_loss_is_square_near_and_linear_far(seed: int, delta: float, smoothing: float, soft: bool) -> None:
    draws = torch.Generator().manual_seed(seed)
    logits, labels = 3 * torch.randn(6, 5, generator=draws), torch.randint(5, (6,), generator=draws)
    rows = torch.rand(6, 5, generator=draws).softmax(1) if soft else torch.eye(5)[labels]
    error = (logits.softmax(1) - (1 - smoothing) * rows - smoothing / 5).abs().numpy()
    expected = np.where(error <= delta, error**2 / 2, delta * (error - delta / 2)).sum(1)
    found = huber(logits, rows if soft else labels, delta=delta, label_smoothing=smoothing)
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=1e-4)


def test_learning_rates_are_those_of_torchs_scheduler() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=CONTEST.learning_rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=200)
    for epoch in range(200):
        for index in range(3):
            rate = learning_rate(CONTEST, step=3 * epoch + index, steps_an_epoch=3)
            assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9, abs=1e-12)
        optimizer.step()
        scheduler.step()


def test_steps_down_are_those_of_torchs_scheduler() -> None:
    chosen = Training.parse({"epochs": 200, "warm_up": 0, "decay": {"at": [60, 90, 120, 160], "factor": 0.3}})
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=chosen.learning_rate)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [60, 90, 120, 160], gamma=0.3)
    for epoch in range(200):
        for step in (3 * epoch, 3 * epoch + 2):
            rate = learning_rate(chosen, step=step, steps_an_epoch=3)
            assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        scheduler.step()
    assert "decay" not in Training().model_dump()
    for at, sentence in (
        ([90, 60], "each above the one before"),
        ([0, 6], "above 0"),
        ([60, 200], "below the 200 epochs"),
    ):
        with pytest.raises(UsageError, match=sentence):
            Training.parse({"epochs": 200, "decay": {"at": at}})


@pytest.mark.parametrize("warm_up", [0.0, 0.1, 0.3])
def test_the_rate_rises_evenly_then_falls_to_nearly_nothing(warm_up: float) -> None:
    chosen = Training(epochs=10, warm_up=warm_up, learning_rate=0.4)
    rates = np.array([learning_rate(chosen, step=step, steps_an_epoch=20) for step in range(200)])
    rise = round(200 * warm_up)
    np.testing.assert_allclose(rates[:rise], 0.4 * (np.arange(rise) + 1) / max(rise, 1))
    assert rates.max() == pytest.approx(0.4)
    assert (np.diff(rates[rise:]) < 0).all()
    assert 0 < rates[-1] < 1e-4


def test_an_epoch_is_the_contests_loop() -> None:
    """Its loss and optimizer, as its template writes them, on the batches that ``train`` draws."""
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (600, 16, 16, 3), dtype=np.uint8)
    labels = numbers.dirichlet(np.full(4, 0.3), 600).astype(np.float32)
    ours, theirs = (build("tiny_resnet", classes=4, shape=(16, 16, 3), seed=1) for _ in range(2))
    settings = CONTEST.model_copy(update={"threads": torch.get_num_threads()})  # as the loop below
    first = next(train(ours, images, labels, settings=settings, seed=0))

    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    made = Batches(images, labels, None, settings=CONTEST, classes=4, device=torch.device("cpu"))
    losses = []
    for batch in made.epoch(torch.Generator().manual_seed(epoch_seed(11037, 0))):
        loss = nn.KLDivLoss(reduction="batchmean")(theirs(batch.images).log_softmax(1), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() * len(batch))
    assert len(losses) == 3
    for found, expected in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
    entropy = -(labels * np.log(np.maximum(labels, 1e-30))).sum(1).mean()
    assert first.loss - entropy == pytest.approx(sum(losses) / 600, abs=1e-4)
    assert (first.learning_rate, first.epochs) == (0.1, 200)
    assert first.seconds > 0


def test_batches_are_full_and_the_last_has_what_remains() -> None:
    def sizes(count: int, last_batch: str) -> list[int]:
        chosen = Training.model_validate({"batch_size": 4, "last_batch": last_batch, "augment": False})
        images = np.zeros((count, 4, 4, 1), np.uint8)
        made = Batches(images, np.arange(count), None, settings=chosen, classes=count, device=torch.device("cpu"))
        found = [len(batch) for batch in made.epoch(torch.Generator().manual_seed(0))]
        assert made.steps(count) == len(found)
        return found

    assert CONTEST.last_batch == "smaller"
    assert [sizes(count, "smaller") for count in (3, 8, 10)] == [[3], [4, 4], [4, 4, 2]]
    assert sizes(9, "smaller") == [4, 5]  # one image alone has no batch statistics
    assert [sizes(count, "even") for count in (9, 10)] == [[3, 3, 3], [4, 3, 3]]


@pytest.mark.parametrize("written", [{}, {"learning_rate": 0.05}, {"learning_rate": 0.1}], ids=str)
def test_the_contests_learning_rate_follows_the_architecture_unless_one_is_written(written: dict[str, float]) -> None:
    train = {"preset": "contest", **written}
    for architecture, own in (("preact_resnet18", 0.01), ("wide_resnet28_4", 0.1)):
        wanted = written.get("learning_rate", own)
        goal = GoalModel.model_validate({"architecture": architecture, "train": train})
        check = LabelErrors.model_validate({"architecture": architecture, "train": train})
        tuning = Tuning.model_validate({"target": architecture, "schedule": train})
        assert {goal.train.learning_rate, check.train.learning_rate, tuning.schedule.learning_rate} == {wanted}
        assert GoalModel.model_validate(goal.model_dump(mode="json")) == goal


def test_every_target_of_the_contests_schedule_has_its_own_rate() -> None:
    targets = ["preact_resnet18", "wide_resnet28_4"]
    asked = Evaluation.parse({"targets": targets, "schedule": {"preset": "contest", "epochs": 2}})
    assert [asked.training_of(target).learning_rate for target in targets] == [0.01, 0.1]
    assert Evaluation.parse(asked.to_dict()) == asked
    later = Evaluation.parse({**Evaluation.parse({"schedule": {"preset": "contest"}}).to_dict(), "targets": targets})
    assert later.training_of("preact_resnet18").learning_rate == 0.01
    mine = Evaluation.parse({**asked.to_dict(), "learning_rates": {"preact_resnet18": 0.1}})
    assert mine.training_of("preact_resnet18").learning_rate == 0.1
    fast = Evaluation.parse({"targets": targets, "schedule": {"preset": "fast"}})
    assert fast.learning_rates == {}
