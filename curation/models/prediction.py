"""What a classifier says of many images, batch by batch, in whatever memory there is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from curation.errors import CurationError
from curation.memory import TOO_LITTLE, Fitting, enough_memory
from curation.models.features import logits_and_features


def predict(
    model: nn.Module, images: np.ndarray | Tensor, *, device: str | torch.device = "cpu", batch_size: int = 512
) -> Tensor:
    """Return logits, float32 N×K on the CPU, for uint8 images N×H×W×C (N ≥ 1; may be memory-mapped, or on the device).

    A batch that does not fit into memory is halved, down to one image. Raises: CurationError: that is too much as well.
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
    parts: list[list[Tensor]] = []
    done, fitting = 0, Fitting(batch_size, device=device)
    with enough_memory(TOO_LITTLE.format(what)):
        model.to(device).eval()
        try:
            while done < len(images) or not parts:
                with fitting.attempt(len(images) - done), torch.inference_mode():
                    batch = to_device(images[done : done + fitting.size], device)
                    parts.append([answer.float().cpu() for answer in ask(batch)])
                    done += len(batch)
        finally:
            model.train(was_training)
    return [torch.cat(answers) for answers in zip(*parts, strict=True)]


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
