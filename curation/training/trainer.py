"""Training a classifier, from scratch or from the weights that it has, epoch by epoch, resumable to the bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from curation.errors import CurationError
from curation.memory import TOO_LITTLE, enough_memory
from curation.models.prediction import predict
from curation.threads import torch_threads
from curation.training.batches import Batches
from curation.training.learner import Learner
from curation.training.order import Order
from curation.training.precision import reproducible
from curation.training.samplers import About, Showing, Shown, counts_of
from curation.training.schedule import learning_rate
from curation.training.settings import Training

OnStep = Callable[[int, int], None]
"""Called after every batch with (images done since the first epoch, images in all epochs); may raise to stop."""

DIVERGED_NATS = 1e4
"""A mean loss above this never comes from a training that works."""

STEPS_UNSEEN = 16
"""An accelerator is asked for its losses only after so many batches: asking makes it wait."""


@dataclass(frozen=True)
class Epoch:
    """What one pass over the images did.

    epoch: 1 … epochs; loss: mean, in nats; accuracy: on the images as trained on, in [0, 1]; learning_rate: of its last
    step; seconds: by the clock; margins: float32 N, in the order of the images: the logit of a sample's own label less
    the largest other one, as trained on (augmented; mixed or adversarial where asked for; a soft label counts as its
    likeliest class; NaN where sampling left an image out), for ``Dynamics``; shown: how many images; covered: how many
    were shown in this epoch or an earlier one; state: tensors and plain values on the CPU, all that ``train`` needs to
    go on.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    images_per_s: float
    learning_rate: float
    seconds: float
    margins: np.ndarray
    shown: int
    covered: int
    state: dict[str, Any]


def train(
    model: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    settings: Training,
    seed: int,
    weights: np.ndarray | None = None,
    rates: Mapping[str, float] | None = None,
    showing: Showing | None = None,
    device: str | torch.device = "cpu",
    resume: dict[str, Any] | None = None,
    on_step: OnStep | None = None,
) -> Iterator[Epoch]:
    """Train a model in place and yield after every epoch.

    Args:
        model: from float32 images in [0, 1] to logits N×K; moved to the device. With the last epoch it holds the final
            weights (averaged, where asked for) and is in evaluation mode.
        images: uint8 N×H×W×C, N ≥ 2; may be memory-mapped: one batch at a time is read.
        labels: integers N in [0, K), or soft labels, floats N×K, each row non-negative with a sum of 1.
        seed: of order, augmentation and adversarial starts; a seed in the settings overrides it. Each epoch's draws
        derive
            from it and the epoch's number: going on from a ``state`` gives the same weights, to the bit on the same
            kind of processor, as never having stopped.
        weights: floats N ≥ 0: how much each sample counts; a batch's loss is the weighted mean. None: all the same.
        rates: each parameter's share of the learning rate, by name. Those of 0 are frozen: they take no gradient, and
            a layer all of whose parameters are frozen is in evaluation mode, its statistics as they are. None: 1 each.
        showing: of these images, by ``settings.sampling``: what its ``of`` makes of all that is known of them. None:
            with a sampler, of the labels alone; without one, every epoch shows all.
        resume: the ``state`` of an earlier epoch; after the last one its weights are loaded and nothing is yielded.

    A batch that does not fit into memory is split, its gradients added up. The global random state is left as it was.
    Raises: CurationError: images, labels or weights that do not fit, a state of another model, a loss that is not
        finite, or too little memory.
    """
    device = torch.device(device)
    seed = seed if settings.seed is None else settings.seed
    with enough_memory(TOO_LITTLE.format("training")):
        classes = _check(model, images, labels, weights, device)
        showing = _checked(shown_of(settings, labels) if showing is None else showing, settings, len(images))
        altered = None if showing is None else showing.altered
        batches = Batches(images, labels, weights, settings=settings, classes=classes, device=device, altered=altered)
        shape = (images.shape[1], images.shape[2], images.shape[3])
        along = settings.how().prepare(model, shape=shape, seed=seed)
        learner = Learner(model, settings, device, {**(rates or {}), **along})
        order = None if showing is None else Order(showing, learner.model, batches.images, device)
        first = _restore(learner, order, resume) if resume else 0
    threads = settings.threads if device.type == "cpu" else None
    counts = counts_of(showing, len(images), settings.epochs)
    for epoch in range(first, settings.epochs):
        started = time.perf_counter()
        before, total, now = sum(counts[:epoch]), sum(counts), epoch_seed(seed, epoch)
        steps, begun = batches.steps(counts[epoch]) * learner.method.replays, learner.steps
        rate = partial(_rate, settings, epoch, steps, begun)
        tell = partial(_tell, on_step, before, total)
        with enough_memory(TOO_LITTLE.format("training")), torch_threads(threads):
            clean_only = learner.method.at(epoch).clean_only
            shown = None if order is None else order.next(epoch, now, clean_only=clean_only)
            loss, accuracy, margins = _epoch(learner, batches, epoch, shown, len(images), now, rate, tell)
            state = {"epoch": epoch + 1, **learner.state(), **({} if order is None else {"sampling": order.state()})}
        if epoch + 1 == settings.epochs:
            learner.finish()
        seconds = time.perf_counter() - started
        yield Epoch(
            epoch=epoch + 1,
            epochs=settings.epochs,
            loss=loss,
            accuracy=accuracy,
            images_per_s=counts[epoch] / seconds,
            learning_rate=rate(learner.steps - 1),
            seconds=seconds,
            margins=margins,
            shown=counts[epoch],
            covered=len(images) if order is None else order.covered,
            state=state,
        )
    if first >= settings.epochs:
        learner.finish()


def _epoch(
    learner: Learner,
    batches: Batches,
    epoch: int,
    shown: Shown | None,
    available: int,
    seed: int,
    rate: Callable[[int], float],
    tell: Callable[[int], None],
) -> tuple[float, float, np.ndarray]:
    """Learn from every image of an epoch once; return mean loss, accuracy and the margins of all that are available."""
    learner.begin(epoch)
    draws = torch.Generator().manual_seed(seed)
    losses: list[Tensor] = []
    margins = torch.full((available,), torch.nan, device=learner.device)
    count = available if shown is None else len(shown.rows)
    right, done = torch.zeros((), device=learner.device), 0
    with learner.disturbed():
        for index, batch in enumerate(batches.epoch(draws, shown)):
            with reproducible(seed + index, learner.device):
                learned = learner.learn(batch, rate=rate, draws=draws)
            losses.append(learned.loss * len(batch))
            margins[batch.rows] = learned.margins
            right, done = right + learned.right, done + len(batch)
            if learner.device.type == "cpu" or index % STEPS_UNSEEN == 0 or done == count:
                _check_loss(float(learned.loss), epoch, learner.settings)
            tell(done)
    return float(torch.stack(losses).sum()) / count, float(right) / count, margins.cpu().numpy()


def _tell(on_step: OnStep | None, before: int, total: int, done: int) -> None:
    if on_step:
        on_step(before + done, total)


def epoch_seed(seed: int, epoch: int) -> int:
    """Return the seed of all that is drawn in an epoch, counted from 0."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 2)


def _rate(settings: Training, epoch: int, steps: int, begun: int, step: int) -> float:
    """Return the rate of a step in an epoch of so many, which may be more than in another: all epochs count alike."""
    return learning_rate(settings, step=epoch * steps + step - begun, steps_an_epoch=steps)


def _check_loss(loss: float, epoch: int, settings: Training) -> None:
    if not math.isfinite(loss) or loss > DIVERGED_NATS:
        raise CurationError(
            f"training diverged in epoch {epoch + 1}: the loss is {loss:g}; use a learning_rate below "
            f"{settings.learning_rate:g}"
        )


def _restore(learner: Learner, order: Order | None, state: dict[str, Any]) -> int:
    """Load a state and return how many epochs it has behind it."""
    try:
        learner.restore(state)
        if order is not None and "sampling" in state:  # states from before it was kept go on
            order.restore(state["sampling"])
        return int(state["epoch"])
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise CurationError("the state to resume from belongs to another model or other settings; start over") from None


def _check(
    model: nn.Module, images: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, device: torch.device
) -> int:
    """Return the number of classes of the model. Raises: CurationError naming what does not fit."""
    if images.dtype != np.uint8 or images.ndim != 4:
        raise CurationError(f"training takes uint8 images N×H×W×C, got {images.dtype} {images.shape}")
    if len(images) < 2 or labels.shape[:1] != (len(images),) or labels.ndim > 2:
        raise CurationError(f"training needs 2 images or more and a label for each, got {images.shape}, {labels.shape}")
    classes = predict(model, images[:1], device=device).shape[1]
    if labels.ndim == 2:
        _check_soft(labels, classes)
    else:
        if labels.dtype.kind not in "iu":
            raise CurationError(
                f"training takes integer labels, or one row of probabilities per image, got {labels.dtype}"
            )
        if labels.min() < 0:
            raise CurationError(f"training takes labels in 0 … K − 1, got {labels.min()}")
        if labels.max() >= classes:
            raise CurationError(f"the model has {classes} classes, got a label {labels.max()}")
    if weights is not None:
        _check_weights(weights, len(images))
    return classes


def shown_of(settings: Training, labels: np.ndarray) -> Showing | None:
    """Return what the settings' sampler shows of images of which only labels are known; None: there is no sampler.

    Args: labels: integers N, or soft labels N×K. Raises: UsageError: it must know more, or cannot choose of so many.
    """
    if settings.sampling is None:
        return None
    return settings.sampling.of(About(labels.argmax(1) if labels.ndim == 2 else labels))


def _checked(showing: Showing | None, settings: Training, images: int) -> Showing | None:
    if showing is None:
        return None
    if settings.sampling is None:
        raise CurationError("images are sampled only where settings.sampling says how; set it, or give no showing")
    if showing.images != images:
        raise CurationError(
            f"what is shown is chosen from {showing.images} images, got {images}; make the showing of these"
        )
    if min(map(showing.count, range(settings.epochs))) < 2:
        raise CurationError(
            "training needs 2 images or more in every epoch; choose a set of more samples, or sampling "
            "that shows more of it"
        )
    return showing


def _check_soft(labels: np.ndarray, classes: int) -> None:
    if labels.shape[1] != classes:
        raise CurationError(f"the model has {classes} classes, got soft labels for {labels.shape[1]}")
    sums = labels.sum(1, dtype=np.float64)
    wrong = np.flatnonzero(~((labels.min(1) >= 0) & (abs(sums - 1) < 1e-3)))
    if len(wrong):
        row = int(wrong[0])
        raise CurationError(
            f"soft labels must be non-negative and sum to 1 in each row, got a sum of {sums[row]:g} and a "
            f"smallest value of {labels[row].min():g} in row {row}; divide each row by its sum"
        )


def _check_weights(weights: np.ndarray, count: int) -> None:
    if weights.shape != (count,):
        raise CurationError(f"training needs one weight for each of {count} images, got {weights.shape}")
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise CurationError(f"sample weights must be 0 or more, got {weights[wrong[0]]:g} in row {wrong[0]}")
    if not weights.any():
        raise CurationError("sample weights must not all be 0; give at least one sample a weight above 0")
