"""What networks say of samples that they did not learn: each part of the set is held out of one training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import nn

from curation.errors import CurationError, UsageError
from curation.label_errors.base import check_labels
from curation.models.prediction import predict
from curation.randomness import stream_seeds
from curation.training.dynamics import Dynamics
from curation.training.settings import Training
from curation.training.trainer import train

Fold = dict[str, np.ndarray]
"""What one training found, in plain arrays: ``held_out`` int64 M, the rows it did not learn, rising; ``logits`` float32
M×K of those; ``area_under_margin`` and ``forgetting`` float32 N − M of the others."""


@dataclass(frozen=True, eq=False)
class CrossFit:
    """What all folds found together.

    logits: float32 N×K, each row of the one network that did not learn that sample, NaN where every network did;
    area_under_margin (in logits) and forgetting (events): float32 N, means over the trainings that learned it; folds:
    int64 N, which one held it out, −1: none (see ``folds_of``).
    """

    logits: np.ndarray
    area_under_margin: np.ndarray
    forgetting: np.ndarray
    folds: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, float32 N×K."""
        return softmax(self.logits)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, float32 N×K, of logits N×K; computed in float64."""
    found: np.ndarray = torch.from_numpy(logits).double().softmax(1).float().numpy()
    return found


def cross_fit(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    network: Callable[[int], nn.Module],
    settings: Training,
    folds: int,
    seed: int,
    sample_ids: np.ndarray,
    device: str = "cpu",
    resume: Callable[[int], Fold | None] | None = None,
    keep: Callable[[int, Fold], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> CrossFit:
    """Train a network from scratch for each fold on all other folds, and ask it about that one.

    Args:
        images: uint8 N×H×W×C; may be memory-mapped, or any array read by rows: one batch at a time is.
        labels: integers N in [0, K), as given, right or wrong.
        network: makes a network with fresh weights from a seed.
        settings: of every training; its own seed, if any, goes before ``seed``.
        folds: number of trainings, 2 or more.
        seed: of folds, weights and trainings.
        sample_ids: integers N; they and the seed alone decide who is in which fold.
        resume: returns what a fold found earlier, or None; such a fold is not trained again.
        keep: is given what a fold found, as soon as it is done.
        on_progress: called after every batch with images trained on and those in all; may raise to stop.

    Raises: CurationError: one class, fewer than two samples that can be held out, lengths that differ, a fold found
        earlier that is of other samples; what ``train`` raises.
    """
    fold_of = folds_of(labels, folds=folds, seed=seed, sample_ids=sample_ids)
    if len(images) != len(labels):
        raise CurationError(f"expected an image for each of {len(labels)} labels, got {len(images)}")
    total, before = settings.epochs * learned_in_all(fold_of, folds), 0
    parts: list[Fold] = []
    for fold in range(folds):
        held_out = np.flatnonzero(fold_of == fold)
        found = resume(fold) if resume else None
        if found is None:

            def on_step(done: int, _: int, before: int = before) -> None:
                if on_progress:
                    on_progress(before + done, total)

            found = fit_fold(
                images,
                labels,
                fold_of,
                fold,
                network=network,
                settings=settings,
                seed=seed,
                device=device,
                on_step=on_step,
            )
            if keep:
                keep(fold, found)
        elif not np.array_equal(found["held_out"], held_out):
            raise CurationError(f"what was kept of fold {fold} is of other samples or another seed; start over")
        parts.append(found)
        before += settings.epochs * (len(labels) - len(held_out))
        if on_progress:
            on_progress(before, total)
    return joined(parts, fold_of)


def fit_fold(
    images: np.ndarray,
    labels: np.ndarray,
    fold_of: np.ndarray,
    fold: int,
    *,
    network: Callable[[int], nn.Module],
    settings: Training,
    seed: int,
    device: str = "cpu",
    on_step: Callable[[int, int], None] | None = None,
) -> Fold:
    """Train a network from scratch on all folds but one and ask it about that one; arguments as ``cross_fit`` has them.

    Args: fold_of: integers N, the fold of each sample; on_step: called after every batch with images trained on and
        those in all; may raise to stop.
    """
    held_out, learned = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)

    def part(rows: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, _Part(images, rows))

    own = int(stream_seeds(seed, np.array([fold]), "cross_fit", "train")[0] & 0x7FFFFFFF)
    model = network(own if settings.seed is None else settings.seed)
    dynamics = Dynamics(len(learned))
    for epoch in train(
        model,
        part(learned),
        labels[learned],
        settings=settings,
        seed=own,
        device=device,
        on_step=on_step or (lambda done, total: None),
    ):
        dynamics.add(epoch.margins)
    return {
        "held_out": held_out,
        "logits": predict(model, part(held_out), device=device).numpy(),
        "area_under_margin": dynamics.area_under_margin,
        "forgetting": dynamics.forgetting,
    }


def folds_of(labels: np.ndarray, *, folds: int, seed: int, sample_ids: np.ndarray) -> np.ndarray:
    """Return the fold of each sample, int64 N: sizes, of each class as well, differ by one at most.

    The only sample of a class is in none, −1: a network that did not learn it would not know its class.
    Raises: as ``cross_fit``.
    """
    check_labels(labels)
    if labels.shape != sample_ids.shape:
        raise CurationError(f"expected a sample id for each of {len(labels)} labels, got {len(sample_ids)}")
    if folds < 2:
        raise UsageError(f"cross-fitting needs 2 folds or more, got {folds}")
    several = np.flatnonzero(np.bincount(labels)[labels] > 1)
    if len(several):
        check_labels(labels[several])
    if len(several) < folds:
        raise CurationError(
            f"{len(several)} of the {len(labels)} samples are of a class with others, too few for {folds} folds; use "
            "fewer folds, or more samples of each class"
        )
    draws = stream_seeds(seed, sample_ids[several], "cross_fit", "folds").numpy()
    # Classes one after another around the folds: the remainder of one goes on where the last one's ended.
    order = several[np.lexsort((sample_ids[several], draws, labels[several]))]
    found = np.full(len(labels), -1, np.int64)
    found[order] = np.arange(len(order)) % folds
    return found


def learned_in_all(fold_of: np.ndarray, folds: int) -> int:
    """Return how many samples all trainings learn together, each counted as often as it is learned."""
    return folds * len(fold_of) - int((fold_of >= 0).sum())


def joined(parts: list[Fold], fold_of: np.ndarray) -> CrossFit:
    """Return what all folds found, put together. Args: parts: by fold; fold_of: integers N."""
    logits = np.full((len(fold_of), parts[0]["logits"].shape[1]), np.nan, np.float32)
    sums = {name: np.zeros(len(fold_of)) for name in ("area_under_margin", "forgetting")}
    for fold, part in enumerate(parts):
        logits[part["held_out"]] = part["logits"]
        for name, values in sums.items():
            values[fold_of != fold] += part[name]
    times = len(parts) - (fold_of >= 0)
    means = {name: (values / times).astype(np.float32) for name, values in sums.items()}
    return CrossFit(logits, **means, folds=fold_of)


class _Part:
    """Some rows of images, read where it is indexed: serves where an array does, and copies nothing."""

    def __init__(self, images: np.ndarray, rows: np.ndarray) -> None:
        self._images, self._rows = images, rows
        self.dtype, self.ndim = images.dtype, images.ndim
        self.shape = (len(rows), *images.shape[1:])
        self.nbytes = math.prod(self.shape) * images.dtype.itemsize

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return self._images[self._rows[rows]]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._images[self._rows], dtype)
