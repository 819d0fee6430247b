"""The goal model of a recipe: trained here, epoch by epoch and resumable, or somebody's weights; then kept."""

from __future__ import annotations

import io
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from curation.errors import CurationError
from curation.models.architectures import build
from curation.models.loading import load_weights, save_weights
from curation.models.prediction import evaluate
from curation.plan import Plan
from curation.progress import Progress, Report
from curation.readers.base import Reader
from curation.storage import digest
from curation.training.trainer import train
from curation.workspace import KeptModel, Samples

MEASURED = 2000
"""Accuracies are measured on at most this many images, evenly spaced."""


def make_goal_model(plan: Plan, report: Report) -> None:
    """Train or load the recipe's goal model, unless it is there. Raises: CurationError; Cancelled, epochs kept."""
    kept, samples = plan.workspace.model(plan.model_key), plan.samples
    waiting = partial(report, Progress("goal_model", 0, 1, note="waiting for another process"))
    with plan.workspace.lock(plan.model_key, waiting=waiting):
        if not kept.ready(verify=True):
            goal, seed = plan.recipe.goal_model, plan.recipe.seed
            network = build(goal.architecture, classes=len(samples.classes), shape=samples.shape, seed=seed)
            history: list[dict[str, float]] = []
            if goal.checkpoint is not None:
                load_weights(network, Path(goal.checkpoint))
                network.to(plan.device)
            else:
                history = _train(plan, network, kept, report)
            weights = _serialised(network.eval())
            about = {
                "architecture": goal.architecture,
                "classes": len(samples.classes),
                "shape": list(samples.shape),
                "settings": goal.model_dump(mode="json"),
                "seed": seed,
                "digest": digest(weights),
                "history": history,
                "train_accuracy": _train_accuracy(network, samples, plan.device),
                "test_accuracy": _test_accuracy(network, samples, plan.recipe.source.reader, plan.device),
            }
            kept.finish(weights, about)
    report(Progress("goal_model", 1, 1, "model"))


def _train(plan: Plan, network: nn.Module, kept: KeptModel, report: Report) -> list[dict[str, float]]:
    settings, samples = plan.recipe.goal_model.train, plan.samples
    resume = _checkpoint(kept)
    history: list[dict[str, float]] = resume["history"] if resume else []

    def on_step(done: int, total: int) -> None:
        report(Progress("goal_model", done, total, note=_words(history)))

    for epoch in train(
        network,
        samples.array(),
        samples.labels,
        settings=settings,
        seed=plan.recipe.seed,
        device=plan.device,
        resume=resume["state"] if resume else None,
        on_step=on_step,
    ):
        history.append({"epoch": epoch.epoch, "loss": epoch.loss, "accuracy": epoch.accuracy})
        buffer = io.BytesIO()
        torch.save({"state": epoch.state, "history": history}, buffer)
        kept.write_checkpoint(buffer.getvalue())
    return history


def _checkpoint(kept: KeptModel) -> dict[str, Any] | None:
    """Return the last epoch's checkpoint, or None where there is none or it is broken (training then starts over)."""
    content = kept.checkpoint()
    if content is None:
        return None
    try:
        return torch.load(io.BytesIO(content), weights_only=True)
    except Exception:  # a broken pickle can raise anything
        return None


def _serialised(network: nn.Module) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "weights"
        save_weights(network, path)
        return path.read_bytes()


def _evenly(count: int) -> np.ndarray:
    taken = min(count, MEASURED)
    return np.arange(taken, dtype=np.int64) * count // taken


def _train_accuracy(network: nn.Module, samples: Samples, device: str) -> float:
    rows = _evenly(len(samples))
    return evaluate(network, samples.images(rows), samples.labels[rows], device=device)


def _test_accuracy(network: nn.Module, samples: Samples, reader: Reader, device: str) -> float | None:
    """Return the accuracy on the source's test split, or None where it has none that fits."""
    if reader.split == "test":
        return None
    try:
        source = reader.model_copy(update={"split": "test"}).open()
        if source.shape != samples.shape or list(source.classes) != samples.classes:
            return None
        chunks = [source.read(int(at), int(at) + 1) for at in _evenly(len(source))]
    except CurationError:
        return None
    images, labels = (np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("images", "labels"))
    return evaluate(network, images, labels, device=device) if len(images) else None


def _words(history: list[dict[str, float]]) -> str:
    if not history:
        return "first epoch"
    last = history[-1]
    return f"epoch {int(last['epoch'])}: loss {last['loss']:.3f}, accuracy {last['accuracy']:.1%}"
