"""DenseNet-BC in the form for small images; names as in the widely used CIFAR code."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Bottleneck(nn.Module):
    """A 1×1 and a 3×3 convolution whose result is put before what they were given."""

    def __init__(self, inputs: int, *, growth: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.relu(self.bn1(x)))
        return torch.cat([self.conv2(F.relu(self.bn2(out))), x], dim=1)


class _Transition(nn.Module):
    """Half the channels at half the size."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    """DenseNet-121. Source: Huang et al. 2017, "Densely Connected Convolutional Networks", table 1."""

    taps = ("dense1", "dense2", "dense3", "dense4")

    def __init__(self, *, classes: int, channels: int, growth: int, blocks: tuple[int, ...] = (6, 12, 24, 16)) -> None:
        """Args: growth: channels that each block adds; blocks: how many of them each stage has."""
        super().__init__()
        width = 2 * growth
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        for number, count in enumerate(blocks, start=1):
            stage = (_Bottleneck(width + growth * index, growth=growth) for index in range(count))
            self.add_module(f"dense{number}", nn.Sequential(*stage))
            width += growth * count
            if number < len(blocks):
                self.add_module(f"trans{number}", _Transition(width))
                width //= 2
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.linear = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        for layer in self.children():
            x = F.adaptive_avg_pool2d(x, 1).flatten(1) if layer is self.linear else x
            x = layer(x)
        return x
