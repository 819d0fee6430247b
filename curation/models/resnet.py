"""Residual networks for small images: a 3×3 stem, no max-pooling; names as in the widely used CIFAR code."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


def stage(block: Callable[..., nn.Module], inputs: int, outputs: int, *, blocks: int, stride: int = 1) -> nn.Sequential:
    """Return some blocks in a row; the first one takes the stride and the change of channels upon itself."""
    rest = (block(outputs, outputs, stride=1) for _ in range(blocks - 1))
    return nn.Sequential(block(inputs, outputs, stride=stride), *rest)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut. Source: He et al. 2016, "Deep Residual Learning", figure 2."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = _projection(inputs, outputs, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class Bottleneck(nn.Module):
    """A 3×3 convolution at a quarter of the channels between two of 1×1. Source: He et al. 2016, figure 5."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        width = outputs // 4
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = _projection(inputs, outputs, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        out = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(out)) + self.shortcut(x))


class PreActBlock(nn.Module):
    """Normalization and ReLU before each convolution. Source: He et al. 2016, "Identity Mappings", figure 1b."""

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
    """Four stages at 1, ½, ¼ and ⅛ of the images' size, global averaging, and one linear layer."""

    taps = ("layer1", "layer2", "layer3", "layer4")

    def __init__(
        self, block: Callable[..., nn.Module], *, blocks: tuple[int, ...], widths: tuple[int, ...], classes: int
    ) -> None:
        super().__init__()
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            stage(block, before, width, blocks=count, stride=stride)
            for (before, width), count, stride in zip(pairwise((64, *widths)), blocks, (1, 2, 2, 2), strict=True)
        )
        self.linear = nn.Linear(widths[-1], classes)

    def classify(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


class ResNet(_Stages):
    """ResNet-18 (the default), 34, or, of bottlenecks, 50 and deeper, for small images."""

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck] = BasicBlock,
        *,
        classes: int,
        channels: int,
        blocks: tuple[int, int, int, int] = (2, 2, 2, 2),
    ) -> None:
        """Args: blocks: how many of them each stage has."""
        widths = (256, 512, 1024, 2048) if block is Bottleneck else (64, 128, 256, 512)
        super().__init__(block, blocks=blocks, widths=widths, classes=classes)
        self.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        return self.classify(F.relu(self.bn1(self.conv1(x))))


class PreActResNet18(_Stages):
    """PreAct-ResNet-18 without a last batch norm and ReLU, as in the contest's second stage (TRADES code)."""

    def __init__(self, *, classes: int, channels: int) -> None:
        super().__init__(PreActBlock, blocks=(2, 2, 2, 2), widths=(64, 128, 256, 512), classes=classes)
        self.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        return self.classify(self.conv1(x))


def _projection(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    """Return a shortcut: nothing, or a 1×1 convolution where size or channels change."""
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
