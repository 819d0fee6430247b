"""The model under attack: from images to checked logits, bitwise the same for an image in any batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from curation.errors import CurationError

MULTIPLE = 8
"""Batches are padded to a multiple of this: CPU kernels then give each image the same bits in any batch."""


class Classify:
    """A model, called with any number of images; checks its output and reports each pass."""

    def __init__(
        self,
        model: nn.Module,
        *,
        attack: str,
        largest_label: int = 0,
        multiple: int = MULTIPLE,
        on_pass: Callable[[], None] | None = None,
    ) -> None:
        """Args: attack: its name, for error sentences; multiple: see ``MULTIPLE``; on_pass: called after each pass."""
        self.model = model
        self._attack = attack
        self._largest_label = largest_label
        self._multiple = multiple
        self._on_pass = on_pass
        # One flag on the device, of all passes; a copy with another model shares it.
        self._finite: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        """Return logits, float32 N×K, for images float32 N×C×H×W in [0, 1], N ≥ 1; differentiable.

        Raises: CurationError for anything else than finite logits N×K with K above every label.
        """
        rows = len(images)
        padding = -rows % self._multiple
        padded = torch.cat([images, images[:1].detach().expand(padding, -1, -1, -1)]) if padding else images
        logits = self.model(padded)
        if logits.ndim != 2 or len(logits) != len(padded):
            shape = "×".join(map(str, logits.shape))
            raise CurationError(
                f"{self._attack} needs a model that returns logits N×K, got {shape} for {len(padded)} images"
            )
        if logits.shape[1] <= self._largest_label:
            raise CurationError(
                f"the model has {logits.shape[1]} classes, but {self._attack} was given label {self._largest_label}; "
                "use a model trained on these classes"
            )
        logits = logits[:rows].float()
        finite, first = torch.isfinite(logits.detach()).all(), not self._finite
        self._finite[:] = [finite if first else self._finite[0] & finite]
        # An accelerator would stop to answer: it is asked after the first pass and, by the attack, after the last.
        if first or logits.device.type == "cpu":
            self.check()
        if self._on_pass:
            self._on_pass()
        return logits

    def check(self) -> None:
        """Raise CurationError where one of the passes gave logits that are not finite."""
        if self._finite and not self._finite[0]:
            raise CurationError(f"the model returned NaN or infinite logits to {self._attack}; its weights are broken")


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Run a model in evaluation mode without parameter gradients, then give back each module's and each flag."""
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.eval().requires_grad_(False)
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
