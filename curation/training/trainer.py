"""Training a classifier from scratch, plainly or adversarially, epoch by epoch, to the bit resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curation.errors import CurationError
from curation.models.prediction import to_device
from curation.training.batches import adversarial, augmented
from curation.training.settings import Training

OnStep = Callable[[int, int], None]
"""Called after every batch with (images done since the first epoch, images in all epochs); may raise to stop."""

WARM_UP = 0.1
"""Share of the steps over which the learning rate rises to its full value."""


@dataclass(frozen=True)
class Epoch:
    """What one pass over the images did.

    epoch: 1 … epochs; loss: mean, in nats; accuracy: on the images as trained on, in [0, 1]; state: tensors and plain
    values on the CPU, all that ``train`` needs to go on from here.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    images_per_s: float
    state: dict[str, Any]


def train(
    model: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    settings: Training,
    seed: int,
    device: str | torch.device = "cpu",
    resume: dict[str, Any] | None = None,
    on_step: OnStep | None = None,
) -> Iterator[Epoch]:
    """Train a model in place and yield after every epoch.

    Args:
        model: from float32 images in [0, 1] to logits N×K; moved to the device. With the last epoch it holds the final
            weights (averaged, where asked for) and is in evaluation mode.
        images: uint8 N×H×W×C, N ≥ 2; may be memory-mapped: one batch at a time is read.
        labels: integers N in [0, K).
        seed: of order, augmentation and adversarial starts. Each epoch's draws derive from it and the epoch's number:
            going on from a ``state`` gives the same weights, on the CPU to the bit, as never having stopped.
        resume: the ``state`` of an earlier epoch; after the last one its weights are loaded and nothing is yielded.

    The global random state is left as it was.
    Raises: CurationError: images or labels that do not fit, a state of another model, or a loss that is not finite.
    """
    _check(images, labels)
    device = torch.device(device)
    model.to(device)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.momentum > 0,
        weight_decay=settings.weight_decay,
    )
    average = {name: value.clone() for name, value in model.state_dict().items()} if settings.average else None
    first = _restore(resume, model, optimizer, average) if resume else 0
    steps = math.ceil(len(images) / settings.batch_size)
    for epoch in range(first, settings.epochs):
        started = time.perf_counter()
        model.train()
        draws = torch.Generator().manual_seed(_epoch_seed(seed, epoch))
        order = torch.randperm(len(images), generator=draws).numpy()
        loss_sum, right, done = 0.0, 0, 0
        # Parts of equal size: a last batch of one image would break batch normalisation.
        for index, rows in enumerate(np.array_split(order, steps)):
            step = epoch * steps + index
            optimizer.param_groups[0]["lr"] = settings.learning_rate * _rate(step, settings.epochs * steps)
            with _layers_draw_from(_epoch_seed(seed, epoch) + index, device):
                loss, correct = _step(model, optimizer, images[rows], labels[rows], settings, draws, device)
            if not math.isfinite(loss):
                raise CurationError(
                    f"training broke down in epoch {epoch + 1}: the loss is {loss}; use a learning_rate below "
                    f"{settings.learning_rate:g}"
                )
            if average is not None:
                _blend(average, model.state_dict(), min(settings.average, (1 + step) / (10 + step)))
            loss_sum, right, done = loss_sum + loss * len(rows), right + correct, done + len(rows)
            if on_step:
                on_step(epoch * len(images) + done, settings.epochs * len(images))
        state = {
            "epoch": epoch + 1,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "average": average,
        }
        state = _copy(state)
        if epoch + 1 == settings.epochs:
            _finish(model, average)
        rate = done / (time.perf_counter() - started)
        yield Epoch(epoch + 1, settings.epochs, loss_sum / done, right / done, rate, state)
    if first >= settings.epochs:
        _finish(model, average)


def _check(images: np.ndarray, labels: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4:
        raise CurationError(f"training takes uint8 images N×H×W×C, got {images.dtype} {images.shape}")
    if len(images) < 2 or labels.shape != (len(images),):
        raise CurationError(f"training needs 2 images or more and a label for each, got {images.shape}, {labels.shape}")
    if labels.min() < 0:
        raise CurationError(f"training takes labels in 0 … K − 1, got {labels.min()}")


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    pixels: np.ndarray,
    classes: np.ndarray,
    settings: Training,
    draws: torch.Generator,
    device: torch.device,
) -> tuple[float, int]:
    """Learn from one batch; return its mean loss and how many images were classified correctly."""
    if settings.augment:
        pixels = augmented(pixels, padding_px=settings.crop_padding_px, flip=settings.flip, draws=draws)
    images = to_device(pixels, device)
    labels = torch.from_numpy(np.asarray(classes, dtype=np.int64)).to(device)
    if settings.method == "adversarial":
        images = adversarial(model, images, labels, epsilon=settings.epsilon, steps=settings.steps, draws=draws)
    logits = model(images)
    if logits.shape[1] <= int(classes.max()):
        raise CurationError(f"the model tells {logits.shape[1]} classes apart, got a label {classes.max()}")
    loss = F.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item(), int((logits.argmax(1) == labels).sum())


def _rate(step: int, steps: int) -> float:
    """Return the share of the full learning rate: a linear rise, then half a cosine down to zero."""
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _epoch_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 2)


@contextmanager
def _layers_draw_from(seed: int, device: torch.device) -> Iterator[None]:
    """Layers such as dropout know only the global generators: seed them, and give them back as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed(seed)
        yield


def _blend(average: dict[str, Tensor], current: dict[str, Tensor], decay: float) -> None:
    """Move the average towards the current weights and buffers; counters are copied."""
    for name, value in current.items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


def _finish(model: nn.Module, average: dict[str, Tensor] | None) -> None:
    if average is not None:
        model.load_state_dict(average)
    model.eval()


def _restore(
    state: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer, average: dict[str, Tensor] | None
) -> int:
    """Load a state and return how many epochs it has behind it."""
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(_copy(state["optimizer"]))
        for name, value in (average or {}).items():
            value.copy_(state["average"][name])
        return int(state["epoch"])
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise CurationError("the state to go on from belongs to another model or other settings; start over") from None


def _copy(value: Any) -> Any:
    """Return nested plain data with every tensor copied to the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _copy(part) for key, part in value.items()}
    return [_copy(part) for part in value] if isinstance(value, list | tuple) else value
