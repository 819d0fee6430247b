"""Weights from files, good and bad, and dropout."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from curation.errors import CurationError, UsageError
from curation.models.architectures import build
from curation.models.classifier import Classifier
from curation.models.dropout import drop_block, dropout, dropout_logits
from curation.models.folding import folded
from curation.models.layer_noise import layer_noise
from curation.models.loading import load_weights, save_weights
from curation.models.prediction import evaluate

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
GREY, COLOR = (28, 28, 1), (32, 32, 3)
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the folder shared/data is not beside the repository")


def tiny(seed: int, *, classes: int = 10, shape: tuple[int, int, int] = GREY) -> Classifier:
    model = build("tiny_resnet", classes=classes, shape=shape, seed=seed)
    assert isinstance(model, Classifier)
    return model


def test_saved_weights_come_back_with_their_normalization(tmp_path: Path) -> None:
    saved, loaded = tiny(1), tiny(2)
    saved.mean.fill_(0.25)
    save_weights(saved, tmp_path / "model.safetensors")
    load_weights(loaded, tmp_path / "model.safetensors")
    for name, value in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def as_data_parallel(state: dict[str, Tensor]) -> object:
    return {"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3}


def as_sequential_with_normalization(state: dict[str, Tensor]) -> object:
    statistics = {"0.mu": torch.full((1, 1, 1), 0.25), "0.sigma": torch.full((1, 1, 1), 0.5)}
    return {**statistics, **{f"1.{name}": value for name, value in state.items()}}


def without_counters(state: dict[str, Tensor]) -> object:
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


@pytest.mark.parametrize("wrap", [dict, as_data_parallel, as_sequential_with_normalization, without_counters])
def test_weights_of_a_bare_network_are_found_under_any_wrapper(
    tmp_path: Path, wrap: Callable[[dict[str, Tensor]], object]
) -> None:
    saved, loaded = tiny(1), tiny(2)
    torch.save(wrap(saved.network.state_dict()), tmp_path / "weights.pt")
    load_weights(loaded, tmp_path / "weights.pt")
    if wrap is as_sequential_with_normalization:
        assert (loaded.mean.item(), loaded.std.item()) == (0.25, 0.5)
        saved.mean.fill_(0.25)
        saved.std.fill_(0.5)
    images = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(loaded.eval()(images), saved.eval()(images))


def test_a_misfit_names_the_layers_and_changes_nothing(tmp_path: Path) -> None:
    save_weights(tiny(1, shape=COLOR), tmp_path / "color.safetensors")
    gray = tiny(2)
    before = {name: value.clone() for name, value in gray.state_dict().items()}
    with pytest.raises(CurationError, match="of a model for images of 3 channels, the data has 1"):
        load_weights(gray, tmp_path / "color.safetensors")
    torch.save({"state_dict": build("resnet20", classes=10, shape=GREY).state_dict()}, tmp_path / "other.pt")
    with pytest.raises(CurationError, match=r"other\.pt does not fit .* is missing; and \d+ more"):
        load_weights(gray, tmp_path / "other.pt")
    assert all(torch.equal(before[name], value) for name, value in gray.state_dict().items())


def test_another_class_count_is_said_as_such(tmp_path: Path) -> None:
    save_weights(tiny(1, classes=100), tmp_path / "hundred.safetensors")
    with pytest.raises(CurationError, match="of a model with 100 classes, the data has 10"):
        load_weights(tiny(2), tmp_path / "hundred.safetensors")


class Exploit:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_code_in_a_weights_file_never_runs(tmp_path: Path, write: Callable[[object, Path], None]) -> None:
    target = tmp_path / "ran"
    write({"state_dict": tiny(1).state_dict(), "extra": Exploit(target)}, tmp_path / "bad.pt")
    with pytest.raises(CurationError, match=r"bad\.pt holds Python objects"):
        load_weights(tiny(1), tmp_path / "bad.pt")
    assert not target.exists()


def test_a_whole_pickled_model_is_refused_with_a_way_out(tmp_path: Path) -> None:
    torch.save(tiny(1), tmp_path / "model.pt")
    with pytest.raises(CurationError, match="save it again as safetensors"):
        load_weights(tiny(1), tmp_path / "model.pt")


def test_missing_damaged_and_empty_files_are_said(tmp_path: Path) -> None:
    model = tiny(1)
    with pytest.raises(CurationError, match="there is no weights file"):
        load_weights(model, tmp_path / "absent.pt")
    with pytest.raises(CurationError, match="cannot be read"):
        load_weights(model, tmp_path)
    save_weights(model, tmp_path / "whole.safetensors")
    torch.save(model.state_dict(), tmp_path / "whole.pt")
    for name in ("whole.safetensors", "whole.pt"):
        data = (tmp_path / name).read_bytes()
        for cut in (data[: len(data) // 2], b"", b"not a model", data[:100] + data[200:]):
            (tmp_path / "bad").write_bytes(cut)
            with pytest.raises(CurationError, match="is damaged or of another format"):
                load_weights(model, tmp_path / "bad")
    torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "empty.pt")
    with pytest.raises(CurationError, match="holds no weights"):
        load_weights(model, tmp_path / "empty.pt")


@needs_data
@pytest.mark.parametrize(
    ("name", "file", "count", "published"),
    [
        ("resnet20", "resnet20-12fca82f.th", 2000, 0.9173),
        ("resnet32", "resnet32-d509ac18.th", 2000, 0.9263),
        ("resnet56", "resnet56-4bfd9763.th", 2000, 0.9339),
        ("resnet4b", "resnet4b.pth", 10_000, 0.772),
    ],
)
def test_published_weights_reach_their_accuracy(name: str, file: str, count: int, published: float) -> None:
    """The larger networks on every fifth test image, for the sake of time: within 1.5 points of all 10,000."""
    pixels, labels = held_out()
    every = len(pixels) // count
    model = build(name, classes=10, shape=COLOR)
    load_weights(model, DATA / "weights" / file)
    accuracy = evaluate(folded(model), pixels[::every], labels[::every], batch_size=250)
    assert accuracy == pytest.approx(published, abs=0.015 if every > 1 else 0.0006)


@functools.cache
def held_out() -> tuple[np.ndarray, np.ndarray]:
    sprites = [np.asarray(Image.open(path).convert("RGB")) for path in sorted((DATA / "cifar10").glob("test_*.webp"))]
    rows = np.stack(sprites).reshape(-1, 25, 32, 40, 32, 3).swapaxes(2, 3)
    return rows.reshape(-1, 32, 32, 3), np.load(DATA / "cifar10" / "test_labels.npy")


IMAGES = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def logits_in(context: Callable[[nn.Module], AbstractContextManager[None]], model: nn.Module) -> Tensor:
    """Return training-mode logits of one image many times, batch norms at rest."""
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    torch.manual_seed(0)
    with context(model):
        return model(IMAGES[:1].expand(400, -1, -1, -1))


CONTEXTS = [lambda model: dropout(model, 0.3), lambda model: drop_block(model, 0.3)]


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", ["tiny_resnet", "tiny_convnet", "resnet20"])
def test_dropout_regularizes_training_and_leaves_no_trace(
    context: Callable[[nn.Module], AbstractContextManager[None]], name: str
) -> None:
    model = build(name, classes=4, shape=GREY, seed=1)
    names = list(model.state_dict())
    noisy = logits_in(context, model)
    plain = model.eval()(IMAGES[:1])
    assert noisy.std(0).min() > 1e-4
    # Features are scaled up by what was dropped: the mean stays, to a few standard errors.
    assert ((noisy.mean(0) - plain[0]).abs() < 5 * noisy.std(0) / 20).all()
    with context(model):
        assert torch.equal(model(IMAGES[:1]), plain)
        assert list(model.state_dict()) == names
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in model.modules())


NOTHING = [lambda model: dropout(model, 0.0), lambda model: drop_block(model, 0.0), lambda model: layer_noise(model, 0)]


@pytest.mark.parametrize("context", NOTHING)
def test_a_rate_of_zero_changes_nothing(context: Callable[[nn.Module], AbstractContextManager[None]]) -> None:
    noisy = logits_in(context, model := tiny(1))
    torch.testing.assert_close(noisy, model.eval()(IMAGES[:1]).expand(400, -1))


def test_blocks_are_squares_of_the_last_feature_map() -> None:
    model = tiny(1).train()
    maps: list[Tensor] = []
    assert isinstance(model.network.pool, nn.AdaptiveAvgPool2d)
    with drop_block(model, 0.4, side_px=3):
        model(IMAGES)
        model.network.pool.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0]))
        model(IMAGES)
    zero = (maps[0] == 0).float()
    assert zero.shape[2:] == (4, 4)
    # With 3×3 blocks in a 4×4 map the four pixels in the middle lie in every block.
    dropped = zero[:, :, 0:3, 0:3].amin((2, 3)) + zero[:, :, 1:4, 1:4].amin((2, 3))
    assert (zero[:, :, 1:3, 1:3].amin((2, 3)) >= dropped.clamp(max=1)).all()
    assert 0.1 < (dropped > 0).float().mean() < 0.9


def test_noise_layers_disturb_each_image_by_a_share_of_its_own_output_in_training_alone() -> None:
    convolution = nn.Conv2d(1, 8, 3)
    model = nn.Sequential(convolution, nn.Flatten(), nn.Linear(8 * 26 * 26, 4))
    images = torch.cat([IMAGES, 10 * IMAGES])
    clean = convolution(images)
    torch.manual_seed(0)
    with layer_noise(model, 0.2):
        noise = convolution(images) - clean
        assert torch.equal(model.eval()(images), model[1:](clean))
    assert not convolution._forward_hooks
    share = noise.flatten(1).std(1) / clean.flatten(1).std(1)
    torch.testing.assert_close(share, torch.full_like(share, 0.2), atol=0, rtol=0.05)
    assert (noise.flatten(1).mean(1).abs() < 0.02 * clean.flatten(1).std(1)).all()
    with pytest.raises(CurationError, match="this model has none"), layer_noise(model[1:], 0.1):
        pass
    with pytest.raises(UsageError, match="0 or more, got -1"), layer_noise(model, -1):
        pass


@pytest.mark.parametrize("fold", [folded, nn.Module.eval])
@pytest.mark.parametrize("name", ["tiny_resnet", "resnet4b"])
@torch.inference_mode()
def test_monte_carlo_dropout_meets_every_image_with_the_same_masks(
    fold: Callable[[nn.Module], nn.Module], name: str
) -> None:
    model = fold(build(name, classes=10, shape=GREY, seed=1))
    logits, passes = dropout_logits(model, IMAGES, rate=0.4, passes=2000, seed=7)
    torch.testing.assert_close(logits, model(IMAGES))
    assert passes.shape == (2000, 6, 10)
    assert ((passes.mean(0) - logits).abs() < 5 * passes.std(0) / 2000**0.5).all()
    alone = [dropout_logits(model, image[None], rate=0.4, passes=3, seed=7)[1] for image in IMAGES]
    torch.testing.assert_close(torch.cat(alone, dim=1), passes[:3])
    assert not torch.equal(dropout_logits(model, IMAGES, rate=0.4, passes=3, seed=8)[1], passes[:3])
    without = dropout_logits(model, IMAGES, rate=0.0, passes=2, seed=7)[1]
    torch.testing.assert_close(without, logits.expand(2, -1, -1))
    assert not any(layer._forward_pre_hooks for layer in model.modules())


def test_dropout_that_cannot_be_is_said() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 4))
    with pytest.raises(CurationError, match="this model has none"), drop_block(flat, 0.1):
        flat(IMAGES)
    assert not flat._forward_pre_hooks
    with pytest.raises(CurationError, match="this model has none"), dropout(nn.Conv2d(1, 4, 3), 0.1):
        pass
    for context in (dropout(flat, 1.0), drop_block(flat, -0.1)):
        with pytest.raises(UsageError, match=r"share in \[0, 1\)"), context:
            pass
    with pytest.raises(UsageError, match="must be odd"), drop_block(flat, 0.1, side_px=4):
        pass
    with pytest.raises(UsageError, match="at least 1 pass"):
        dropout_logits(flat, IMAGES, rate=0.1, passes=0, seed=0)
