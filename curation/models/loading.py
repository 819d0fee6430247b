"""Weights from files, other people's included: checked layer by layer, and no code in them is ever run."""

from __future__ import annotations

import io
import pickle
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from curation.errors import CurationError
from curation.models.classifier import Classifier

NESTS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys under which training scripts keep the state dict."""

PICKLED = (b"PK", b"\x80")
"""How files that ``torch.save`` or ``pickle`` wrote begin."""

STATISTICS = {"mean": "mean", "mu": "mean", "std": "std", "sigma": "std"}
"""Last part of a buffer's name → the classifier's buffer: normalization that was saved with the weights."""


def save_weights(model: nn.Module, path: Path | str) -> None:
    """Write a model's parameters and buffers, normalization included, as safetensors."""
    from safetensors.torch import save_file

    save_file({name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}, str(path))


def load_weights(model: nn.Module, path: Path | str) -> None:
    """Fill a model with the weights in a file; the model is unchanged when they do not fit.

    Args:
        model: what ``build`` returned, or any module.
        path: safetensors, or a PyTorch state dict: bare or under a key such as ``state_dict``, its names with or
            without a wrapper's prefix (``module.``, ``model.``, ``1.``). Normalization that lies beside the weights is
            taken over; without it the architecture's own is kept. Layers whose names begin as one of the network's
            ``unused`` are passed over.

    Raises: CurationError: the file is missing, damaged, or would run code; or which layers do not fit.
    """
    path = Path(path)
    found = _read(path)
    network = model.network if isinstance(model, Classifier) else model
    assert isinstance(network, nn.Module)
    expected = network.state_dict()
    prefix = _prefix(expected, found)
    weights = {name.removeprefix(prefix): value for name, value in found.items()}
    unused: tuple[str, ...] = getattr(network, "unused", ())
    for name in [name for name in weights if name.startswith(unused)]:
        del weights[name]
    statistics: dict[str, Tensor] = {}
    if isinstance(model, Classifier):
        for name in [name for name in weights if name not in expected]:
            buffer = STATISTICS.get(name.rpartition(".")[2])
            if buffer and weights[name].numel() == model.mean.numel():
                statistics[buffer] = weights.pop(name)
    _check(network, expected, weights, path)
    network.load_state_dict(weights, strict=False)
    with torch.no_grad():
        for buffer, value in statistics.items():
            target = getattr(model, buffer)
            target.copy_(value.reshape(target.shape))


def _read(path: Path) -> dict[str, Tensor]:
    """Return the tensors in a file, by name."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CurationError(f"there is no weights file {path}") from None
    except OSError as error:
        raise CurationError(f"weights file {path} cannot be read: {error.strerror}") from None
    damaged = CurationError(
        f"weights file {path} is damaged or of another format; expected safetensors or a PyTorch state dict"
    )
    if data[8:9] == b"{":
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return load(data)
        except SafetensorError:
            raise damaged from None
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        if not data.startswith(PICKLED):
            raise damaged from None
        raise CurationError(
            f"weights file {path} holds Python objects besides tensors; loading them could run code, so nothing was "
            "loaded: save it again as safetensors or as a plain state dict"
        ) from None
    except Exception:  # a damaged file fails anywhere inside the reader
        raise damaged from None
    return _tensors(content, path)


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the state dict, however deep it lies in a training script's checkpoint."""
    while isinstance(content, Mapping):
        tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
        nest = next((key for key in NESTS if isinstance(content.get(key), Mapping)), None)
        if nest is None and tensors:
            return tensors
        content = content.get(nest)
    raise CurationError(f"weights file {path} holds no weights; expected a state dict, bare or under {NESTS[0]!r}")


def _prefix(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Return the wrapper's prefix under which most of the expected names are found."""
    prefixes = {""}
    for name in found:
        parts = name.split(".")
        prefixes |= {".".join(parts[:depth]) + "." for depth in range(1, min(4, len(parts)))}
    fits = Counter({prefix: sum(prefix + name in found for name in expected) for prefix in prefixes})
    return max(fits, key=lambda prefix: (fits[prefix], -len(prefix)))


def _check(network: nn.Module, expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    linear = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    head = f"{linear[-1]}.weight" if linear else ""
    if head in found:
        (theirs, *width), (ours, *wanted) = found[head].shape, expected[head].shape
        if theirs != ours and width == wanted:
            raise CurationError(
                f"weights file {path} is of a model with {theirs} classes, the data has {ours}; "
                "use weights trained on these classes"
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
