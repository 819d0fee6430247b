"""Other people's checkpoints: which weights are taken, which normalization, and what is refused in words."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from curation.errors import CurationError
from curation.models.architectures import build
from curation.models.classifier import Classifier
from curation.models.loading import load_weights

State = dict[str, Tensor]


def tiny(seed: int, channels: int = 3) -> Classifier:
    model = build("tiny_convnet", classes=10, shape=(32, 32, channels), seed=seed)
    assert isinstance(model, Classifier)
    return model


def prefixed(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


MEANT, OTHER = ({k: v.contiguous() for k, v in tiny(seed).network.state_dict().items()} for seed in (1, 2))
BUFFERS = {name: value for name, value in MEANT.items() if "running" in name or "tracked" in name}
PARAMETERS = {name: value for name, value in MEANT.items() if name not in BUFFERS}
COUNTED = {"n_averaged": torch.tensor(7)}
OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}

TAKEN: dict[str, tuple[Any, str | None]] = {
    "bare": (MEANT, None),
    "data parallel": ({"state_dict": prefixed("module.", MEANT), "optimizer": OPTIMIZER}, None),
    "compiled": (prefixed("_orig_mod.", MEANT), None),
    "compiled, parallel": ({"model": prefixed("module._orig_mod.", MEANT)}, None),
    "compiled inside": ({name.replace(".", "._orig_mod.", 1): value for name, value in MEANT.items()}, None),
    "lightning": ({"state_dict": prefixed("model.", MEANT), "optimizer_states": [OPTIMIZER]}, None),
    "half": ({name: value.half() if value.is_floating_point() else value for name, value in MEANT.items()}, None),
    "double": ({name: value.double() if value.is_floating_point() else value for name, value in MEANT.items()}, None),
    "swa_utils": (prefixed("module.", MEANT) | COUNTED, None),
    "ema": ({"ema": MEANT, "epoch": 9}, "averaged (EMA) weights under 'ema' were taken"),
    "model_ema": ({"model_ema": MEANT}, "under 'model_ema' were taken"),
    "ema_state_dict": ({"ema_state_dict": prefixed("module.", MEANT)}, "under 'ema_state_dict' › 'module.' were taken"),
    "state_dict_ema": (
        {"state_dict": OTHER, "state_dict_ema": MEANT},
        "under 'state_dict_ema' were taken, not those under 'state_dict'",
    ),
    "ema in ema": ({"ema": {"module": MEANT, "decay": 0.99}, "model": OTHER}, "under 'ema' › 'module' were taken"),
    "ema by prefix": (
        {"state_dict": prefixed("model.", OTHER) | prefixed("ema_model.", MEANT) | {"step": torch.tensor(3)}},
        "under 'state_dict' › 'ema_model.' were taken, not those under 'state_dict' › 'model.'",
    ),
    "params_ema": ({"params": OTHER, "params_ema": MEANT}, "under 'params_ema' were taken, not those under 'params'"),
    "another key": ({"student": MEANT, "epoch": 3}, "the weights under 'student' were taken"),
    "emaModel": ({"model": OTHER, "emaModel": MEANT}, "under 'emaModel' were taken, not those under 'model'"),
    "parameters only": (
        {"model": OTHER | BUFFERS, "shadow": PARAMETERS},
        "under 'shadow' were taken, not those under 'model'; they lack running statistics, which are those under",
    ),
    "parameters only, by prefix": (
        {"state_dict": prefixed("model.", OTHER | BUFFERS) | prefixed("ema.", PARAMETERS)},
        "under 'state_dict' › 'ema.' were taken, not those under 'state_dict' › 'model.'; they lack running",
    ),
    "an average without names": (
        {"model": MEANT, "ema": {"shadow_params": [*OTHER.values()]}},
        "the averaged (EMA) weights in ema.shadow_params do not have the network's names and were not taken",
    ),
    "an average with other names": (
        {"state_dict": prefixed("model.", MEANT) | {f"ema.{n.replace('.', '')}": v for n, v in OTHER.items()}},
        "do not have the network's names and were not taken",
    ),
    "lightning's metrics": (
        {"state_dict": prefixed("model.", MEANT) | {"acc.correct": torch.tensor(3), "loss.weight": torch.ones(10)}},
        "left out what is no part of the network: acc.correct, loss.weight",
    ),
    "twice the same": ({"model": MEANT, "best": dict(MEANT)}, None),
}


@pytest.mark.parametrize("name", TAKEN)
def test_the_weights_that_are_meant_are_taken_and_said(tmp_path: Path, name: str) -> None:
    content, said = TAKEN[name]
    torch.save(content, tmp_path / "w.pt")
    loaded = tiny(3)
    remarks = load_weights(loaded, tmp_path / "w.pt")
    for part, value in MEANT.items():
        torch.testing.assert_close(loaded.network.state_dict()[part], value, atol=2e-3 if name == "half" else 0, rtol=0)
    assert (said is None and not remarks) or (said is not None and said in remarks[0])


def quantized(state: State) -> State:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's files hold such tensors, deprecated or not
        return {k: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8) if v.ndim == 4 else v for k, v in state.items()}


REFUSED: dict[str, tuple[Any, str]] = {
    "optimizer only": (
        {"optimizer": OPTIMIZER, "epoch": 3},
        r"holds no weights by name \(it holds 'optimizer', 'epoch'",
    ),
    "a bare optimizer": (OPTIMIZER, "holds no weights by name"),
    "a list": ({"shadow_params": [*MEANT.values()], "decay": 0.9}, "it holds 'shadow_params', 'decay'"),
    "quantized": (quantized(MEANT), "quantized or whole-number weights .* is qint8"),
    "int8": ({k: v.to(torch.int8) if v.ndim == 4 else v for k, v in MEANT.items()}, "whole-number weights .* is int8"),
    "two that fit": ({"student": MEANT, "teacher": OTHER}, "several sets of weights that fit: 'student', 'teacher'"),
    "two averages": ({"ema": MEANT, "swa": OTHER}, "several sets of weights that fit: 'ema', 'swa'"),
    "not finite": ({k: v * float("nan") if v.ndim == 4 else v for k, v in MEANT.items()}, "NaN or infinite numbers"),
    "negative variances": (
        {name: -value if name.endswith("running_var") else value for name, value in MEANT.items()},
        "holds negative variances in",
    ),
    "of gray images": (tiny(1, channels=1).state_dict(), "of a model for images of 1 channel, the data has 3"),
    "sparse": ({k: v.to_sparse() if v.ndim == 2 else v for k, v in MEANT.items()}, "without its values or sparse"),
}


@pytest.mark.filterwarnings("ignore:.*(sparse|deprecated).*")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    content, sentence = REFUSED[name]
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(CurationError, match=sentence):
        load_weights(tiny(3), tmp_path / "w.pt")


def with_statistics(mean: list[float], std: list[float]) -> State:
    return prefixed("network.", MEANT) | {"mean": torch.tensor(mean), "std": torch.tensor(std)}


CAFFE, IMAGENET = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
NORMALIZED = {
    "in [0, 1]": (with_statistics([0.4, 0.5, 0.3], [0.2, 0.2, 0.3]), [0.4, 0.5, 0.3], [0.2, 0.2, 0.3]),
    "in 0…255": (with_statistics(CAFFE, IMAGENET), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "only the mean taken off": (with_statistics(CAFFE, [1.0, 1.0, 1.0]), [0.485, 0.456, 0.406], [1 / 255] * 3),
    "divided by 255": (with_statistics([0.0] * 3, [255.0] * 3), [0.0] * 3, [1.0] * 3),
    "beside, as lists": (
        {"model": MEANT, "mean": CAFFE, "std": IMAGENET},
        [0.485, 0.456, 0.406],
        [0.229, 0.224, 0.225],
    ),
    "beside, as img_mean": (
        {"model": MEANT, "img_mean": CAFFE, "img_std": IMAGENET},
        [0.485, 0.456, 0.406],
        [0.229, 0.224, 0.225],
    ),
    "means and sds": (
        prefixed("model.", MEANT) | {"norm.means": torch.tensor(CAFFE), "norm.sds": torch.tensor(IMAGENET)},
        [0.485, 0.456, 0.406],
        [0.229, 0.224, 0.225],
    ),
    "beside, in a nest": (
        {"model": MEANT, "data": {"mean": (0.4, 0.5, 0.3), "std": (0.2, 0.2, 0.3)}},
        [0.4, 0.5, 0.3],
        [0.2, 0.2, 0.3],
    ),
    "pixel_mean": (
        MEANT | {"pixel_mean": torch.tensor(CAFFE).reshape(1, 3, 1, 1), "pixel_std": torch.tensor(IMAGENET)},
        [0.485, 0.456, 0.406],
        [0.229, 0.224, 0.225],
    ),
}


@pytest.mark.parametrize("name", NORMALIZED)
def test_normalization_is_brought_to_pixels_in_0_to_1_and_said(tmp_path: Path, name: str) -> None:
    content, mean, std = NORMALIZED[name]
    torch.save(content, tmp_path / "w.pt")
    loaded = tiny(3)
    remarks = load_weights(loaded, tmp_path / "w.pt")
    torch.testing.assert_close(loaded.mean.flatten(), torch.tensor(mean))
    torch.testing.assert_close(loaded.std.flatten(), torch.tensor(std))
    scaled = std != [0.2, 0.2, 0.3]
    assert len(remarks) == scaled
    assert all("are of pixels in 0 … 255; they were divided by 255" in r for r in remarks)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        (CAFFE, [0.229, 0.224, 0.225]),
        ([0.485, 0.456, 0.406], IMAGENET),
        ([300.0, 1.0, 1.0], IMAGENET),
        ([0.5] * 3, [0.0] * 3),
        ([-1.0] * 3, [0.5] * 3),
        ([0.5], [0.5]),
    ],
)
def test_normalization_that_could_mean_two_things_is_refused(
    tmp_path: Path, mean: list[float], std: list[float]
) -> None:
    save_file(with_statistics(mean, std), tmp_path / "w.safetensors")
    loaded = tiny(3)
    before = {name: value.clone() for name, value in loaded.state_dict().items()}
    with pytest.raises(CurationError, match=r"save them for pixels in|must be finite|does not fit"):
        load_weights(loaded, tmp_path / "w.safetensors")
    assert all(torch.equal(before[name], value) for name, value in loaded.state_dict().items())


def test_a_mean_without_a_std_is_refused(tmp_path: Path) -> None:
    torch.save(prefixed("1.", MEANT) | {"0.mu": torch.full((3, 1, 1), 0.25)}, tmp_path / "w.pt")
    with pytest.raises(CurationError, match="expected mean and std of 3 channels"):
        load_weights(tiny(3), tmp_path / "w.pt")


def test_a_mean_beside_the_weights_without_a_std_is_refused(tmp_path: Path) -> None:
    torch.save({"model": MEANT, "mean": [0.4, 0.5, 0.3], "var": [0.1, 0.1, 0.1]}, tmp_path / "w.pt")
    with pytest.raises(CurationError, match="expected mean and std of 3 channels"):
        load_weights(tiny(3), tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_files_that_hold_something_else_are_named(tmp_path: Path) -> None:
    (tmp_path / "pointer").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n")
    with pytest.raises(CurationError, match="is a Git LFS pointer, not the weights; fetch them with git lfs pull"):
        load_weights(tiny(3), tmp_path / "pointer")
    torch.jit.save(torch.jit.script(tiny(3).network), tmp_path / "program")
    with pytest.raises(CurationError, match="is a TorchScript program; save the model's state dict"):
        load_weights(tiny(3), tmp_path / "program")


@pytest.mark.parametrize("write", [torch.save, save_file])
def test_a_file_of_either_kind_is_read(tmp_path: Path, write: Callable[[State, Path], None]) -> None:
    write(prefixed("module.", MEANT), tmp_path / "w")
    loaded = tiny(3)
    assert load_weights(loaded, tmp_path / "w") == []
    torch.testing.assert_close(loaded.network.state_dict(), MEANT)
