"""The contract of an attack: images in, the worst images found inside the ball out, on the 8-bit grid."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from curation.attacks.ball import Norm, to_grid
from curation.errors import CurationError
from curation.plugin import PixelFloat, Plugin
from curation.randomness import SampleRandom

Classify = Callable[[Tensor], Tensor]
"""From images to logits, through the model under attack; checks what comes out."""

OnStep = Callable[[int, int], None]
"""Called after every pass through the model with (images finished, images in all); may raise to stop the work."""

MULTIPLE = 8
"""Sub-batches are padded to a multiple of this: CPU kernels then give each image the same bits in any batch."""


class Attack(Plugin):
    """One way to find adversarial images. A member writes ``perturb``; ``__call__`` checks and projects around it."""

    norm: Norm = Field(
        "linf", description="bounds what may change: linf each pixel value, l2 the root of their squares"
    )
    epsilon: PixelFloat = Field(
        8 / 255, gt=0, le=1, description="largest change, pixels in [0, 1]; in linf at least 1/255 to show in 8 bits"
    )

    @field_validator("epsilon", mode="wrap")
    @classmethod
    def _in_pixel_units(cls, value: Any, check: Callable[[Any], float]) -> float:
        try:
            return check(value)
        except ValueError:
            too_large = isinstance(value, int | float) and value > 1
            hint = f"pixel values are in [0, 1], use {value}/255" if too_large else "write it as 8/255 or 0.03"
            raise ValueError(f"must be in (0, 1]; {hint}") from None

    def __call__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        *,
        seeds: Tensor,
        batch_size: int = 128,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """Attack a batch.

        Args:
            model: from float32 images in [0, 1] to logits N×K, on the images' device; it is run in evaluation mode, and
                its mode, parameters and gradients are left as they were.
            images: float32 N×C×H×W in [0, 1]; left as they are.
            labels: int64 N in [0, K): the classes to lead away from.
            seeds: int64 N, one a sample (``curation.randomness.stream_seeds``); nothing else is random.
            batch_size: images worked on at a time, rounded up to a multiple of 8. It bounds memory and does not change
                the result; neither do order and number of the images (on a CPU, to the bit).
            on_step: see ``OnStep``.

        Returns: float32, same shape and device: values k/255 in [0, 1], within epsilon of the images. (An image off the
            8-bit grid with no grid point so near becomes its nearest one.)
        Raises: CurationError for images, labels or seeds that do not fit, or a model that returns something else than
            finite logits.
        """
        _check(self.name, images, labels, seeds)
        images, labels, seeds = images.detach(), labels.to(images.device), seeds.to(images.device)
        total = len(images)
        size = -(-max(batch_size, 1) // MULTIPLE) * MULTIPLE
        # Gradients are needed even where the caller runs in inference mode.
        with torch.inference_mode(False), torch.enable_grad(), _untouched(model):
            out = torch.empty_like(images)
            for start in range(0, total, size):
                rows = torch.arange(start, min(start + size, total), device=images.device)
                padded = rows[torch.arange(-(-len(rows) // MULTIPLE) * MULTIPLE, device=rows.device) % len(rows)]
                some, random = images[padded], SampleRandom(seeds[padded])
                classify = _checked(model, self.name, int(labels.max()), start, total, on_step)
                found = self.perturb(classify, some, labels[padded], random)
                out[rows] = to_grid(found.detach(), some, self.norm, self.epsilon)[: len(rows)]
        if on_step and total:
            on_step(total, total)
        return out

    @abstractmethod
    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the worst images found; the caller projects them into the ball and onto the 8-bit grid.

        Args: as for ``__call__``, for one sub-batch; gradients with respect to the images are available.
        """


def _check(name: str, images: Tensor, labels: Tensor, seeds: Tensor) -> None:
    if images.dtype != torch.float32 or images.ndim != 4:
        shape = "×".join(map(str, images.shape))
        raise CurationError(f"{name} takes float32 images N×C×H×W in [0, 1], got {images.dtype} {shape}")
    if labels.dtype != torch.int64 or labels.shape != (len(images),):
        raise CurationError(f"{name} needs one int64 label an image, got {labels.dtype} {tuple(labels.shape)}")
    if seeds.shape != (len(images),):
        raise CurationError(f"{name} needs one seed an image, got {tuple(seeds.shape)} for {len(images)} images")
    if not len(images):
        return
    low, high = torch.aminmax(images)
    if not (low >= 0 and high <= 1):
        raise CurationError(f"{name} takes pixels in [0, 1], got {low:.3g} … {high:.3g}; divide uint8 by 255")
    if labels.min() < 0:
        raise CurationError(f"{name} takes labels in 0 … K − 1, got {int(labels.min())}")


def _checked(
    model: nn.Module, name: str, largest_label: int, done: int, total: int, on_step: OnStep | None
) -> Classify:
    def classify(images: Tensor) -> Tensor:
        logits = model(images)
        if logits.ndim != 2 or len(logits) != len(images):
            shape = "×".join(map(str, logits.shape))
            raise CurationError(f"{name} needs a model that returns logits N×K, got {shape} for {len(images)} images")
        if logits.shape[1] <= largest_label:
            raise CurationError(
                f"the model tells {logits.shape[1]} classes apart, but label {largest_label} was given to {name}; "
                "use a model trained on these classes"
            )
        if not torch.isfinite(logits).all():
            raise CurationError(f"the model returned NaN or infinite logits to {name}; its weights are broken")
        if on_step:
            on_step(done, total)
        return logits

    return classify


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
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
