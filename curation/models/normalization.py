"""The normalization in a weights file, under whatever name: mean and std of each channel, for pixels in [0, 1]."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from curation.errors import CurationError

_NAMES = re.compile(
    r"(?:(?:pixel|image|img|data|dataset|input|channel|rgb|norm|normalize)_?)?"
    r"(?:(?P<mean>means?|mu)|(?P<std>stds?|std_?devs?|sds?|sigma))"
)


def buffer_of(name: str) -> str | None:
    """Return which buffer of a classifier a name is, ``mean`` or ``std``, by its last part; None: neither."""
    match = _NAMES.fullmatch(name.rpartition(".")[2].lower())
    return match.lastgroup if match else None


def taken_out(tensors: dict[str, Tensor], expected: Iterable[str]) -> dict[str, Tensor]:
    """Take the normalization out of a state dict; what is ``expected`` is the network's own."""
    own = set(expected)
    found = {name: buffer for name in tensors if name not in own and (buffer := buffer_of(name)) is not None}
    return {buffer: tensors.pop(name).float() for name, buffer in found.items()}


def beside(nests: Iterable[Mapping[Any, Any]], *, channels: int | None) -> dict[str, Tensor]:
    """Return the normalization that a training script wrote beside the weights; empty where there is none.

    Args: nests: of the checkpoint, the outermost first; channels: of the network's input. A mean alone is told from
        another figure of that name by being of as many numbers, and more than one.
    """
    for nest in nests:
        named = {buffer: value for key, value in nest.items() if (buffer := buffer_of(str(key))) is not None}
        try:
            found = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in named.items()}
        except (TypeError, ValueError, RuntimeError):
            continue  # under these names lies something else
        several = channels is not None and channels > 1 and any(v.numel() == channels for v in found.values())
        if set(found) == {"mean", "std"} or several:
            return found
    return {}


def normalization(
    statistics: Mapping[str, Tensor], *, channels: int, path: Path
) -> tuple[dict[str, Tensor], list[str]]:
    """Return mean and std for pixels in [0, 1], and a sentence where a file has them for pixels in 0…255.

    A network that is shown (255 x − m) / s is shown (x − m / 255) / (s / 255): both are divided, whatever they are.

    Args: statistics: mean and std, of as many numbers as there are channels.
    Raises: CurationError: one is missing, or nothing tells of which range they are.
    """
    mean, std = (statistics.get(name) for name in ("mean", "std"))
    if mean is None or std is None or mean.numel() != channels or std.numel() != channels:
        sizes = {name: value.numel() for name, value in statistics.items()}
        raise CurationError(
            f"weights file {path} has normalization that does not fit: {sizes}; expected mean and std of {channels} "
            f"channel{'s' * (channels > 1)}"
        )
    written = f"mean {_numbers(mean)} and std {_numbers(std)}"
    if not (torch.isfinite(mean).all() and torch.isfinite(std).all() and (std > 0).all() and (mean >= 0).all()):
        raise CurationError(f"weights file {path} has {written}; they must be finite, and std above 0")
    if mean.max() <= 1 and std.max() <= 1:
        return {"mean": mean, "std": std}, []
    if mean.max() <= 255 and std.min() >= 1 and std.max() <= 255 and (mean.max() > 1 or not mean.any()):
        return {"mean": mean / 255, "std": std / 255}, [
            f"weights file {path}: {written} are of pixels in 0 … 255; they were divided by 255"
        ]
    raise CurationError(
        f"weights file {path} has {written}, neither of pixels in [0, 1] nor of pixels in 0 … 255; save them for "
        "pixels in [0, 1]"
    )


def _numbers(values: Tensor) -> str:
    return ", ".join(f"{value:.4g}" for value in values.flatten().tolist())
