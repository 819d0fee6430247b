"""The contract of a training method: from a batch to each sample's loss, with the network as it is at that step."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Annotated, ClassVar, Protocol

import torch
from pydantic import Field
from torch import Tensor

from curation.plugin import PixelFloat, Plugin

Radius = Annotated[PixelFloat, Field(gt=0, le=1, description="L∞ radius of adversarial training")]
Steps = Annotated[
    int, Field(ge=1, description="PGD steps of adversarial training; replays of a batch in free training")
]
Beta = Annotated[float, Field(gt=0, description="weight of the divergence in TRADES")]

EPSILON, STEPS, BETA = 4 / 255, 3, 6.0


class Network(Protocol):
    """The network in training, as a method sees it: on the device, in the requested precision."""

    def logits(self, images: Tensor) -> Tensor:
        """Return logits, float32 N×K, of images, float32 N×C×H×W in [0, 1]; differentiable."""

    def cross_entropy(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return each sample's loss, float32 N, with the label smoothing and entropy weight of the settings."""

    def evaluated(self) -> AbstractContextManager[None]:
        """Inside, it is in evaluation mode: attacks neither see nor move the statistics of training batches."""

    def statistics_kept(self) -> AbstractContextManager[None]:
        """Inside, batch norms use the batch's statistics and leave the running ones as they are."""


class Method(Plugin):
    """How a network learns from a batch. A member writes ``losses``, and ``start`` where images are perturbed.

    In a recipe the parameters are written beside ``method``, among the other fields of ``train``. A parameter that has
    the name of one of those fields (``epsilon``, ``steps``, ``beta``, ``epochs``, …) takes that field's value.
    """

    family = "training method"
    perturbs: ClassVar[bool] = True
    """Whether it trains on perturbed images, within ``epsilon``: what makes a robust network."""
    carries: ClassVar[bool] = False
    """Whether the perturbation of one batch, changed in place, is where the next one starts."""

    @property
    def replays(self) -> int:
        """How many steps are taken on each batch, in every phase."""
        return 1

    def at(self, epoch: int) -> Method:
        """Return the method of an epoch, counted from 0: itself, but for those that go through phases."""
        return self

    def start(self, images: Tensor, draws: torch.Generator) -> Tensor | None:
        """Return first perturbations of a batch, float32 N×C×H×W, drawn on the CPU; None: none are needed."""
        return None

    @abstractmethod
    def losses(self, network: Network, images: Tensor, targets: Tensor, change: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return each sample's loss, float32 N, to be differentiated, and the logits that count as its prediction.

        Called once a step, or on parts of a batch where memory is short: a sample's loss depends on no other sample
        but through batch norm.

        Args:
            images: float32 N×C×H×W in [0, 1], augmented, on the network's device.
            targets: classes, int64 N, or soft labels, float32 N×K.
            change: what ``start`` returned for these images, on their device.
        """
