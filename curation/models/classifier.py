"""The one form of every classifier here: pixels in [0, 1] in, logits out, the normalization inside."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and std of each channel of the images that a network was or will be trained on, in [0, 1]."""

CONTEST: Statistics = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
"""Of the CIFAR-10 contest's fixed training: the std is the mean of each image's own."""

CIFAR10: Statistics = ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))
"""Of CIFAR-10's pixels."""

IMAGENET: Statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Of ImageNet, which most published weights expect."""

CLIP: Statistics = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Of the images that CLIP was trained on, and most of open_clip's networks."""

RAW: Statistics = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""No normalization."""


class DetectorForm(NamedTuple):
    """What a detector is before it has weights.

    input: low, the shallowest map, whose places are the tokens, each of ``width`` numbers; full, all maps, whose
    channels are the tokens, each of ``grid``² numbers. layers: of the Transformer. width: channels that each map is
    brought to, a multiple of 4; None: twice the shallowest map's, 128 at most. grid: its height and width then, even;
    None: half the shallowest map's. For a ResNet at 32×32 pixels these are the source's 128 and 16.
    """

    input: Literal["low", "full"] = "low"
    layers: int = 2
    width: int | None = None
    grid: int | None = None


class Classifier(nn.Module):
    """A network and the normalization that it expects.

    taps: names of the network's layers, shallow to deep, whose outputs are feature maps N×C×H×W that a detector can
    look at; none: (). name: of its architecture, where ``build`` made it. detector: what was trained along with it and
    tells whether an image looks attacked, or None; see ``models.detector``.
    """

    mean: Tensor
    std: Tensor
    detector: nn.Module | None

    def __init__(self, network: nn.Module, *, mean: tuple[float, ...], std: tuple[float, ...], copies: int = 1) -> None:
        """Args: mean, std: of each channel, in [0, 1]; copies: 3 for a color network that is shown gray images."""
        super().__init__()
        # Before the network, so that a model's last linear layer is the network's head, not the detector's.
        self.register_module("detector", None)
        self.network = network
        self.taps: tuple[str, ...] = tuple(getattr(network, "taps", ()))
        self.resize: nn.Module = nn.Identity()
        self.copies = copies
        self.name = ""
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 N×K, for images float32 N×C×H×W in [0, 1]."""
        images = self.resize(images)
        if self.copies > 1:
            images = images.expand(-1, self.copies, -1, -1)
        normalized = (images - self.mean) / self.std
        logits = self.network(normalized.contiguous(memory_format=torch.channels_last))
        # Inception and GoogLeNet return a tuple with auxiliary heads while they train.
        return getattr(logits, "logits", logits)


def classifier(network: nn.Module, statistics: Statistics, *, channels: int) -> Classifier:
    """Return a network of 1 or 3 input channels with its normalization: for gray images, the mean over the colors."""
    mean, std = statistics
    if channels == 1:
        mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
    return Classifier(network, mean=mean, std=std)
