"""A goal model by reference: small enough to travel to wherever a task runs, and opened there once."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Protocol

import torch
from torch import nn

from curation.pipeline.fitting import load
from curation.storage.workspace import Workspace

NOT_READY = "the goal model is not ready yet; run the goal-model stage first"
"""Said wherever a goal model is needed and missing."""

MODELS_HELD = 4
"""Goal models that a process holds at once."""


class NetworkRef(Protocol):
    """A network by reference: what ``load`` returns is on ``device``, ready to classify."""

    @property
    def device(self) -> str:
        """Cuda, mps or cpu."""

    def load(self) -> nn.Module:
        """Return the network. Raises: CurationError when it cannot be had."""


class ModelRef(NamedTuple):
    """root: the workspace; key: of the goal model's training; epoch: None is the last; device: where it is to run."""

    root: str
    key: str
    epoch: int | None
    device: str

    def load(self) -> nn.Module:
        """Return the goal model as it was after the epoch, its batch norms folded, ready to classify.

        Raises: CurationError when it is missing or damaged.
        """
        return _loaded(self)


@lru_cache(maxsize=MODELS_HELD)
@torch.inference_mode(False)  # it is kept for attacks, too, whoever asks first
def _loaded(ref: ModelRef) -> nn.Module:
    return load(Workspace(ref.root).model(ref.key), epoch=ref.epoch, missing=NOT_READY).to(ref.device)
