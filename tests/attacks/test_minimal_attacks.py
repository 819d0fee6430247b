"""DeepFool, Carlini–Wagner and style transfer: exact distances, success that survives rounding, samples alone."""

from __future__ import annotations

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

from curation.attacks import ATTACKS, PGD, CarliniWagner, DeepFool, StyleTransfer
from curation.attacks.ball import Norm
from curation.attacks.base import Attack
from curation.attacks.classify import Classify
from curation.attacks.losses import fooled
from curation.attacks.style_transfer import _features
from curation.errors import CurationError, UsageError
from curation.models.architectures import build
from curation.models.ensemble import Ensemble
from curation.models.folding import folded
from curation.models.loading import load_weights
from curation.randomness import SampleRandom, stream_seeds
from tests.solved import as_tensor, solved, stripes

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder shared is not beside the repository")

Batch = tuple[Tensor, Tensor, Tensor]
"""Images, labels and seeds."""

MINIMAL = [DeepFool(), DeepFool(norm="linf"), CarliniWagner(steps=60)]
every_minimal_attack = pytest.mark.parametrize("attack", MINIMAL, ids=["deepfool", "deepfool-linf", "carlini_wagner"])


def some(count: int, seed: int) -> Batch:
    images, labels = stripes(count, seed)
    return as_tensor(images), torch.from_numpy(labels), stream_seeds(seed, np.arange(count))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return folded(solved())


@pytest.fixture(scope="module")
def batch() -> Batch:
    return some(24, 1)


class Linear(nn.Module):
    """A linear model, whose distances to its boundaries are known."""

    def __init__(self, weights: Tensor, biases: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(weights.shape[1], weights.shape[0])
        self.linear.load_state_dict({"weight": weights, "bias": biases})

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1))


def is_fooled(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return which images are misclassified, in batches as attacks make them."""
    with torch.inference_mode():
        return fooled(Classify(model, attack="test")(images), labels)


def lengths(change: Tensor, norm: Norm = "l2") -> Tensor:
    flat = change.flatten(1)
    return flat.abs().amax(1) if norm == "linf" else flat.norm(dim=1)


# Distances


@given(seed=st.integers(0, 2**31), classes=st.integers(2, 6), scale=st.sampled_from([0.03, 1.0, 100.0]))
@settings(deadline=None, max_examples=15)
@pytest.mark.parametrize(
    "attack",
    [DeepFool(), DeepFool(norm="linf"), DeepFool(candidates=50, overshoot=0)],
    ids=["l2", "linf", "all-candidates"],
)
def test_deepfool_finds_a_linear_models_exact_distance(attack: DeepFool, seed: int, classes: int, scale: float) -> None:
    draws = torch.Generator().manual_seed(seed)
    weights = torch.randn(classes, 48, generator=draws)
    images = 0.5 + 0.02 * torch.randn(5, 3, 4, 4, generator=draws)
    biases = torch.randn(classes, generator=draws) / 2 - weights.sum(1) / 2
    model = Linear(scale * weights, scale * biases)
    with torch.no_grad():
        logits = model(images).double()
    labels = logits.argmax(1)
    steepness = (weights[labels][:, None] - weights).double().norm(p=1 if attack.norm == "linf" else 2, dim=2) * scale
    exact = ((logits.gather(1, labels[:, None]) - logits) / steepness).nan_to_num(torch.inf).amin(1)
    out = attack(model, images, labels, seeds=torch.arange(5), quantize=False)
    found = lengths((out - images).double(), attack.norm)
    assert is_fooled(model, out, labels).all()
    assert (found >= exact - 1e-6).all()
    # Each step is longer by a ten-thousandth, which tells where the boundary is as near.
    assert (found <= 1.02 * exact + 2e-4).all()


@given(
    seed=st.integers(0, 2**31),
    distance=st.floats(0.1, 0.8),
    slope=st.sampled_from([0.03, 1.0, 100.0]),
    initial_c=st.sampled_from([None, 0.01]),
)
@settings(deadline=None, max_examples=8)
def test_carlini_wagner_finds_a_linear_models_exact_distance(
    seed: int, distance: float, slope: float, initial_c: float | None
) -> None:
    draws = torch.Generator().manual_seed(seed)
    images = 0.4 + 0.2 * torch.rand(1, 3, 8, 8, generator=draws)
    weight = torch.randn(192, generator=draws)
    weight *= slope / weight.norm()
    bias = (weight * images.flatten()).sum() + slope * distance
    model = Linear(torch.stack([torch.zeros(192), weight]), torch.stack([torch.zeros(()), -bias]))
    label = torch.zeros(1, dtype=torch.int64)
    out = CarliniWagner(initial_c=initial_c)(model, images, label, seeds=label, quantize=False)
    assert is_fooled(model, out, label).all()
    assert lengths(out - images).item() == pytest.approx(distance, rel=0.02)


@every_minimal_attack
def test_the_nearest_wrong_image_is_nearer_than_an_attack_in_a_ball_finds(
    attack: Attack, model: nn.Module, batch: Batch
) -> None:
    images, labels, seeds = batch
    norm: Norm = "linf" if attack == MINIMAL[1] else "l2"
    right = ~is_fooled(model, images, labels)
    out = attack(model, images, labels, seeds=seeds, quantize=False)
    assert is_fooled(model, out, labels).all()
    assert torch.equal(out[~right], images[~right])
    # In a ball of their median distance, about half can be fooled; where PGD fools many more, the distances are long.
    epsilon = min(lengths(out - images, norm)[right].median().item(), 1)
    rival = PGD(norm=norm, epsilon=epsilon, steps=20)(model, images, labels, seeds=seeds, quantize=False)
    assert is_fooled(model, rival, labels).float().mean() < 0.8


def test_carlini_wagner_is_nearer_than_deepfool(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    near, nearer = (
        lengths(attack(model, images, labels, seeds=seeds, quantize=False) - images).mean()
        for attack in (DeepFool(), CarliniWagner(steps=60))
    )
    assert nearer < near


def test_more_confidence_goes_further(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    sure = CarliniWagner(steps=60, confidence=1)(model, images, labels, seeds=seeds, quantize=False)
    with torch.inference_mode():
        logits = model(sure)
    others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
    assert (others - logits.gather(1, labels[:, None])[:, 0] > 1).all()


def test_the_published_variant_without_a_search_over_c_makes_its_steps(model: nn.Module, batch: Batch) -> None:
    """A single round is made in full, however little it gains."""
    images, labels, seeds = batch
    passes: list[bool] = []
    hook = model.register_forward_hook(lambda _module, _inputs, output: passes.append(output.requires_grad))
    attack = CarliniWagner(steps=100, binary_search_steps=1, initial_c=1)
    out = attack(model, images, labels, seeds=seeds, quantize=False)
    hook.remove()
    assert sum(passes) == 101
    assert is_fooled(model, out, labels).all()


def test_deepfool_looks_at_more_classes_only_where_they_are_nearer(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    two, all_of_them = (
        lengths(DeepFool(candidates=count)(model, images, labels, seeds=seeds, quantize=False) - images).mean()
        for count in (2, 4)
    )
    assert all_of_them <= two + 1e-6


def test_samples_that_are_done_cost_nothing_more(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    rows: list[int] = []
    hook = model.register_forward_hook(lambda _module, inputs, _output: rows.append(len(inputs[0])))
    DeepFool()(model, images, labels, seeds=seeds, quantize=False)
    deepfools = sum(rows)
    rows.clear()
    CarliniWagner(steps=50)(model, images, labels, seeds=seeds, quantize=False)
    hook.remove()
    assert deepfools < 8 * len(images)
    assert sum(rows) < 0.5 * 50 * 9 * len(images)


# The 8-bit grid


@every_minimal_attack
def test_rounding_loses_no_success_and_little_nearness(attack: Attack, model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    found = attack(model, images, labels, seeds=seeds, quantize=False)
    kept = attack(model, images, labels, seeds=seeds)
    assert torch.equal(kept, kept.mul(255).round().clamp(0, 255) / 255)
    assert is_fooled(model, kept, labels).all()
    assert lengths(kept - images).mean() < 1.3 * lengths(found - images).mean() + 0.5 / 255 * 16


@given(seed=st.integers(0, 2**31), share=st.floats(0.06, 1.5))
@settings(deadline=None, max_examples=25)
def test_perturbations_of_less_than_a_level_survive_rounding(seed: int, share: float) -> None:
    """The boundary is where a pixel has moved by a share of a level on average; half of that rounds to nothing."""
    draws = torch.Generator().manual_seed(seed)
    slope = torch.randn(1, 8, 8, generator=draws)
    images = torch.randint(60, 180, (6, 1, 8, 8), generator=draws).float() / 255
    step = share / 255 * slope / slope.abs().mean()
    middles = (slope * images).flatten(1).sum(1)
    for image, middle in zip(images, middles, strict=True):
        bias = middle + (slope * step).sum()
        model = Linear(torch.stack([torch.zeros(64), slope.flatten()]), torch.stack([bias * 0, -bias]))
        point = image[None] + 1.01 * step
        label = torch.zeros(1, dtype=torch.int64)
        if not is_fooled(model, point, label).all() or is_fooled(model, image[None], label).any():
            continue
        out = DeepFool().settle(Classify(model, attack="test"), point, image[None], label)
        assert is_fooled(model, out, label).all()
        assert torch.equal(out, out.mul(255).round() / 255)


def test_what_was_never_fooled_is_only_rounded(batch: Batch) -> None:
    images, labels, seeds = batch
    deaf = Linear(torch.zeros(4, 256), torch.tensor([0.0, 0.0, 0.0, 9.0]))
    labels = torch.full_like(labels, 3)
    for attack in (DeepFool(steps=2), CarliniWagner(steps=2, binary_search_steps=2)):
        out = attack(deaf, images, labels, seeds=seeds)
        assert torch.isfinite(out).all()
        assert torch.equal(out, out.mul(255).round() / 255)


# Style transfer


def maps(network: nn.Module, images: Tensor) -> list[Tensor]:
    """The first block's and the last block's map of a tiny residual network, found by their names."""
    seen: dict[str, Tensor] = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(lambda _, __, output, name=name: seen.update({name: output}))
        for name in ("network.blocks.0", "network.blocks.2")
    ]
    network(images)
    for hook in hooks:
        hook.remove()
    return [seen["network.blocks.0"], seen["network.blocks.2"]]


@pytest.mark.parametrize("members", [1, 2])
def test_style_transfer_is_sgd_toward_both_maps_of_an_image_of_another_class(members: int, batch: Batch) -> None:
    """Written out plainly, also for a goal model of two members that answer together.

    In double precision: four such large steps carry a last bit of single precision on to a thousand times its size.
    """
    images, labels, seeds = (values[:8] for values in batch)
    images = images.double()
    donors, theirs, _ = some(40, 7)
    networks = [solved(seed).double().eval().requires_grad_(False) for seed in range(members)]
    twins = [folded(network) for network in networks]
    attack = StyleTransfer(steps=4, step_size=2, style_weight=3, weight_decay=0.01)
    attack = attack.with_donors(donors.double(), theirs)
    classify = Classify(twins[0] if members == 1 else Ensemble(twins), attack="test")
    out = attack.perturb(classify, images, labels, SampleRandom(seeds))
    lent = attack._lent(images, labels, SampleRandom(seeds))
    points = images.clone().requires_grad_()
    optimizer = torch.optim.SGD([points], lr=2, momentum=0.9, weight_decay=0.01)
    for _ in range(4):
        optimizer.zero_grad()
        parts = [
            weight * (mine - wanted).square().flatten(1).mean(1).sum()
            for network in networks
            for weight, mine, wanted in zip((3, 1), maps(network, points), maps(network, lent), strict=True)
        ]
        torch.stack(parts).sum().backward()
        optimizer.step()
        points.data.clamp_(0, 1)
    torch.testing.assert_close(out, points.detach(), atol=1e-10, rtol=0)


def test_style_transfer_nears_the_lent_features(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    donors, theirs, _ = some(40, 7)
    attack = StyleTransfer().with_donors(donors, theirs)
    out = attack(model, images, labels, seeds=seeds, quantize=False)
    lent = attack._lent(images, labels, SampleRandom(seeds))
    with torch.no_grad(), _features(Classify(model, attack="test")) as features:
        (before,), (after,), (wanted,) = features(images), features(out), features(lent)
    assert (after.shallow - wanted.shallow).square().mean() < (before.shallow - wanted.shallow).square().mean()
    assert (after.deepest - wanted.deepest).square().mean() < (before.deepest - wanted.deepest).square().mean()


@pytest.mark.parametrize(
    "name", ["tiny_convnet", "resnet20", "preact_resnet18", "vgg16_bn", "mobilenet_v2", "resnet4b"]
)
def test_the_maps_are_the_last_before_the_first_reduction_and_the_last_of_all(name: str) -> None:
    network = folded(build(name, classes=4, shape=(32, 32, 3)))
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), _features(Classify(network, attack="test")) as features:
        ((shallow, deepest),) = features(images)
    assert shallow.shape[2] > deepest.shape[2] > 1
    assert shallow.shape[1] < deepest.shape[1]


def test_style_transfer_must_near_something() -> None:
    with pytest.raises(UsageError, match="set style_weight or content_weight above 0"):
        ATTACKS.build("style_transfer", {"style_weight": 0, "content_weight": 0})


@given(classes=st.lists(st.integers(0, 3), min_size=2, max_size=12), label=st.integers(0, 3), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_a_lent_image_is_of_another_class(classes: list[int], label: int, seed: int) -> None:
    donors = torch.arange(len(classes))[:, None, None, None] / 255
    attack = StyleTransfer().with_donors(donors.expand(-1, 1, 2, 2), torch.tensor(classes))
    labels = torch.full((9,), label)
    random = SampleRandom(stream_seeds(seed, np.arange(9)))
    if set(classes) == {label}:
        with pytest.raises(CurationError, match=f"only those of class {label}; give it images of two classes"):
            attack._lent(torch.zeros(9, 1, 2, 2), labels, random)
        return
    lent = attack._lent(torch.zeros(9, 1, 2, 2), labels, random).mul(255).round().long()[:, 0, 0, 0]
    assert all(classes[index] != label for index in lent.tolist())


def test_every_other_image_is_lent_now_and_then() -> None:
    donors = torch.arange(6)[:, None, None, None] / 255
    attack = StyleTransfer().with_donors(donors, torch.tensor([0, 1, 1, 0, 2, 1]))
    random = SampleRandom(stream_seeds(0, np.arange(400)))
    lent = attack._lent(torch.zeros(400, 1, 1, 1), torch.ones(400, dtype=torch.int64), random).mul(255).round().int()
    assert lent.flatten().bincount(minlength=6).tolist() == pytest.approx([133, 0, 0, 133, 133, 0], abs=30)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda: Linear(torch.randn(4, 256), torch.zeros(4)), "this model has no two convolutions"),
        (
            lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            "this model has no two convolutions",
        ),
    ],
)
def test_models_without_the_features_are_explained(network: Callable[[], nn.Module], words: str, batch: Batch) -> None:
    images, labels, seeds = batch
    broken = network()
    with pytest.raises(CurationError, match=words):
        StyleTransfer().with_donors(images, labels)(broken, images, labels, seeds=seeds)
    assert not any(module._forward_hooks for module in broken.modules())


def test_donors_that_do_not_fit_are_explained(model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    with pytest.raises(CurationError, match="needs images of other classes and has none; call with_donors"):
        StyleTransfer()(model, images, labels, seeds=seeds)
    with pytest.raises(CurationError, match="of the same size, got 1×8×8 for 1×16×16"):
        StyleTransfer().with_donors(images[:, :, :8, :8], labels)(model, images, labels, seeds=seeds)


# The contract


@pytest.mark.parametrize(
    "attack",
    [*MINIMAL, CarliniWagner(steps=30, initial_c=1e-3, confidence=0.5), StyleTransfer(steps=3)],
    ids=["deepfool", "deepfool-linf", "carlini_wagner", "carlini_wagner-confident", "style_transfer"],
)
def test_a_sample_alone_is_the_same_to_the_bit(attack: Attack, model: nn.Module, batch: Batch) -> None:
    images, labels, seeds = batch
    attack = attack.with_donors(*some(20, 7)[:2])
    for quantize in (True, False):
        whole = attack(model, images, labels, seeds=seeds, quantize=quantize)
        for i in (0, 13):
            one = slice(i, i + 1)
            alone = attack(model, images[one], labels[one], seeds=seeds[one], quantize=quantize)
            assert torch.equal(alone, whole[one])
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("deepfool", {"steps": 0}, "steps: input should be greater than or equal to 1"),
        ("deepfool", {"candidates": 1}, "candidates: input should be greater than or equal to 2"),
        ("deepfool", {"norm": "l1"}, "should be 'linf' or 'l2'"),
        ("deepfool", {"epsilon": "8/255"}, "unknown field 'epsilon'"),
        ("carlini_wagner", {"steps": 10_001}, "steps: input should be less than or equal to 10000"),
        ("carlini_wagner", {"initial_c": 0}, "initial_c: input should be greater than 0"),
        ("carlini_wagner", {"binary_search_step": 3}, "did you mean 'binary_search_steps'"),
        ("carlini_wagner", {"confidence": float("nan")}, "confidence: input should be a finite number"),
        ("style_transfer", {"momentum": 1}, "momentum: input should be less than 1"),
    ],
)
def test_wrong_parameters_are_explained(name: str, parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ATTACKS.build(name, parameters)


@needs_shared
def test_a_published_network_is_fooled_as_near_as_other_libraries_do() -> None:
    """Foolbox 3.3.4 finds these mean distances for the first 32 images classified rightly, with as many steps."""
    nearest_known: dict[Norm, float] = {"l2": 0.12882, "linf": 0.00374}
    folder = SHARED / "data"
    sprite = np.asarray(Image.open(folder / "cifar10" / "test_00.webp").convert("RGB"))
    pixels = sprite.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)[:40]
    labels = torch.from_numpy(np.load(folder / "cifar10" / "test_labels.npy")[:40].astype(np.int64))
    images = torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() / 255
    network = build("resnet20", classes=10, shape=(32, 32, 3))
    load_weights(network, folder / "weights" / "resnet20-12fca82f.th")
    network = folded(network)
    right = ~is_fooled(network, images, labels)
    images, labels = images[right][:32], labels[right][:32]
    for norm, nearest in nearest_known.items():
        attack = DeepFool(norm=norm)
        out = attack(network, images, labels, seeds=torch.arange(32), quantize=False)
        assert lengths(out - images, norm).mean().item() == pytest.approx(nearest, rel=0.01)
