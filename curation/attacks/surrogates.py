"""Surrogates: further networks that an attack uses besides the model under attack."""

from __future__ import annotations

import hashlib
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import nn

from curation.errors import CurationError, UsageError, note_weights
from curation.models.architectures import build
from curation.models.folding import folded
from curation.models.loading import load_weights
from curation.plugin import Settings

KEPT = 8
"""Loaded surrogates that stay in memory, the latest used ones."""


class Surrogate(Settings):
    """A network and its part in an ensemble."""

    architecture: str = Field(description="an architecture's name; see `curation list models`")
    checkpoint: str | None = Field(
        None,
        description="a file of weights (safetensors or a state dict), trained on these classes; None: among a recipe's "
        "variants it is trained on the recipe's samples, as goal_model.train says",
    )
    weight: float = Field(1.0, gt=0, description="weight of its logits in the ensemble's sum")

    def identity(self) -> dict[str, Any]:
        """Return what determines the network's part: architecture, weight and a hash of the file, wherever it lies.

        Raises: UsageError: the file cannot be read.
        """
        return {"architecture": self.architecture, "weight": self.weight, "digest": _digest(*self._stamp())}

    def load(self, *, classes: int, shape: tuple[int, int, int], device: torch.device) -> nn.Module:
        """Return the network, batch norms folded, in evaluation mode; loaded once, and again when the file changes.

        Args: classes: K; shape: (height, width, channels) of the images.
        Raises: UsageError, CurationError: no such file or architecture, or weights that do not fit it and the classes.
        """
        return _load(self.architecture, *self._stamp(), classes, shape, device)

    def _stamp(self) -> tuple[str, int, int]:
        """Path, time of change in ns and size in bytes: while they stay, so do the contents."""
        if self.checkpoint is None:
            raise UsageError(
                f"surrogates: {self.architecture} has no checkpoint; only those of a recipe's variants are trained by "
                "themselves, so give it a file of weights here"
            )
        try:
            about = Path(self.checkpoint).stat()
        except OSError:
            raise UsageError(
                f"surrogates: {self.checkpoint} does not exist or is not readable; give a safetensors file or a state "
                "dict"
            ) from None
        return self.checkpoint, about.st_mtime_ns, about.st_size


@lru_cache(maxsize=256)
def _digest(path: str, changed_ns: int, size: int) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=8)).hexdigest()
    except OSError as error:
        raise UsageError(f"surrogates: the weights file {path} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=KEPT)
def _load(
    architecture: str,
    path: str,
    changed_ns: int,
    size: int,
    classes: int,
    shape: tuple[int, int, int],
    device: torch.device,
) -> nn.Module:
    network = build(architecture, classes=classes, shape=shape)
    try:
        remarks = load_weights(network, path)
    except CurationError as error:
        raise CurationError(f"surrogate {architecture}: {error}") from None
    for remark in remarks:
        note_weights(remark)
    return folded(network).to(device)
