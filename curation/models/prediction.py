"""What a classifier says of many images, batch by batch, in whatever memory there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from curation.errors import CurationError


def predict(
    model: nn.Module, images: np.ndarray, *, device: str | torch.device = "cpu", batch_size: int = 512
) -> Tensor:
    """Return logits, float32 N×K on the CPU, for uint8 images N×H×W×C (N ≥ 1; may be memory-mapped).

    A batch that does not fit into memory is halved, down to one image. Raises: CurationError: that is too much as well.
    """
    was_training = model.training
    parts: list[Tensor] = []
    done = 0
    with enough_memory("prediction"):
        model.to(device).eval()
        try:
            while done < len(images):
                logits = _logits(model, images[done : done + batch_size], device, may_fail=batch_size > 1)
                if logits is None:
                    batch_size = max(min(batch_size, len(images) - done) // 2, 1)
                    continue
                parts.append(logits)
                done += len(logits)
        finally:
            model.train(was_training)
    return torch.cat(parts)


@torch.inference_mode()
def _logits(model: nn.Module, pixels: np.ndarray, device: str | torch.device, *, may_fail: bool) -> Tensor | None:
    """Return the logits of one batch, or None where memory did not suffice."""
    try:
        return model(to_device(pixels, device)).float().cpu()
    except (RuntimeError, MemoryError) as error:
        if not may_fail or not out_of_memory(error):
            raise
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
    return None


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


def to_device(pixels: np.ndarray, device: str | torch.device) -> Tensor:
    """Return uint8 N×H×W×C as float32 N×C×H×W in [0, 1] on a device."""
    tensor = torch.from_numpy(np.array(pixels, order="C")).to(device)
    return tensor.permute(0, 3, 1, 2).float().div_(255)


def out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory did not suffice: of an accelerator, of torch on the CPU, of NumPy."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    words = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")
    return isinstance(error, RuntimeError) and any(part in str(error).lower() for part in words)


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Turn a lack of memory inside into a sentence. Args: what: the work, as the sentence's subject."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise CurationError(
            f"{what} needs more memory than there is, even in the smallest batches; close other programs, or use a "
            "smaller architecture or smaller images"
        ) from None
