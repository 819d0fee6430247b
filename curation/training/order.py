"""What the epochs of one training show, one after the other, as its sampler says."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from curation.errors import CurationError
from curation.models.prediction import predict, predict_with_features
from curation.training.precision import reproducible
from curation.training.samplers import Showing, Shown


class NetworkNow:
    """A network in training, asked of every image; see ``samplers.Asked``."""

    def __init__(self, model: nn.Module, images: np.ndarray | Tensor, device: torch.device) -> None:
        """Args: images: uint8 N×H×W×C, may be memory-mapped, or on the device."""
        self.device = device
        self._model, self._images = model, images
        self._logits: np.ndarray | None = None

    @property
    def logits(self) -> np.ndarray:
        """See ``Asked``."""
        if self._logits is None:
            self._logits = predict(self._model, self._images, device=self.device).numpy()
        return self._logits

    @cached_property
    def features(self) -> np.ndarray:
        """See ``Asked``; the logits come with them."""
        logits, features = predict_with_features(self._model, self._images, device=self.device)
        self._logits = logits.numpy()
        return features.numpy()


class Order:
    """Asks a sampler before each epoch, and keeps what it must know in the next one."""

    def __init__(self, showing: Showing, model: nn.Module, images: np.ndarray | Tensor, device: torch.device) -> None:
        """Args: model: in training, on the device; images: as ``NetworkNow`` takes them."""
        self._showing, self._asked = showing, (model, images, device)
        self._kept: dict[str, Tensor] = {}
        self._seen = np.zeros(showing.images, bool)

    def next(self, epoch: int, seed: int, *, clean_only: bool = False) -> Shown:
        """Return what an epoch, counted from 0, shows; the model is in evaluation mode after it.

        Args: seed: of the epoch; clean_only: what ``Showing.clean`` shows.
        Raises: CurationError: the sampler shows images that are none, or weighs them by what is no weight.
        """
        network, showing = NetworkNow(*self._asked), self._showing.clean if clean_only else self._showing
        with reproducible(seed, network.device):
            shown = showing.show(epoch, np.random.default_rng(seed), network, self._kept)
        _check(shown, self._showing, epoch)
        self._kept = dict(shown.kept)
        self._seen[shown.rows] = True
        return shown

    @property
    def covered(self) -> int:
        """How many of the images were shown so far."""
        return int(self._seen.sum())

    def state(self) -> dict[str, Any]:
        """Return copies of all that ``restore`` needs."""
        return {"seen": torch.from_numpy(self._seen.copy()), "kept": {n: v.clone() for n, v in self._kept.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises: KeyError, ValueError: it does not fit."""
        self._seen[:] = state["seen"].numpy()
        self._kept = dict(state["kept"])


def _check(shown: Shown, showing: Showing, epoch: int) -> None:
    rows, weights = shown.rows, shown.weights
    if len(rows) != showing.count(epoch) or rows.min() < 0 or rows.max() >= showing.images:
        raise CurationError(
            f"sampling shows {len(rows):,} images in epoch {epoch + 1}, with rows {rows.min():,} to {rows.max():,}; "
            f"expected {showing.count(epoch):,} of {showing.images:,}"
        )
    if weights is not None and not (weights.shape == rows.shape and np.isfinite(weights).all() and weights.min() >= 0):
        raise CurationError(f"sampling weighs {len(rows):,} images by what is no weight; expected numbers of 0 or more")
