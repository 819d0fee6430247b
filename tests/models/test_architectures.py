"""Architectures: their sizes, what they take and give, and how they are built."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.fx import GraphModule

from curation.errors import CurationError, UsageError
from curation.models.architectures import ARCHITECTURES, build
from curation.models.detector import tapped
from curation.models.features import logits_and_features
from curation.models.folding import folded
from curation.models.loading import load_weights, save_weights
from curation.models.wide_resnet import WideResNet
from curation.models.wide_resnet_silu import WideResNetSilu

GREY, COLOR = (28, 28, 1), (32, 32, 3)

PARAMETERS = {
    "tiny_resnet": 174_274,
    "tiny_convnet": 145_242,
    "resnet18": 11_173_962,
    "resnet34": 21_282_122,
    "resnet50": 23_520_842,
    "preact_resnet18": 11_171_146,
    "wide_resnet28_4": 5_849_050,
    "wide_resnet28_10": 36_479_194,
    "wide_resnet34_10": 46_160_474,
    "wide_resnet28_10_silu": 36_479_194,
    "densenet121": 1_000_618,
    "vgg16_bn": 14_728_266,
    "mobilenet_v2": 2_296_922,
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet56": 853_018,
    "resnet4b": 123_734,
}
"""Of 3 channels and 10 classes; all but the two tiny ones are those of the code that the names come from."""


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_sizes_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        model = ARCHITECTURES[name](10, 3)
    assert sum(value.numel() for value in model.parameters()) == PARAMETERS[name]


def stir(model: nn.Module) -> None:
    """Give batch norms something to do, as training would."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.uniform_(-0.2, 0.2)
            layer.running_var.uniform_(0.5, 1.5)


@torch.inference_mode()
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_architecture_takes_every_size_and_gives_logits_and_features(name: str) -> None:
    torch.manual_seed(0)
    for channels, sides in ((3, ((16, 16), (21, 35))), (1, ((28, 28),))):
        if channels == 1 and PARAMETERS[name] > 3e7:
            continue
        model = build(name, classes=7, shape=(*sides[0], channels), seed=1).eval()
        stir(model)
        for height, width in sides:
            images = torch.rand(2, channels, height, width)
            logits, features = logits_and_features(model, images)
            head = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
            assert logits.shape == (2, 7)
            assert logits.isfinite().all()
            torch.testing.assert_close(head(features), logits)
    quick = folded(model)
    assert isinstance(quick.network, GraphModule)
    torch.testing.assert_close(logits_and_features(quick, images), (logits, features), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_architecture_declares_feature_maps_that_a_detector_can_look_at(name: str) -> None:
    """From shallow to deep, so not growing; a detector's form is the source's for a ResNet at 32×32 pixels."""
    with torch.device("meta"):
        model = ARCHITECTURES[name](10, 3).eval()
        with tapped(model, model.taps) as maps:
            model(torch.zeros(1, 3, 32, 32))
    sizes = [seen.shape[2] for seen in maps]
    assert len(maps) >= 2
    assert all(seen.ndim == 4 for seen in maps)
    assert sizes == sorted(sizes, reverse=True)
    if name == "resnet34":
        assert [seen.shape[1] for seen in maps] == [64, 128, 256, 512]


def test_every_architecture_says_what_it_is() -> None:
    assert all(make.__doc__ and make.__doc__.split("\n")[0].endswith(".") for make in ARCHITECTURES.values())


def test_the_seed_alone_determines_the_weights() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = build("tiny_resnet", classes=10, shape=GREY, seed=3).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    second = build("tiny_resnet", classes=10, shape=GREY, seed=3).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = build("tiny_resnet", classes=10, shape=GREY, seed=4).state_dict()
    assert not torch.equal(first["network.linear.weight"], other["network.linear.weight"])


@torch.inference_mode()
def test_silu_networks_pad_as_their_published_weights_expect() -> None:
    """A stride-2 convolution looks at pixels 2i … 2i + 2, not 2i − 1 … 2i + 1."""
    network = WideResNetSilu(classes=2, channels=1, depth=10, width=1).eval()
    block = network.get_submodule("layer.1.block.0")
    seen: list[torch.Tensor] = []
    block.get_submodule("conv_0").register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for side in (8, 7):
        block(torch.ones(1, 16, side, side))
    assert [tuple(x.shape[2:]) for x in seen] == [(9, 9), (9, 9)]
    assert seen[0][0, 0, 0, 0] != 0
    assert seen[0][0, 0, 8, 8] == seen[1][0, 0, 0, 0] == seen[1][0, 0, 8, 8] == 0


def test_torchvision_models_work_on_gray_images() -> None:
    model = build("torchvision/resnet18", classes=4, shape=(32, 32, 1)).eval()
    with torch.inference_mode():
        logits, features = logits_and_features(model, torch.rand(2, 1, 32, 32))
    assert (logits.shape, features.shape) == ((2, 4), (2, 512))


def test_timm_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UsageError, match="needs the package timm"):
        build("timm/resnet18", classes=4, shape=COLOR)


@pytest.mark.parametrize(
    ("name", "classes", "shape", "words"),
    [
        ("tiny_resnt", 10, GREY, "did you mean 'tiny_resnet'"),
        ("keras/resnet50", 10, GREY, "unknown architecture 'keras/resnet50'"),
        ("torchvision/resnet17", 10, COLOR, "nearest: resnet18"),
        ("torchvision/vgg11", 10, (20, 20, 3), "does not take images of 20×20 .* for small images, such as resnet18"),
        ("tiny_resnet", 1, GREY, "at least 2 classes"),
        ("tiny_resnet", 10, (8, 8, 3), "at least 16 px"),
        ("tiny_resnet", 10, (32, 32, 4), "4 channels"),
    ],
)
def test_what_cannot_be_built_is_said(name: str, classes: int, shape: tuple[int, int, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build(name, classes=classes, shape=shape)


def test_a_model_without_a_last_linear_layer_has_no_features() -> None:
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(CurationError, match="does not end in one"):
        logits_and_features(model, torch.rand(1, 1, 16, 16))


@pytest.mark.parametrize("name", ["tiny_convnet", "resnet4b", "densenet121", "mobilenet_v2"])
def test_every_kind_of_head_tells_another_class_count(name: str, tmp_path: Path) -> None:
    save_weights(build(name, classes=100, shape=COLOR), tmp_path / "hundred.safetensors")
    with pytest.raises(CurationError, match="of a model with 100 classes, the data has 10"):
        load_weights(build(name, classes=10, shape=COLOR), tmp_path / "hundred.safetensors")


@pytest.mark.parametrize("network", [WideResNet, WideResNetSilu])
def test_wide_networks_tell_another_class_count(
    network: type[WideResNet] | type[WideResNetSilu], tmp_path: Path
) -> None:
    save_weights(network(classes=100, channels=3, depth=10, width=1), tmp_path / "hundred.safetensors")
    with pytest.raises(CurationError, match="of a model with 100 classes, the data has 10"):
        load_weights(network(classes=10, channels=3, depth=10, width=1), tmp_path / "hundred.safetensors")


@pytest.mark.parametrize(
    ("saved", "asked", "words"),
    [
        ("resnet18", "preact_resnet18", r"layer2\.0\.bn1\.weight should be 64 and is 128"),
        ("resnet34", "resnet18", r"layer1\.2\.bn1\.bias \(64\) has no place"),
        ("resnet4b", "densenet121", r"conv1\.weight should be 24×3×3×3 and is 16×3×3×3"),
        ("mobilenet_v2", "vgg16_bn", r"features\.0\.weight \(64×3×3×3\) is missing"),
    ],
)
def test_weights_of_a_similar_architecture_do_not_load(saved: str, asked: str, words: str, tmp_path: Path) -> None:
    save_weights(build(saved, classes=10, shape=COLOR), tmp_path / "other.safetensors")
    with pytest.raises(CurationError, match=rf"{words}.*; and \d+ more; choose the architecture it was trained with"):
        load_weights(build(asked, classes=10, shape=COLOR), tmp_path / "other.safetensors")


def test_layers_that_the_trades_code_never_runs_are_passed_over(tmp_path: Path) -> None:
    saved = WideResNet(classes=10, channels=3, depth=10, width=1)
    state = saved.state_dict()
    idle = {name.replace("block1.", "sub_block1."): value for name, value in state.items() if name.startswith("block1")}
    torch.save({f"module.{name}": value for name, value in (state | idle).items()}, tmp_path / "trades.pt")
    loaded = WideResNet(classes=10, channels=3, depth=10, width=1)
    load_weights(loaded, tmp_path / "trades.pt")
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in state.items())
