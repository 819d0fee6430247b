"""A small residual network without batch norm, of the kind that networks are verified with."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from curation.models.resnet import stage


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Sequential(*([nn.Conv2d(inputs, outputs, 1, stride=stride)] if stride > 1 else []))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(x))) + self.shortcut(x))


class ResNet4b(nn.Module):
    """ResNet-4b. Source: the benchmark networks of Wang et al. 2021, "Beta-CROWN", and VNN-COMP 2021.

    Maps of another size than 4×4, which 25 to 32 pixels a side give, are averaged or repeated to it.
    """

    taps = ("layer1", "layer2")

    def __init__(self, *, classes: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, stride=2, padding=1)
        self.layer1 = stage(_Block, 16, 32, blocks=2, stride=2)
        self.layer2 = stage(_Block, 32, 32, blocks=2, stride=2)
        self.linear1 = nn.Linear(512, 100)
        self.linear2 = nn.Linear(100, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        x = self.layer2(self.layer1(F.relu(self.conv1(x))))
        return self.linear2(F.relu(self.linear1(F.adaptive_avg_pool2d(x, 4).flatten(1))))
