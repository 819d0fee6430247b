"""The CIFAR family of residual networks: 16, 32 and 64 channels, shortcuts without parameters."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from curation.models.resnet import stage


class _Block(nn.Module):
    """Two 3×3 convolutions; a stride-2 shortcut takes every second pixel and pads the channels with zeros."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.padding = (outputs - inputs) // 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.padding:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.padding, self.padding))
        return F.relu(out + x)


class CifarResNet(nn.Module):
    """A network of 6n + 2 layers. Source: He et al. 2016, "Deep Residual Learning", section 4.2, shortcut option A."""

    taps = ("layer1", "layer2", "layer3")

    def __init__(self, *, classes: int, channels: int, depth: int) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = stage(_Block, 16, 16, blocks=blocks)
        self.layer2 = stage(_Block, 16, 32, blocks=blocks, stride=2)
        self.layer3 = stage(_Block, 32, 64, blocks=blocks, stride=2)
        self.linear = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))
