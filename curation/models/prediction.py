"""What a classifier says of many images, batch by batch, in whatever memory there is."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from curation.errors import CurationError
from curation.memory import TOO_LITTLE, Fitting, enough_memory


def predict(
    model: nn.Module, images: np.ndarray | Tensor, *, device: str | torch.device = "cpu", batch_size: int = 512
) -> Tensor:
    """Return logits, float32 N×K on the CPU, for uint8 images N×H×W×C (N ≥ 1; may be memory-mapped, or on the device).

    A batch that does not fit into memory is halved, down to one image. Raises: CurationError: that is too much as well.
    """
    was_training = model.training
    parts: list[Tensor] = []
    done, fitting = 0, Fitting(batch_size, device=device)
    with enough_memory(TOO_LITTLE.format("prediction")):
        model.to(device).eval()
        try:
            while done < len(images):
                with fitting.attempt(len(images) - done):
                    parts.append(_logits(model, images[done : done + fitting.size], device))
                    done += len(parts[-1])
        finally:
            model.train(was_training)
    return torch.cat(parts)


@torch.inference_mode()
def _logits(model: nn.Module, pixels: np.ndarray | Tensor, device: str | torch.device) -> Tensor:
    return model(to_device(pixels, device)).float().cpu()


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
