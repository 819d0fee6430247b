"""MobileNetV2 in the form for small images; names as in the widely used CIFAR code."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from curation.models.resnet import stage

STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks and stride of each stage. Source: table 2; the second stride is 1 for small images."""


class _Block(nn.Module):
    """Widen by 1×1, convolve each channel by 3×3, narrow by 1×1; a shortcut wherever the size stays."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        width = expansion * inputs
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=width, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.adds = stride == 1
        self.shortcut = nn.Sequential()
        if self.adds and inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        out = self.bn3(self.conv3(out))
        return out + self.shortcut(x) if self.adds else out


class MobileNetV2(nn.Module):
    """MobileNetV2. Source: Sandler et al. 2018, "Inverted Residuals and Linear Bottlenecks", table 2.

    As in the widely used CIFAR code, ReLU takes the place of ReLU6, the first two strides are 1, and blocks that keep
    the size have a 1×1 shortcut where the channels change.
    """

    taps = ("layers.2", "layers.5", "layers.12", "layers.16")

    def __init__(self, *, classes: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.layers, width = nn.Sequential(), 32
        for expansion, outputs, blocks, stride in STAGES:
            block = partial(_Block, expansion=expansion)
            self.layers.extend(stage(block, width, outputs, blocks=blocks, stride=stride))
            width = outputs
        self.conv2 = nn.Conv2d(320, 1280, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(1280)
        self.relu = nn.ReLU()
        self.linear = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        x = self.layers(F.relu(self.bn1(self.conv1(x))))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))
