"""What a classifier says of many images, batch by batch, in whatever memory there is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from curation.copying import blocks, fetched
from curation.errors import CurationError
from curation.memory import TOO_LITTLE, Fitting, enough_memory
from curation.models.features import logits_and_features


def predict(
    model: nn.Module, images: np.ndarray | Tensor, *, device: str | torch.device = "cpu", batch_size: int = 512
) -> Tensor:
    """Return logits, float32 N×K on the CPU, for uint8 images N×H×W×C (N ≥ 1; may be memory-mapped, or on the device).

    Args: batch_size: as of ``by_batches``. Raises: CurationError: not even one image fits into memory.
    """
    return _asked(model, images, lambda pixels: (model(pixels),), device, batch_size, "prediction")[0]


def predict_with_features(
    model: nn.Module, images: np.ndarray | Tensor, *, device: str | torch.device = "cpu", batch_size: int = 512
) -> tuple[Tensor, Tensor]:
    """Return logits, float32 N×K, and features of the penultimate layer, float32 N×D; see ``predict``."""
    both = _asked(model, images, lambda pixels: logits_and_features(model, pixels), device, batch_size, "an embedding")
    return both[0], both[1]


def _asked(
    model: nn.Module,
    images: np.ndarray | Tensor,
    ask: Callable[[Tensor], tuple[Tensor, ...]],
    device: str | torch.device,
    batch_size: int,
    what: str,
) -> list[Tensor]:
    """Return what a model in evaluation mode answers for all images, float32 on the CPU; what: needs the memory."""
    was_training = model.training
    with enough_memory(TOO_LITTLE.format(what)):
        model.to(device).eval()
    try:
        parts = by_batches(ask, images, what, device=device, batch_size=batch_size)
    finally:
        model.train(was_training)
    return [torch.cat(answers) for answers in zip(*parts, strict=True)]


@torch.inference_mode()
def by_batches(
    ask: Callable[[Tensor], tuple[Tensor, ...]],
    images: np.ndarray | Tensor,
    what: str,
    *,
    device: str | torch.device,
    batch_size: int,
) -> list[tuple[Tensor, ...]]:
    """Return what is answered for each batch, float32 on the CPU, of uint8 images N×H×W×C; of none there is one of 0.

    Args:
        ask: from float32 images N×C×H×W in [0, 1] on the device to tensors there.
        what: needs the memory, for the sentence where there is too little.
        batch_size: images at first; a batch that does not fit is halved, and see ``Fitting`` of an accelerator.
    """
    fitting, found = Fitting(batch_size, device=device, grows=True), list[tuple[Callable[[], Tensor], ...]]()
    with enough_memory(TOO_LITTLE.format(what)):
        for block in blocks(images, device):
            done = 0
            while done < len(block) or not found:
                with fitting.attempt(len(block) - done):
                    batch = to_device(block[done : done + fitting.size], device)
                    found.append(tuple(fetched(answer.float()) for answer in ask(batch)))
                    done += len(batch)
    return [tuple(answer() for answer in batch) for batch in found]


def evaluate(
    model: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    device: str | torch.device = "cpu",
    batch_size: int = 512,
) -> float:
    """Return the accuracy, in [0, 1], on uint8 images N×H×W×C with integer labels N, N ≥ 1."""
    if not len(images):
        raise CurationError("accuracy needs at least one image, got none")
    predicted = predict(model, images, device=device, batch_size=batch_size).argmax(1).numpy()
    return float((predicted == np.asarray(labels)).mean())


def to_device(pixels: np.ndarray | Tensor, device: str | torch.device) -> Tensor:
    """Return uint8 N×H×W×C as float32 N×C×H×W in [0, 1] on a device."""
    tensor = (pixels if isinstance(pixels, Tensor) else torch.from_numpy(np.array(pixels, order="C"))).to(device)
    return tensor.permute(0, 3, 1, 2).float().div_(255)
