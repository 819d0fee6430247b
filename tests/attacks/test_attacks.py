"""Attacks: losses against a reference, the ball after rounding, an untouched model, and real success."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from curation.attacks import ATTACKS, PGD
from curation.attacks.ball import Norm, ascent, random_point, to_grid
from curation.attacks.base import Attack, BallAttack
from curation.attacks.losses import cross_entropy, cw, dlr, dlr_targeted
from curation.errors import CurationError, UsageError
from curation.models.architectures import build
from curation.models.folding import folded
from curation.models.loading import load_weights
from curation.plugin import fingerprint
from curation.randomness import SampleRandom, stream_seeds
from tests.solved import as_tensor, solved, stripes

Batch = tuple[Tensor, Tensor, Tensor]
"""Images, labels and seeds."""

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder shared is not beside the repository")


def ready(member: type[Attack], **parameters: Any) -> Attack:
    """Return a short run of an attack, donors at hand."""
    short = {"steps": 20 if member.name == "square" else 3} if "steps" in member.model_fields else {}
    attack = member(**short, **parameters)
    if not attack.donors_per_class:
        return attack
    images, labels = stripes(60, 5)
    return attack.with_donors(as_tensor(images), torch.from_numpy(labels))


def cases() -> list[Any]:
    """Every attack as it is; those of a ball in L2 too; those that can stop early or go on, both."""
    found = []
    for member in ATTACKS:
        fields = member.model_fields
        choices: list[dict[str, Any]] = [{}]
        if issubclass(member, BallAttack):
            choices.append({"norm": "l2", "epsilon": 0.4})
        if "stop_early" in fields:
            choices.append({"stop_early": not fields["stop_early"].default, "epsilon": 0.1})
        for chosen in choices:
            words = [member.name, *(str(value) for name, value in chosen.items() if name != "epsilon")]
            found.append(pytest.param(member, chosen, id="-".join(words)))
    return found


every_attack = pytest.mark.parametrize(("member", "chosen"), cases())


@functools.cache
def classifier() -> nn.Module:
    """Return a network that tells stripes apart; shared, so attacks must leave it as it is."""
    return solved()


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return classifier()


@pytest.fixture(scope="module")
def batch() -> Batch:
    images, labels = stripes(20, 1)
    return as_tensor(images), torch.from_numpy(labels), stream_seeds(0, np.arange(20), "test")


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.inference_mode():
        return (model.eval()(images).argmax(1) == labels).float().mean().item()


# Losses


@needs_shared
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_losses_agree_with_the_reference(dtype: torch.dtype) -> None:
    golden = {name: torch.from_numpy(value) for name, value in np.load(SHARED / "golden" / "losses.npz").items()}
    logits, labels = golden["logits"].to(dtype), golden["labels"]
    found = {"dlr": dlr(logits, labels), "cw": cw(logits, labels)}
    found["dlr_targeted"] = dlr_targeted(logits, labels, golden["target"])
    for name, values in found.items():
        exact = dtype == torch.float64
        expected = golden[name].to(dtype)
        torch.testing.assert_close(values, expected, atol=1e-6, rtol=1e-9 if exact else 1e-4, msg=name)


@given(data=st.data(), classes=st.integers(2, 8))
@settings(deadline=None, max_examples=50)
def test_margin_losses_are_positive_exactly_when_wrong(data: st.DataObject, classes: int) -> None:
    row = data.draw(st.lists(st.integers(-40, 40), min_size=classes, max_size=classes, unique=True))
    label = data.draw(st.integers(0, classes - 1))
    logits, labels = torch.tensor([row], dtype=torch.float32) / 4, torch.tensor([label])
    wrong = bool(logits.argmax() != label)
    assert (cw(logits, labels).item() > 0) == wrong
    assert (dlr(logits, labels).item() > 0) == wrong
    if classes > 2 and not wrong:
        assert dlr(logits, labels).item() >= -1 - 1e-6


def test_losses_at_the_edges() -> None:
    two = torch.tensor([[3.0, 1.0]])
    assert dlr(two, torch.tensor([0])).item() == cw(two, torch.tensor([0])).item() == -2
    tied = torch.zeros(1, 5, requires_grad=True)
    loss = dlr(tied, torch.tensor([2]))
    assert loss.item() == 0
    assert torch.isfinite(torch.autograd.grad(loss.sum(), tied)[0]).all()
    assert cross_entropy(torch.zeros(1, 4), torch.tensor([1])).item() == pytest.approx(np.log(4))
    with pytest.raises(CurationError, match="at least 4 classes, got 3"):
        dlr_targeted(torch.zeros(1, 3), torch.tensor([0]), torch.tensor([1]))


# The ball


@given(
    norm=st.sampled_from(["linf", "l2"]),
    epsilon=st.one_of(st.integers(1, 255).map(lambda k: k / 255), st.floats(1e-3, 1)),
    seed=st.integers(0, 2**31),
    spread=st.floats(0.01, 3),
)
@settings(deadline=None, max_examples=80)
def test_anything_lands_in_the_ball_in_range_and_on_the_grid(
    norm: Norm, epsilon: float, seed: int, spread: float
) -> None:
    draws = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (3, 1, 6, 5), generator=draws).float() / 255
    points = images + spread * torch.randn(images.shape, generator=draws)
    out = to_grid(points, images, norm, epsilon)
    change = (out.double() - images.double()).flatten(1)
    size = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
    assert size.max() <= epsilon + 1e-6
    assert torch.equal(out, out.mul(255).round().clamp(0, 255) / 255)
    assert torch.equal(to_grid(out, images, norm, epsilon), out)


@given(norm=st.sampled_from(["linf", "l2"]), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=20)
def test_images_off_the_grid_stay_within_epsilon_too(norm: Norm, seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    images = torch.rand(3, 1, 6, 5, generator=draws)
    points = images + torch.randn(images.shape, generator=draws)
    change = (to_grid(points, images, norm, 0.1) - images).flatten(1)
    assert (change.abs().amax() if norm == "linf" else change.norm(dim=1).amax()) <= 0.1 + 1e-6


def test_rounding_costs_an_l2_perturbation_little() -> None:
    images = torch.full((1, 3, 32, 32), 0.5).mul(255).round() / 255
    points = random_point(images, SampleRandom(torch.tensor([3])), "l2", 0.5)
    points = images + (points - images) * 0.5 / (points - images).norm()
    assert 0.49 < (to_grid(points, images, "l2", 0.5) - images).norm() <= 0.5


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_ascent_has_length_one_at_any_scale_of_gradient(scale: float) -> None:
    gradients = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * scale
    gradients[1] = 0
    lengths = ascent(gradients, "l2").flatten(1).norm(dim=1)
    assert lengths.tolist() == pytest.approx([1, 0], abs=1e-5)


def test_random_points_fill_the_ball() -> None:
    images = torch.full((400, 1, 2, 1), 0.5)
    random = SampleRandom(stream_seeds(0, np.arange(400)))
    radius = (random_point(images, random, "l2", 0.2) - images).flatten(1).norm(dim=1) / 0.2
    # Uniform in a disc: the squared radius is uniform.
    assert radius.max() <= 1 + 1e-6
    assert radius.square().mean().item() == pytest.approx(0.5, abs=0.05)


# The contract, for every member


@every_attack
def test_an_attack_keeps_its_contract(member: type[Attack], chosen: dict, model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    attack = ready(member, **chosen)
    kept = images.clone()
    out = attack(model, images, labels, seeds=seeds)
    assert torch.equal(images, kept)
    assert out.shape == images.shape
    assert (out.dtype, out.requires_grad) == (torch.float32, False)
    assert torch.equal(out, out.mul(255).round().clamp(0, 255) / 255)
    assert not torch.equal(out, images)
    if isinstance(attack, BallAttack):
        change = (out - images).flatten(1)
        size = change.abs().amax() if attack.norm == "linf" else change.norm(dim=1).amax()
        assert size <= attack.epsilon + 1e-6
    assert torch.equal(attack(model, images, labels, seeds=seeds), out)
    assert ATTACKS.build(attack.name, json.loads(attack.model_dump_json())) == member(**attack.model_dump())
    assert attack(model, images[:0], labels[:0], seeds=seeds[:0]).shape == (0, 1, 16, 16)


@every_attack
def test_batches_and_order_change_no_bit(member: type[Attack], chosen: dict, model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    attack = ready(member, **chosen)
    whole = attack(model, images, labels, seeds=seeds)
    alone = [attack(model, images[i : i + 1], labels[i : i + 1], seeds=seeds[i : i + 1]) for i in range(3)]
    assert torch.equal(torch.cat(alone), whole[:3])
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    assert torch.equal(attack(model, images[order], labels[order], seeds=seeds[order], batch_size=5), whole[order])


@pytest.mark.parametrize("member", ATTACKS, ids=lambda member: member.name)
def test_the_model_is_left_as_it_was(member: type[Attack], batch: Batch) -> None:
    images, labels, seeds = batch
    network = build("tiny_resnet", classes=4, shape=(16, 16, 1)).train()
    frozen = next(network.parameters()).requires_grad_(False)
    first = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d)).eval()
    before = [value.clone() for value in network.state_dict().values()]
    ready(member)(network, images, labels, seeds=seeds)
    assert all(torch.equal(a, b) for a, b in zip(before, network.state_dict().values(), strict=True))
    assert network.training
    assert not first.training
    assert [p.requires_grad for p in network.parameters()] == [p is not frozen for p in network.parameters()]
    assert all(p.grad is None for p in network.parameters())


class Counting(nn.Module):
    """A model that counts images passed forward, and twice those passed backward."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.passes = 0

    def forward(self, images: Tensor) -> Tensor:
        self._count(len(images))
        if images.requires_grad:
            images.register_hook(lambda gradients: self._count(2 * len(gradients)))
        return self.model(images)

    def _count(self, passes: int) -> None:
        self.passes += passes


@every_attack
def test_an_attack_costs_no_more_than_it_says(
    member: type[Attack], chosen: dict, model: nn.Module, batch: Batch
) -> None:
    images, labels, seeds = (some[:16] for some in batch)
    counting, attack = Counting(model), ready(member, **chosen)
    attack(counting, images, labels, seeds=seeds, multiple=1)
    # A batch may cost one image more: some attacks try first what the model takes.
    assert counting.passes <= 16 * attack.most_passes(4) + 1


def test_a_cancelled_attack_leaves_the_model_as_it_was(batch: Batch) -> None:
    images, labels, seeds = batch
    network = build("tiny_resnet", classes=4, shape=(16, 16, 1)).train()

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PGD(steps=2)(network, images, labels, seeds=seeds, on_step=cancel)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_progress_counts_finished_images(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    seen: list[tuple[int, int]] = []
    PGD(steps=2)(model, images, labels, seeds=seeds, batch_size=8, on_step=lambda *at: seen.append(at))
    assert seen == [(0, 20)] * 3 + [(8, 20)] * 3 + [(16, 20)] * 3 + [(20, 20)]


def test_pgd_runs_the_model_once_a_step_and_once_at_the_end(batch: Batch) -> None:
    images, labels, seeds = batch
    network = build("tiny_resnet", classes=4, shape=(16, 16, 1))
    passes = []
    network.register_forward_hook(lambda *_: passes.append(1))
    PGD(steps=5)(network, images, labels, seeds=seeds)
    assert len(passes) == 6


def test_attacks_work_where_gradients_are_off(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    expected = PGD(steps=2)(model, images, labels, seeds=seeds)
    with torch.no_grad():
        assert torch.equal(PGD(steps=2)(model, images, labels, seeds=seeds), expected)
    with torch.inference_mode():
        assert torch.equal(PGD(steps=2)(model, images.clone(), labels.clone(), seeds=seeds.clone()), expected)


# Success


def test_the_best_point_of_the_path_is_kept(model: nn.Module, batch: Batch) -> None:
    """A step so long that it overshoots must not undo what an earlier one found."""
    images, labels, seeds = batch
    for loss, loss_of in (("ce", cross_entropy), ("cw", cw), ("dlr", dlr)):
        attack = PGD(steps=8, loss=loss, epsilon=0.3, step_size=0.6, random_start=False)
        with torch.inference_mode():
            gained = loss_of(model(attack(model, images, labels, seeds=seeds)), labels) - loss_of(model(images), labels)
        assert (gained > -0.05).all()


def test_pgd_fools_a_trained_model_and_more_than_noise_does(model: nn.Module) -> None:
    pixels, classes = stripes(200, 2)
    images, labels, seeds = as_tensor(pixels), torch.from_numpy(classes), stream_seeds(0, np.arange(200))
    assert accuracy(model, images, labels) > 0.97
    noise = random_point(images, SampleRandom(seeds), "linf", 0.15)
    assert accuracy(model, noise, labels) > 0.9
    attacked = PGD(steps=10, epsilon=0.15)(model, images, labels, seeds=seeds)
    assert accuracy(model, attacked, labels) < 0.3


@needs_shared
def test_pgd_breaks_a_published_network() -> None:
    folder = SHARED / "data"
    sprite = np.asarray(Image.open(folder / "cifar10" / "test_00.webp").convert("RGB"))
    pixels = sprite.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)[:96]
    labels = torch.from_numpy(np.load(folder / "cifar10" / "test_labels.npy")[:96].astype(np.int64))
    network = build("resnet20", classes=10, shape=(32, 32, 3))
    load_weights(network, folder / "weights" / "resnet20-12fca82f.th")
    network = folded(network)
    images, seeds = as_tensor(pixels.copy()), stream_seeds(0, np.arange(96), "pgd")
    assert accuracy(network, images, labels) > 0.9
    attacked = PGD(steps=10, stop_early=True)(network, images, labels, seeds=seeds)
    assert accuracy(network, attacked, labels) <= 0.01


# Bad input


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"epsilon": 8}, r"must be in \[1/255, 1\] in linf; pixel values are in \[0, 1\], use 8/255, got 8"),
        ({"epsilon": 0}, r"must be in \[1/255, 1\]"),
        ({"epsilon": float("nan")}, r"must be in \[1/255, 1\]"),
        ({"epsilon": 0.003}, r"0\.003 is 0\.77 of an 8-bit level; in 8 bits nothing changes below 1/255"),
        ({"epsilon": 0.003, "norm": "l2"}, r"nothing changes below 1/255 = 0\.0039, use 0\.5, say"),
        ({"epsilon": 200, "norm": "l2"}, r"must be in \[1/255, 100\] in l2"),
        ({"epsilon": "eight"}, "write it as 8/255"),
        ({"steps": 0}, "steps: input should be greater than or equal to 1"),
        ({"loss": "kl"}, "should be 'ce', 'cw', 'dlr' or 'logit'"),
        ({"norm": "l1"}, "should be 'linf' or 'l2'"),
        ({"step": 3}, "did you mean 'steps'"),
    ],
)
def test_wrong_parameters_are_explained(parameters: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ATTACKS.build("pgd", parameters)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("fgsm", {"epsilon": 0.002}), ("square", {"epsilon": 0.002}), ("transfer", {"linf_epsilon": 0.002})],
)
def test_no_attack_takes_less_than_a_level(name: str, parameters: dict) -> None:
    with pytest.raises(UsageError, match=r"0\.51 of an 8-bit level"):
        ATTACKS.build(name, parameters)


def test_epsilon_has_a_default_and_a_range_in_each_norm() -> None:
    assert PGD(norm="l2").epsilon == 0.5
    assert PGD(norm="l2", epsilon=3).epsilon == 3
    assert PGD(norm="l2", epsilon="1/255").epsilon == 1 / 255
    assert PGD().epsilon == 8 / 255
    assert PGD(epsilon=1 / 255).epsilon == 1 / 255


def test_epsilon_reads_and_writes_fractions() -> None:
    attack = ATTACKS.build("pgd", {"epsilon": "8/255"})
    assert attack.epsilon == 8 / 255
    assert attack.identity()["epsilon"] == "8/255"
    assert fingerprint(attack.identity()) != fingerprint(PGD(epsilon="9/255").identity())


@pytest.mark.parametrize("member", ATTACKS, ids=lambda member: member.name)
def test_wrong_input_is_explained(member: type[Attack], model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    attack = ready(member)
    for wrong, words in [
        ((images.double(), labels, seeds), "takes float32 images"),
        ((images[0], labels, seeds), "takes float32 images"),
        ((images * 255, labels, seeds), "divide uint8 by 255"),
        ((images - torch.nan, labels, seeds), r"pixels in \[0, 1\]"),
        ((images, labels[1:], seeds), "one int64 label per image"),
        ((images, labels.float(), seeds), "one int64 label per image"),
        ((images, labels - 1, seeds), "labels in 0 … K − 1, got -1"),
        ((images, labels, seeds[1:]), "one seed per image"),
    ]:
        with pytest.raises(CurationError, match=words):
            attack(model, wrong[0], wrong[1], seeds=wrong[2])
    if attack.most_passes(4):
        with pytest.raises(CurationError, match=r"has 4 classes, but .* was given label"):
            attack(model, images, labels + 4, seeds=seeds)


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (lambda x: x.flatten(1)[:, :4] * torch.nan, "NaN or infinite logits"),
        (lambda x: x[:, :, :2, :2], "returns logits N×K"),
        (lambda x: x.flatten(1)[:1, :4], "returns logits N×K"),
    ],
)
def test_broken_models_are_explained(forward: Callable[[Tensor], Tensor], words: str, batch: Batch) -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return forward(x)

    with pytest.raises(CurationError, match=words):
        PGD(steps=1)(Broken(), batch[0], batch[1], seeds=batch[2])


def test_the_registry_lists_documented_members() -> None:
    assert ATTACKS.names[:6] == ["fgsm", "bim", "mim", "pgd", "apgd", "apgd_targeted"]
    for member in ATTACKS:
        assert "Source" in (member.__doc__ or "")
        assert member.title
        for name, field in member.model_fields.items():
            assert field.description, f"{member.name}.{name}"
