"""ResNet-18 and PreAct-ResNet-18 in the form for small images: a 3×3 stem and no max-pooling."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut. Source: He et al. 2016, "Deep Residual Learning", figure 2."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class PreActBlock(nn.Module):
    """Normalisation and ReLU before each convolution. Source: He et al. 2016, "Identity Mappings", figure 1b."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.projects = stride > 1 or inputs != outputs
        if self.projects:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        out = F.relu(self.bn1(x))
        kept = self.shortcut(out) if self.projects else x
        return self.conv2(F.relu(self.bn2(self.conv1(out)))) + kept


class _Stages(nn.Module):
    """Four stages of two blocks each, 64 to 512 channels; layer names as in the widely used CIFAR code."""

    def __init__(self, block: type[BasicBlock] | type[PreActBlock], *, classes: int) -> None:
        super().__init__()
        widths = [64, 64, 128, 256, 512]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(block(before, width, stride=1 if width == 64 else 2), block(width, width))
            for before, width in pairwise(widths)
        )
        self.linear = nn.Linear(512, classes)

    def classify(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


class ResNet18(_Stages):
    """ResNet-18 for small images."""

    def __init__(self, *, classes: int, channels: int) -> None:
        super().__init__(BasicBlock, classes=classes)
        self.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalised images N×C×H×W."""
        return self.classify(F.relu(self.bn1(self.conv1(x))))


class PreActResNet18(_Stages):
    """PreAct-ResNet-18 without a last batch norm and ReLU, as in the contest's second stage (TRADES code)."""

    def __init__(self, *, classes: int, channels: int) -> None:
        super().__init__(PreActBlock, classes=classes)
        self.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalised images N×C×H×W."""
        return self.classify(self.conv1(x))
