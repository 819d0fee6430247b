"""Weights from files, other people's included: checked layer by layer, and no code in them is ever run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from curation.errors import CurationError
from curation.models.checkpoint import read_detector, read_weights
from curation.models.classifier import Classifier
from curation.models.normalization import normalization


def save_weights(model: nn.Module, path: Path | str) -> None:
    """Write a model's parameters and buffers, normalization included, as safetensors."""
    from safetensors.torch import save_file

    save_file({name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}, str(path))


class OtherClasses(CurationError):
    """Weights whose last layer has another number of classes than the data; ``load_body`` takes the rest of them."""


def load_weights(model: nn.Module, path: Path | str) -> list[str]:
    """Fill a model with the weights in a file; the model is unchanged when they do not fit.

    Args:
        model: what ``build`` returned, or any module.
        path: safetensors, or a PyTorch state dict: bare or in a training script's checkpoint, its names with or without
            a wrapper's prefix (``module.``, ``model.``, ``_orig_mod.``, ``1.``). Normalization that lies beside the
            weights is taken over; without it the architecture's own is kept. Layers whose names begin as one of the
            network's ``unused`` are passed over, and so is a detector that the model has no place for.

    Returns: sentences for people: that averaged weights were taken, that normalization was brought to [0, 1].
    Raises: CurationError: the file is missing, damaged, or would run code; or which layers do not fit; ``OtherClasses``
        where the last one has another number of classes.
    """
    return _load(model, Path(path), new_head=False)[0]


def load_body(model: nn.Module, path: Path | str) -> tuple[list[str], list[str]]:
    """Fill a model with the weights in a file but for its head, which keeps those that it has; see ``load_weights``.

    The head is the last linear layer; auxiliary ones that differ in the number of classes alone count to it.

    Returns: the sentences, and the names in the state dict of what keeps its weights.
    """
    return _load(model, Path(path), new_head=True)


def head_of(model: nn.Module) -> str:
    """Return the name of a model's last linear layer. Raises: CurationError: it has none."""
    linear = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    if not linear:
        raise CurationError("a classifier's head is its last linear layer, and this model has none")
    return linear[-1]


def _load(model: nn.Module, path: Path, *, new_head: bool) -> tuple[list[str], list[str]]:
    network = model.network if isinstance(model, Classifier) else model
    assert isinstance(network, nn.Module)
    expected = network.state_dict()
    weights, statistics, remarks = read_weights(path, expected)
    unused: tuple[str, ...] = getattr(network, "unused", ())
    for name in [name for name in weights if name.startswith(unused)]:
        del weights[name]
    kept = _heads(network, expected, weights) if new_head else []
    for name in kept:
        weights.pop(name, None)
    _check(network, {name: value for name, value in expected.items() if name not in kept}, weights, path)
    if isinstance(model, Classifier) and statistics:
        statistics, scaled = normalization(statistics, channels=model.mean.numel(), path=path)
        remarks = [*remarks, *scaled]
    network.load_state_dict(weights, strict=False)
    if isinstance(model, Classifier):
        with torch.no_grad():
            for buffer, value in statistics.items():
                target = getattr(model, buffer)
                target.copy_(value.reshape(target.shape))
    if isinstance(model, Classifier) and model.detector is not None:
        _load_detector(model.detector, path)
    prefix = "network." if isinstance(model, Classifier) else ""
    return remarks, [prefix + name for name in kept]


def _load_detector(detector: nn.Module, path: Path) -> None:
    found = read_detector(path)
    if not found:
        raise CurationError(
            f"weights file {path} has no detector; use one of a goal model that was trained with the method "
            "cooperative, or another goal_model.train.method"
        )
    try:
        detector.load_state_dict(found)
    except RuntimeError:
        raise CurationError(
            f"weights file {path} holds a detector of another form; use the detector settings that it was trained with"
        ) from None


def _heads(network: nn.Module, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the last linear layer's tensors, and of those that differ from the file's as they do."""
    head = head_of(network)
    weight = f"{head}.weight"
    counts = expected[weight].shape[:1], found[weight].shape[:1] if weight in found else None

    def differs(ours: torch.Size, theirs: torch.Size) -> bool:
        return ours != theirs and (ours[:1], theirs[:1]) == counts and ours[1:] == theirs[1:]

    return [
        name
        for name, value in expected.items()
        if name.startswith(f"{head}.") or (name in found and differs(value.shape, found[name].shape))
    ]


def _check(network: nn.Module, expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    linear = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    head = f"{linear[-1]}.weight" if linear else ""
    if head in found and head in expected:
        (theirs, *width), (ours, *wanted) = found[head].shape, expected[head].shape
        if theirs != ours and width == wanted:
            raise OtherClasses(
                f"weights file {path} is of a model with {theirs} classes, the data has {ours}; "
                "use weights trained on these classes"
            )
    first = next((name for name, value in expected.items() if value.ndim == 4), "")
    if first in found and found[first].ndim == 4:
        shape, channels = found[first].shape, expected[first].shape[1]
        if shape[1] != channels and (shape[0], *shape[2:]) == (expected[first].shape[0], *expected[first].shape[2:]):
            raise CurationError(
                f"weights file {path} is of a model for images of {shape[1]} channel{'s' * (shape[1] != 1)}, the data "
                f"has {channels}; use weights trained on such images"
            )
    wrong = [
        f"{name} should be {_size(value)} and is {_size(found[name])}"
        for name, value in expected.items()
        if name in found and found[name].shape != value.shape
    ]
    # Files written before PyTorch 0.4.1 have no such counters; nothing here uses them.
    missing = [n for n in expected if n not in found and not n.endswith("num_batches_tracked")]
    wrong += [f"{name} ({_size(expected[name])}) is missing" for name in missing]
    wrong += [f"{name} ({_size(found[name])}) has no place" for name in sorted(found) if name not in expected]
    if wrong:
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CurationError(
            f"weights file {path} does not fit the architecture: {'; '.join(wrong[:3])}{more}; "
            "choose the architecture it was trained with"
        )


def _size(value: Tensor) -> str:
    return "×".join(map(str, value.shape)) or "one number"
