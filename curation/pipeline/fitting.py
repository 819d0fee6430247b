"""A network trained into its place in a workspace, resumed there after a kill, and loaded from there."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from curation.errors import CurationError
from curation.models.architectures import Form, build
from curation.models.classifier import DetectorForm
from curation.models.detector import add_detector
from curation.models.ensemble import Ensemble
from curation.models.folding import folded
from curation.models.loading import load_weights, save_weights
from curation.storage.workspace import KeptModel
from curation.training.samplers import Showing, counts_of
from curation.training.settings import Training
from curation.training.trainer import Epoch, shown_of, train

History = list[dict[str, Any]]
"""One row an epoch: epoch, loss (nats), accuracy, seconds, where images are sampled shown and covered (see ``Epoch``),
and what ``on_epoch`` added."""

OnFit = Callable[[int, int, str], None]
"""Called after every batch with images done, images in all, and a few words on the last epoch; may raise to stop."""


def fit(
    network: nn.Module,
    kept: KeptModel,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    rates: Mapping[str, float] | None = None,
    showing: Showing | None = None,
    settings: Training,
    seed: int,
    device: str,
    on_fit: OnFit,
    on_epoch: Callable[[Epoch], dict[str, Any]] | None = None,
) -> History:
    """Train a network in place from where its kept checkpoint stopped; arguments as ``train`` has them.

    Args: on_epoch: called before an epoch is kept; what it returns is kept with the epoch's row.
    Raises: CurationError; the epochs done are kept.
    """
    resume = _checkpoint(kept)
    history: History = resume["history"] if resume else []

    def on_step(done: int, total: int) -> None:
        on_fit(done, total, words(history))

    showing = shown_of(settings, labels) if showing is None else showing
    counts = counts_of(showing, len(images), settings.epochs)
    on_step(sum(counts[: len(history)]), sum(counts))  # report first what is already done
    for epoch in train(
        network,
        images,
        labels,
        weights=weights,
        rates=rates,
        showing=showing,
        settings=settings,
        seed=seed,
        device=device,
        resume=resume["state"] if resume else None,
        on_step=on_step,
    ):
        row = {"epoch": epoch.epoch, "loss": epoch.loss, "accuracy": epoch.accuracy, "seconds": round(epoch.seconds, 3)}
        row |= {} if showing is None else {"shown": epoch.shown, "covered": epoch.covered}
        history.append(row | (on_epoch(epoch) if on_epoch else {}))
        buffer = io.BytesIO()
        torch.save({"state": epoch.state, "history": history}, buffer)
        kept.write_history(history)
        kept.write_checkpoint(buffer.getvalue())
    return history


def serialized(network: nn.Module) -> bytes:
    """Return a network's weights as a safetensors file's bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "weights"
        save_weights(network, path)
        return path.read_bytes()


def load(kept: KeptModel, *, epoch: int | None = None, missing: str) -> nn.Module:
    """Return a kept network as it was after an epoch (None: the last), its batch norms folded, on the CPU.

    Raises: CurationError: ``missing`` where it is not finished; or its weights are damaged.
    """
    about = kept.about
    if about is None:
        raise CurationError(missing)
    shape, members = tuple(about["shape"]), about.get("members", 1)
    detector = DetectorForm(*about["detector"]) if about.get("detector") else None
    form = Form(about["architecture"], about.get("input_px"), about.get("published", False), detector)
    network = network_of(form, classes=about["classes"], shape=shape, members=members)
    load_weights(network, kept.weights_at(epoch))
    return folded(network)


def network_of(form: Form, *, classes: int, shape: tuple[int, int, int], members: int = 1, seed: int = 0) -> nn.Module:
    """Return a network of fresh weights, or several that answer together; arguments as ``build`` has them."""
    name, input_px, published, detector = form
    networks = [
        build(name, classes=classes, shape=shape, seed=seed + index, input_px=input_px, published=published)
        for index in range(members)
    ]
    if detector is not None:
        for index, network in enumerate(networks):
            add_detector(network, detector, shape=shape, seed=seed + index)
    return networks[0] if members == 1 else Ensemble(networks)


def words(history: History) -> str:
    """Return how the last epoch went, for people."""
    if not history:
        return "first epoch"
    last = history[-1]
    return f"epoch {int(last['epoch'])}: loss {last['loss']:.3f}, accuracy {last['accuracy']:.1%}"


def _checkpoint(kept: KeptModel) -> dict[str, Any] | None:
    """Return the last epoch's checkpoint, or None where there is none or it is broken (training then starts over)."""
    content = kept.checkpoint()
    if content is None:
        return None
    try:
        return torch.load(io.BytesIO(content), weights_only=True)
    except Exception:  # a broken pickle can raise anything
        return None
