"""Adversarial training beside plain loops of its papers, and training and prediction in too little memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field
from torch import Tensor, nn

from curation.errors import CurationError, UsageError
from curation.models.architectures import build
from curation.models.prediction import predict
from curation.plugin import fingerprint
from curation.training.batches import Batches
from curation.training.methods import METHODS, Method, Network
from curation.training.methods.adversarial import perturbed, perturbed_by_adam
from curation.training.objective import disagreement
from curation.training.schedule import learning_rate
from curation.training.settings import Training
from curation.training.trainer import epoch_seed, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def few() -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(0)
    return draws.integers(0, 256, (60, 16, 16, 1), dtype=np.uint8), draws.integers(0, 3, 60)


def small() -> nn.Module:
    return build("tiny_resnet", classes=3, shape=(16, 16, 1))


def smooth() -> nn.Module:
    """A network without kinks: the sign of a gradient turns with the last bit hardly anywhere."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, last = nn.Conv2d(1, 4, 3), nn.Linear(4 * 14 * 14, 3)
    return nn.Sequential(first, nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), last)


def running_means(model: nn.Module) -> Tensor:
    return torch.cat([value for name, value in model.state_dict().items() if name.endswith("running_mean")])


def assert_close(first: nn.Module, second: nn.Module, **how: float) -> None:
    for found, expected in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(found, expected, **{"atol": 1e-4, "rtol": 1e-3, **how})


def test_free_training_is_its_algorithm(few: tuple[np.ndarray, np.ndarray]) -> None:
    """Shafahi et al. 2019, algorithm 1, as written there: 3 replays, the perturbation carried on."""
    how = {"method": "free", "steps": 3, "epsilon": 0.1, "epochs": 2, "batch_size": 21, "precision": "float32"}
    chosen = Training(**how, learning_rate=0.02)
    ours, theirs = smooth(), smooth()
    *_, last = train(ours, *few, settings=chosen, seed=4)

    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    made = Batches(*few, None, settings=chosen, classes=3, device=CPU)
    delta, step = torch.zeros(20, 1, 16, 16), 0
    for epoch in range(2):
        for batch in made.epoch(torch.Generator().manual_seed(epoch_seed(4, epoch))):
            for _ in range(3):
                optimizer.param_groups[0]["lr"] = learning_rate(chosen, step=step, steps_an_epoch=9)
                noise = delta.clone().requires_grad_()
                optimizer.zero_grad()
                F.cross_entropy(theirs((batch.images + noise).clamp(0, 1)), batch.targets).backward()
                optimizer.step()
                assert noise.grad is not None
                delta = (delta + 0.1 * noise.grad.sign()).clamp(-0.1, 0.1)
                step += 1
    assert last.state["steps"] == step
    assert (last.state["change"] - delta).abs().gt(1e-6).float().mean() < 0.01
    assert_close(ours, theirs.eval(), atol=5e-3, rtol=5e-2)


def test_trades_is_its_objective(few: tuple[np.ndarray, np.ndarray]) -> None:
    """Its loss on the worst neighbors; each step moves the running statistics once, by the adversarial images."""
    chosen = Training(method="trades", steps=4, epsilon=0.1, beta=6, batch_size=60, epochs=1, precision="float32")
    ours, theirs = smooth(), smooth()
    (epoch,) = train(ours, *few, settings=chosen, seed=0)
    assert int(ours.state_dict()["1.num_batches_tracked"]) == 1

    draws = torch.Generator().manual_seed(epoch_seed(0, 0))
    (batch,) = Batches(*few, None, settings=chosen, classes=3, device=CPU).epoch(draws)
    theirs.eval()
    clean = theirs(batch.images).softmax(1).detach()
    points = batch.images + 0.001 * torch.randn(batch.images.shape, generator=draws)
    for _ in range(4):
        points = points.detach().clamp(0, 1).requires_grad_()
        loss = nn.KLDivLoss(reduction="sum")(F.log_softmax(theirs(points), dim=1), clean)
        moved = points.detach() + 2.5 * 0.1 / 4 * torch.autograd.grad(loss, points)[0].sign()
        points = torch.min(torch.max(moved, batch.images - 0.1), batch.images + 0.1).clamp(0, 1)
    theirs.train()
    natural = theirs(batch.images)
    of_clean = running_means(theirs)
    theirs.load_state_dict(smooth().state_dict())
    robust = nn.KLDivLoss(reduction="batchmean")(F.log_softmax(theirs(points), dim=1), F.softmax(natural, dim=1))
    assert epoch.loss == pytest.approx((F.cross_entropy(natural, batch.targets) + 6 * robust).item(), rel=1e-3)
    # Gradients near zero have signs of their own on every machine, so a few pixels differ.
    found, of_worst = running_means(ours), running_means(theirs)
    assert (found - of_worst).norm() < 0.1 * (found - of_clean).norm()


@given(seed=st.integers(0, 2**31), epsilon=st.floats(0.01, 0.5), steps=st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_perturbed_images_stay_near_and_are_worse(seed: int, epsilon: float, steps: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    images, plane = torch.rand(3, 1, 4, 4, generator=draws), torch.randn(16, generator=draws)

    def losses(points: Tensor) -> Tensor:
        return points.flatten(1) @ plane

    found = perturbed(losses, images, torch.zeros_like(images), epsilon=epsilon, steps=steps)
    assert (found - images).abs().max() <= epsilon + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    # On a linear loss the best point of the ball is known.
    best = (images + epsilon * plane.sign().reshape(1, 1, 4, 4)).clamp(0, 1)
    torch.testing.assert_close(losses(found), losses(best), atol=1e-5, rtol=1e-5)


def test_the_search_by_adam_is_torchs_adam_with_a_projection() -> None:
    draws = torch.Generator().manual_seed(0)
    images, change = torch.rand(3, 1, 4, 4, generator=draws), torch.rand(3, 1, 4, 4, generator=draws) * 0.1 - 0.05
    plane = torch.randn(16, 16, generator=draws)

    def losses(points: Tensor) -> Tensor:
        return (points.flatten(1) @ plane).sin().sum(1)

    points = (images + change).clamp(0, 1).requires_grad_()
    optimizer = torch.optim.Adam([points], lr=0.1, maximize=True)
    for step in range(6):
        optimizer.param_groups[0]["lr"] = 0.1 if step < 3 else 0.01
        optimizer.zero_grad()
        losses(points).sum().backward()
        optimizer.step()
        with torch.no_grad():
            points.copy_((images + (points - images).clamp(-0.1, 0.1)).clamp(0, 1))
    found = perturbed_by_adam(losses, images, change, epsilon=0.1, steps=6)
    torch.testing.assert_close(found, points.detach(), atol=1e-5, rtol=1e-5)


def test_the_preset_of_robust_goal_models_is_the_published_one() -> None:
    chosen = Training.model_validate({"preset": "rebuffi"})
    assert chosen.method == "trades"
    assert chosen.how().model_dump() == {"epsilon": "8/255", "steps": 10, "beta": 6.0, "search": "adam"}
    assert round(chosen.warm_up * chosen.epochs) == 10
    assert chosen.learning_rate == 0.1 * chosen.batch_size / 256
    images, labels = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1), dtype=np.uint8), np.arange(20) % 3
    small = Training.parse({"preset": "rebuffi", "epochs": 1, "batch_size": 10, "learning_rate": 0.004, "steps": 2})
    (epoch,) = train(smooth(), images, labels, settings=small, seed=0)
    assert np.isfinite(epoch.loss)


class Narrow(nn.Module):
    """A linear network on a device with room for so many images."""

    def __init__(self, fits: int, error: type[Exception] = RuntimeError) -> None:
        super().__init__()
        self.fits, self.error, self.seen = fits, error, list[int]()
        self.layer = nn.Linear(256, 3)
        nn.init.constant_(self.layer.weight, 0.01)
        nn.init.zeros_(self.layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(len(images))
        if len(images) > self.fits:
            raise self.error("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return self.layer(images.flatten(1))


@pytest.mark.parametrize("error", [RuntimeError, torch.cuda.OutOfMemoryError, MemoryError])
@pytest.mark.parametrize("how", [{}, {"method": "free"}, {"method": "trades"}, {"mixup": 1.0}], ids=str)
def test_a_batch_that_does_not_fit_is_learned_in_parts(
    how: dict[str, Any], error: type[Exception], few: tuple[np.ndarray, np.ndarray]
) -> None:
    wide, narrow = Narrow(1000), Narrow(17, error)
    chosen = Training(batch_size=60, epochs=2, precision="float32", learning_rate=0.01, **how)
    weights = np.arange(60)
    whole = list(train(wide, *few, settings=chosen, seed=0, weights=weights))
    parts = list(train(narrow, *few, settings=chosen, seed=0, weights=weights))
    assert_close(wide, narrow, atol=1e-5)
    assert parts[-1].loss == pytest.approx(whole[-1].loss, abs=1e-4)
    assert parts[-1].accuracy == pytest.approx(whole[-1].accuracy, abs=0.04)
    assert [size for size in narrow.seen if size > 17] == [60, 30]
    assert parts[0].state["at_once"] == 15


def test_too_little_memory_is_explained(few: tuple[np.ndarray, np.ndarray]) -> None:
    model = Narrow(5)
    with pytest.raises(CurationError, match=r"training needs more memory than there is.*smaller architecture"):
        list(train(model, *few, settings=Training(batch_size=64, precision="float32"), seed=0))
    assert model.seen[1:] == [60, 30, 15, 8]
    with pytest.raises(CurationError, match=r"prediction needs more memory than there is"):
        predict(Narrow(0), few[0])


def test_other_errors_pass_as_they_are(few: tuple[np.ndarray, np.ndarray]) -> None:
    class Broken(Narrow):
        def forward(self, images: Tensor) -> Tensor:
            if self.training:
                raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
            return super().forward(images)

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        list(train(Broken(100), *few, settings=Training(), seed=0))


@pytest.mark.parametrize("fits", [1, 7, 20])
def test_prediction_halves_batches_until_they_fit(fits: int, few: tuple[np.ndarray, np.ndarray]) -> None:
    narrow = Narrow(fits)
    torch.testing.assert_close(predict(narrow, few[0], batch_size=50), predict(Narrow(1000), few[0]))
    assert narrow.training
    assert max(narrow.seen[-2:]) <= fits


class Mirrored(Method):
    """Trained on images and their mirror images, the mirrored loss weighted by ``strength``."""

    name = "mirrored"
    title = "Mirrored"
    perturbs = False

    strength: float = Field(0.5, gt=0, description="weight of the mirrored loss")

    def losses(self, network: Network, images: Tensor, targets: Tensor, change: Tensor | None) -> tuple[Tensor, Tensor]:
        logits = network.logits(images)
        mirrored = network.loss(network.logits(images.flip(3)), targets)
        return network.loss(logits, targets) + self.strength * mirrored, logits


@pytest.fixture
def mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    members = {member.name: member for member in METHODS} | {"mirrored": Mirrored}
    monkeypatch.setattr(METHODS, "_members", members)


@pytest.mark.usefixtures("mirrored")
def test_a_method_has_parameters_of_its_own(few: tuple[np.ndarray, np.ndarray]) -> None:
    """Written beside ``method``, checked by it, and with their defaults in every fingerprint."""
    usual = Training.parse({"method": "mirrored"})
    assert usual.model_dump(mode="json")["strength"] == 0.5
    assert usual == Training.parse(usual.model_dump(mode="json"))
    strong = Training.parse({"method": "mirrored", "strength": 2, "batch_size": 30, "epochs": 1})
    assert strong.how() == Mirrored(strength=2)
    assert fingerprint(strong.model_dump(mode="json")) != fingerprint(usual.model_dump(mode="json"))
    with pytest.raises(UsageError, match=r"training: .*strength: .*greater than 0, got -1"):
        Training.parse({"method": "mirrored", "strength": -1})
    with pytest.raises(UsageError, match=r"training: .*unknown field 'strenght'; did you mean 'strength'\?"):
        Training.parse({"method": "mirrored", "strenght": 1})
    with pytest.raises(UsageError, match=r"training: .*unknown field 'strength';"):
        Training.parse({"method": "plain", "strength": 1})
    model = small()
    (epoch,) = train(model, *few, settings=strong, seed=0)
    assert np.isfinite(epoch.loss)


def test_unknown_methods_are_told_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"training: method: unknown training method 'trade'; did you mean 'trades'\?"):
        Training.parse({"method": "trade"})


@pytest.mark.parametrize(
    ("how", "key"),
    [
        ({}, "7156125db80a41be"),
        ({"method": "adversarial", "steps": 2}, "9c7e39e83729c1d5"),
        ({"method": "trades", "steps": 2, "cutmix": 1.0}, "3bfa4486f75e63c2"),
        ({"method": "free", "steps": 2, "average": 0.9}, "99161920eb250b15"),
    ],
    ids=lambda value: str(value),
)
def test_settings_keep_their_fingerprints(how: dict[str, Any], key: str) -> None:
    """Goal models are kept under them: where one changes, every workspace trains its goal model anew."""
    chosen = Training.parse({"batch_size": 32, **how, "epochs": 2, "precision": "float32"})
    assert fingerprint(chosen.model_dump(mode="json")) == key
    assert not chosen.versions


def test_disagreement_is_the_jensen_shannon_divergence() -> None:
    from scipy.spatial.distance import jensenshannon

    both = [torch.randn(5, 4, generator=torch.Generator().manual_seed(seed)) * 3 for seed in range(2)]
    expected = [jensenshannon(*rows) ** 2 for rows in zip(*(one.softmax(1).numpy() for one in both), strict=True)]
    torch.testing.assert_close(disagreement(both), torch.tensor(expected, dtype=torch.float32))
    assert disagreement([both[0]] * 3).abs().max() < 1e-6
    apart = [torch.tensor([[200.0, 0, 0]]), torch.tensor([[0, 200.0, 0]]), torch.tensor([[0, 0, 200.0]])]
    torch.testing.assert_close(disagreement(apart), torch.tensor([3.0]).log())


def test_consistent_training_is_its_loss_on_views_of_the_image(few: tuple[np.ndarray, np.ndarray]) -> None:
    method = METHODS.build("consistent", {"weight": 3.0, "severity": 5})
    images = torch.from_numpy(few[0]).permute(0, 3, 1, 2).float() / 255
    labels, model = torch.from_numpy(few[1]), small().train()
    change = method.start(images, torch.Generator().manual_seed(0))
    assert change is not None
    assert change.shape == (60, 2, 1, 16, 16)
    assert (change.abs().amax((2, 3, 4)) > 0).float().mean() > 0.9
    assert not torch.equal(change[:, 0], change[:, 1])
    assert torch.equal(change, method.start(images, torch.Generator().manual_seed(0)))

    class Bare:
        logits = staticmethod(model)
        loss = staticmethod(lambda logits, targets: F.cross_entropy(logits, targets, reduction="none"))

    losses, logits = method.losses(Bare(), images, labels, change)  # type: ignore[arg-type]
    predicted = model(torch.cat([images, images + change[:, 0], images + change[:, 1]])).view(3, 60, 3)
    torch.testing.assert_close(logits, predicted[0])
    expected = F.cross_entropy(predicted[0], labels, reduction="none") + 3 * disagreement(list(predicted))
    torch.testing.assert_close(losses, expected)


def test_consistent_training_needs_images_that_augmix_can_take() -> None:
    with pytest.raises(UsageError, match=r"at least 16 px a side, got 8×8; choose a larger side_px"):
        METHODS.build("consistent").prepare(small(), shape=(8, 8, 1), seed=0)
