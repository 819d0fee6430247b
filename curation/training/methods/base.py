"""The contract of a training method: from a batch to each sample's loss, with the network as it is at that step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Annotated, ClassVar, Protocol

import torch
from pydantic import Field
from torch import Tensor, nn

from curation.models.classifier import DetectorForm
from curation.plugin import PixelFloat, Plugin

Radius = Annotated[PixelFloat, Field(gt=0, le=1, description="L∞ radius of adversarial training")]
Steps = Annotated[
    int, Field(ge=1, description="PGD steps of adversarial training; replays of a batch in free training")
]
Beta = Annotated[float, Field(gt=0, description="weight of the divergence in TRADES")]

EPSILON, STEPS, BETA = 4 / 255, 3, 6.0


class Network(Protocol):
    """The network in training, as a method sees it: on the device, in the requested precision.

    model: the module itself; altered: which images of the batch at hand are variants, bool N, where they are sampled
    among clean ones and variants, else None.
    """

    model: nn.Module
    altered: Tensor | None

    def computing(self) -> AbstractContextManager[None]:
        """Inside, whatever is computed is in the requested precision; for passes through ``model`` and its parts."""

    def logits(self, images: Tensor) -> Tensor:
        """Return logits, float32 N×K, of images, float32 N×C×H×W in [0, 1]; differentiable."""

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return each sample's loss, float32 N, as the settings ask: cross-entropy or Huber's, smoothing, entropy."""

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
    views: ClassVar[int] = 0
    """How many further images are made of each image and trained on beside it."""
    carries: ClassVar[bool] = False
    """Whether the perturbation of one batch, changed in place, is where the next one starts."""
    clean_only: ClassVar[bool] = False
    """Whether it learns from clean images alone where images are sampled among clean ones and variants."""

    @property
    def replays(self) -> int:
        """How many steps are taken on each batch, in every phase."""
        return 1

    @property
    def detects(self) -> DetectorForm | None:
        """The form of the detector that a network is trained along with and keeps; None: it has none."""
        return None

    def prepare(self, model: nn.Module, *, shape: tuple[int, int, int], seed: int) -> Mapping[str, float]:
        """Give a network, unless it has it, what it is trained along with.

        Returns: shares of the learning rate of those parameters, as ``train`` takes them.
        Raises: UsageError: an architecture that it cannot be trained along with.
        """
        return {}

    def begin(self, epoch: int, model: nn.Module, average: Mapping[str, Tensor]) -> None:
        """Change, before an epoch counted from 0, weights in place that are not learned.

        Args: average: the moving average of the network's weights, by name, where there is one, else empty.
        """

    def at(self, epoch: int) -> Method:
        """Return the method of an epoch, counted from 0: itself, but for those that go through phases."""
        return self

    def start(self, images: Tensor, draws: torch.Generator) -> Tensor | None:
        """Return first perturbations of a batch, float32 N×C×H×W, or N×V×C×H×W for V views; None: none are needed.

        What is random in them comes from ``draws``, on the CPU.
        """
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
