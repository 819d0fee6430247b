"""The transfer attack: its parts against plain versions of them, its bounds, its surrogates, and that it transfers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from curation.attacks.ball import random_point
from curation.attacks.losses import cross_entropy
from curation.attacks.pgd import PGD
from curation.attacks.transfer import Transfer, diversified, smoothed
from curation.errors import CurationError, RenamedWarning, UsageError
from curation.models.architectures import build
from curation.models.loading import save_weights
from curation.plugin import Registry, fingerprint
from curation.randomness import SampleRandom, stream_seeds
from tests.solved import as_tensor, solved, stripes

ATTACK = Registry("attack", (Transfer,))
SHAPE = (16, 16, 1)
SETTINGS: list[dict[str, Any]] = [
    {},
    {"joint": True, "rule": "code", "random_start": False, "translation_kernel_px": 3},
    {"l2_epsilon": None, "linf_epsilon": 0.05, "loss": "ce", "diversity_side": 0.8, "diversity": 1},
    {"linf_epsilon": None, "momentum": 0, "translation_kernel_px": 0, "diversity": 0},
]
every_setting = pytest.mark.parametrize("parameters", SETTINGS, ids=["published", "joint", "linf", "l2"])


@pytest.fixture(scope="module")
def models() -> list[nn.Module]:
    return [solved(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def checkpoints(models: list[nn.Module], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("surrogates")
    for index, model in enumerate(models):
        save_weights(model, folder / f"{index}.safetensors")
    return [str(folder / f"{index}.safetensors") for index in range(len(models))]


def batch(count: int) -> tuple[Tensor, Tensor, Tensor]:
    pixels, labels = stripes(count, 99)
    return as_tensor(pixels), torch.from_numpy(labels), stream_seeds(0, np.arange(count), "transfer")


def surrogate(checkpoint: str, weight: float = 1.0) -> dict[str, Any]:
    return {"architecture": "tiny_resnet", "checkpoint": checkpoint, "weight": weight}


# Its parts


@given(
    height=st.integers(5, 34),
    width=st.integers(5, 34),
    side=st.sampled_from([0.5, 0.9, 1.0, 40 / 32, 1.7, 2.0]),
    seed=st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=30)
def test_diversity_is_nearest_resizing_on_a_black_canvas(height: int, width: int, side: float, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    images = torch.rand(3, 2, height, width, generator=random).requires_grad_()
    draws = torch.rand(3, 3, generator=random)
    out = diversified(images, draws, side)
    large = round(height * max(side, 1)), round(width * max(side, 1))
    assert out.shape == (3, 2, *large)
    low, high = sorted((height, round(height * side)))
    expected = []
    for image, (size, top, left) in zip(images, draws.tolist(), strict=True):
        rows = min(low + int(size * (high - low + 1)), high)
        columns = max(1, min(round(rows * width / height), large[1]))
        # What F.interpolate(mode="nearest") means; its own index is rounded in float32, and one off now and then.
        down, across = torch.arange(rows) * height // rows, torch.arange(columns) * width // columns
        small = image[:, down[:, None], across]
        above, before = int(top * (large[0] - rows + 1)), int(left * (large[1] - columns + 1))
        expected.append(F.pad(small, (before, large[1] - columns - before, above, large[0] - rows - above)))
    assert torch.equal(out, torch.stack(expected))
    weights = torch.rand(out.shape, generator=random)
    ours, plain = (torch.autograd.grad((made * weights).sum(), images)[0] for made in (out, torch.stack(expected)))
    torch.testing.assert_close(ours, plain, atol=1e-6, rtol=1e-6)


def test_every_size_and_place_is_drawn() -> None:
    ones = torch.ones(2000, 1, 8, 8)
    out = diversified(ones, torch.rand(2000, 3, generator=torch.Generator().manual_seed(0)), 1.25)
    heights = out.amax(3).sum((1, 2))
    assert sorted(heights.unique().tolist()) == [8, 9, 10]
    assert (heights == 8).float().mean().item() == pytest.approx(1 / 3, abs=0.04)
    assert len(out[heights == 8].flatten(1).unique(dim=0)) == 9


@pytest.mark.parametrize("side_px", [1, 3, 5, 15])
def test_smoothing_is_a_convolution_with_the_normal_density(side_px: int) -> None:
    gradients = torch.randn(2, 3, 11, 9, generator=torch.Generator().manual_seed(side_px))
    at = torch.linspace(-3, 3, side_px) if side_px > 1 else torch.zeros(1)
    line = torch.distributions.Normal(0.0, 1.0).log_prob(at).exp()
    kernel = torch.outer(line, line) / line.sum() ** 2
    expected = F.conv2d(gradients, kernel.expand(3, 1, -1, -1), padding=side_px // 2, groups=3)
    torch.testing.assert_close(smoothed(gradients, side_px), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("rule", ["paper", "code"])
def test_the_path_is_the_published_one(rule: str, models: list[nn.Module], checkpoints: list[str]) -> None:
    """Written out plainly, without diversity: two norms apart, momentum, smoothing, summed logits."""
    images, labels, seeds = batch(8)
    first, second = models[0].requires_grad_(False), models[1].requires_grad_(False)
    line = torch.distributions.Normal(0.0, 1.0).log_prob(torch.linspace(-3, 3, 5)).exp()
    kernel = (torch.outer(line, line) / line.sum() ** 2)[None, None]
    total, random = images.clone(), SampleRandom(seeds)
    for norm, epsilon, step in (("linf", 0.1, 0.02), ("l2", 1.0, 0.1)):
        change, momentum = torch.zeros_like(images), torch.zeros_like(images)
        if rule == "paper":
            change = random_point(images, random, norm, epsilon) - images
        for _ in range(6):
            points = (images + change).requires_grad_()
            logits = 0.6 * first(points) + 0.4 * second(points)
            (gradients,) = torch.autograd.grad(-logits.gather(1, labels[:, None]).sum(), points)
            if rule == "paper":
                momentum = momentum + gradients / gradients.abs().sum((1, 2, 3), keepdim=True)
                direction = F.conv2d(momentum, kernel, padding=2)
            else:
                direction = momentum = momentum + F.conv2d(gradients, kernel, padding=2)
            if norm == "linf":
                change = (change + step * direction.sign()).clamp(-epsilon, epsilon)
            else:
                change = change + step * direction / direction.flatten(1).norm(dim=1)[:, None, None, None]
                change *= (epsilon / change.flatten(1).norm(dim=1).clamp_min(epsilon))[:, None, None, None]
            change = (images + change).clamp(0, 1) - images
        total += change
    attack = Transfer(
        steps=6,
        linf_epsilon=0.1,
        linf_step=0.02,
        l2_step=0.1,
        diversity=0,
        own_weight=0.6,
        rule=rule,
        random_start=rule == "paper",
        surrogates=(surrogate(checkpoints[1], 0.4),),
    )
    out = attack(first, images, labels, seeds=seeds, quantize=False)
    # A gradient within rounding of 0 may change its sign.
    assert (out - total.clamp(0, 1)).abs().gt(1e-4).float().mean() < 0.005


@pytest.mark.parametrize(
    ("former", "present"),
    [(True, {"rule": "paper", "random_start": True}), (False, {"rule": "code", "random_start": False})],
)
def test_a_former_recipe_keeps_the_rule_that_it_named(former: bool, present: dict[str, Any]) -> None:
    with pytest.warns(RenamedWarning, match="'normalize' is now called 'rule'"):
        attack = ATTACK.build("transfer", {"normalize": former})
    assert present.items() <= attack.model_dump().items()


# The contract


@every_setting
def test_it_keeps_the_contract(parameters: dict, models: list[nn.Module], checkpoints: list[str]) -> None:
    images, labels, seeds = batch(20)
    others = (surrogate(checkpoints[1]), surrogate(checkpoints[2], 0.5))
    attack = Transfer(steps=3, surrogates=others, **parameters)
    kept, weights = images.clone(), [value.clone() for value in models[0].state_dict().values()]
    models[0].train()
    whole = attack(models[0], images, labels, seeds=seeds)
    assert models[0].training
    models[0].eval()
    assert all(torch.equal(a, b) for a, b in zip(weights, models[0].state_dict().values(), strict=True))
    assert all(parameter.grad is None for parameter in models[0].parameters())
    assert torch.equal(images, kept)
    assert torch.equal(whole, whole.mul(255).round().clamp(0, 255) / 255)
    assert (whole != images).flatten(1).any(1).all()
    assert torch.equal(attack(models[0], images, labels, seeds=seeds), whole)
    alone = [attack(models[0], images[i : i + 1], labels[i : i + 1], seeds=seeds[i : i + 1]) for i in range(3)]
    assert torch.equal(torch.cat(alone), whole[:3])
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    assert torch.equal(attack(models[0], images[order], labels[order], seeds=seeds[order], batch_size=8), whole[order])
    assert Transfer(**attack.model_dump(mode="json")) == attack
    assert attack(models[0], images[:0], labels[:0], seeds=seeds[:0]).shape == (0, 1, 16, 16)


@pytest.mark.parametrize("quantize", [True, False])
@pytest.mark.parametrize(("linf", "l2", "joint"), [(0.03, None, False), (None, 0.6, False), (0.05, 0.5, True)])
def test_the_bounds_hold(
    linf: float | None, l2: float | None, joint: bool, quantize: bool, models: list[nn.Module]
) -> None:
    images, labels, seeds = batch(16)
    attack = Transfer(steps=12, linf_epsilon=linf, linf_step=0.02, l2_epsilon=l2, l2_step=0.2, joint=joint)
    out = attack(models[0], images, labels, seeds=seeds, quantize=quantize)
    change = (out - images).flatten(1)
    if linf:
        assert change.abs().max() <= linf + 1e-6
    if l2:
        assert 0.8 * l2 < change.norm(dim=1).min()
        assert change.norm(dim=1).max() <= l2 + 1e-5


def test_without_joint_the_two_perturbations_add_up(models: list[nn.Module]) -> None:
    images, labels, seeds = batch(8)
    shared: dict[str, Any] = {"steps": 5, "linf_step": 0.02, "l2_step": 0.2, "diversity": 0, "random_start": False}
    apart = [
        Transfer(linf_epsilon=linf, l2_epsilon=l2, **shared)(models[0], images, labels, seeds=seeds, quantize=False)
        for linf, l2 in ((0.05, None), (None, 0.5))
    ]
    both = Transfer(linf_epsilon=0.05, l2_epsilon=0.5, **shared)(models[0], images, labels, seeds=seeds, quantize=False)
    torch.testing.assert_close(both, (apart[0] + apart[1] - images).clamp(0, 1))


def test_the_cost_is_known_before(models: list[nn.Module], checkpoints: list[str]) -> None:
    images, labels, seeds = batch(8)
    shown: list[int] = []
    handle = models[0].register_forward_hook(lambda _, inputs, __: shown.append(len(inputs[0])))
    attack = Transfer(steps=4, diversity=0, surrogates=(surrogate(checkpoints[1]),))
    attack(models[0], images, labels, seeds=seeds)
    handle.remove()
    assert attack.most_passes(4) == 3 * 4 * 2 * 2
    assert sum(shown) == 4 * 2 * 8 + 8, "a look at the number of classes, then two paths of four steps"


# Surrogates


def test_alone_a_surrogate_is_what_is_attacked(models: list[nn.Module], checkpoints: list[str]) -> None:
    images, labels, seeds = batch(16)
    through = Transfer(steps=4, own_weight=0, surrogates=(surrogate(checkpoints[1]),))
    out = through(models[0], images, labels, seeds=seeds)
    direct = Transfer(steps=4)(models[1], images, labels, seeds=seeds)
    assert (out == direct).float().mean() > 0.99


def test_kept_results_follow_the_weights_not_their_place(checkpoints: list[str], tmp_path: Path) -> None:
    here = tmp_path / "weights.safetensors"
    shutil.copy(checkpoints[1], here)
    first = fingerprint(Transfer(surrogates=(surrogate(checkpoints[1]),)).identity())
    attack = Transfer(surrogates=(surrogate(str(here)),))
    assert fingerprint(attack.identity()) == first
    shutil.copy(checkpoints[2], here)
    assert fingerprint(attack.identity()) == fingerprint(Transfer(surrogates=(surrogate(checkpoints[2]),)).identity())
    assert fingerprint(attack.identity()) != first
    assert fingerprint(Transfer(surrogates=(surrogate(checkpoints[1], 0.5),)).identity()) != first


def test_bad_surrogates_are_explained(models: list[nn.Module], tmp_path: Path) -> None:
    images, labels, seeds = batch(8)
    broken, others = tmp_path / "broken.pt", tmp_path / "ten.safetensors"
    broken.write_bytes(b"no weights")
    save_weights(build("tiny_resnet", classes=10, shape=SHAPE), others)
    for architecture, file, words in [
        ("tiny_resnet", tmp_path / "none.pt", "none.pt does not exist or is not readable; give a safetensors file"),
        ("tiny_resnet", broken, "surrogate tiny_resnet: weights file .*broken.pt is damaged"),
        ("tiny_resnet", others, "of a model with 10 classes, the data has 4"),
        ("resnet18", others, "does not fit the architecture"),
        ("resnet19", others, "unknown architecture 'resnet19'"),
    ]:
        attack = Transfer(steps=1, surrogates=({"architecture": architecture, "checkpoint": str(file)},))
        with pytest.raises(CurationError, match=words):
            attack(models[0], images, labels, seeds=seeds)
    with pytest.raises(UsageError, match="does not exist or is not readable"):
        Transfer(surrogates=(surrogate(str(tmp_path / "none.pt")),)).identity()


# Success


def test_it_transfers_better_than_pgd_of_the_same_size(models: list[nn.Module], checkpoints: list[str]) -> None:
    """At equal L∞ epsilon and steps, on a model that neither attack has seen."""
    images, labels, seeds = batch(200)
    shared: dict[str, Any] = {"steps": 10, "loss": "ce"}
    attacks = {
        "pgd": PGD(epsilon=0.08, step_size=0.02, **shared),
        "transfer": Transfer(
            linf_epsilon=0.08,
            linf_step=0.02,
            l2_epsilon=None,
            translation_kernel_px=0,
            diversity=0.5,
            diversity_side=0.9,
            surrogates=(surrogate(checkpoints[1]), surrogate(checkpoints[2])),
            **shared,
        ),
    }
    found = {name: attack(models[0], images, labels, seeds=seeds) for name, attack in attacks.items()}
    with torch.inference_mode():
        assert (models[3](images).argmax(1) == labels).float().mean() > 0.95
        logits = {name: models[3](out) for name, out in found.items()}
    fooled = {name: (z.argmax(1) != labels).float().mean().item() for name, z in logits.items()}
    assert fooled["transfer"] > fooled["pgd"] + 0.1, fooled
    assert cross_entropy(logits["transfer"], labels).mean() > cross_entropy(logits["pgd"], labels).mean()


# Bad input


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"linf_epsilon": 8}, r"must be in \[1/255, 1\] in linf; pixel values are in \[0, 1\], use 8/255"),
        ({"linf_epsilon": None, "l2_epsilon": None}, "set linf_epsilon or l2_epsilon"),
        ({"own_weight": 0}, "needs at least one surrogate"),
        ({"translation_kernel_px": 4}, "must be odd, such as 5, or 0 for none"),
        ({"diversity": 1.5}, "less than or equal to 1"),
        ({"steps": 0}, "greater than or equal to 1"),
        ({"surrogates": [{"checkpoint": "x"}]}, "surrogates.0.architecture: field required"),
        ({"surrogates": [{"architecture": "resnet18", "checkpoint": "x", "weights": 1}]}, "did you mean 'weight'"),
    ],
)
def test_wrong_parameters_are_explained(parameters: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ATTACK.build("transfer", parameters)


def test_models_of_one_size_are_explained_and_attacked_within_it() -> None:
    images, labels, seeds = batch(8)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 4))
    with pytest.raises(CurationError, match=r"uses images of 20×20 px.* set diversity_side below 1"):
        Transfer(steps=1)(model, images, labels, seeds=seeds)
    out = Transfer(steps=3, diversity_side=0.9, random_start=False)(model, images, labels, seeds=seeds)
    with torch.inference_mode():
        assert (cross_entropy(model(out), labels) > cross_entropy(model(images), labels)).all()
