"""Wide residual networks with the layer names of the TRADES code, which most published robust weights use."""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from curation.models.resnet import stage


class _Block(nn.Module):
    """Normalization and ReLU before each 3×3 convolution; a 1×1 shortcut where the channels change."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.projects = inputs != outputs
        if self.projects:
            self.convShortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(x))
        kept = self.convShortcut(out) if self.projects else x
        return self.conv2(F.relu(self.bn2(self.conv1(out)))) + kept


class WideResNet(nn.Module):
    """A network of 6n + 4 layers, ``width`` times 16, 32 and 64 channels.

    Source: Zagoruyko & Komodakis 2016, "Wide Residual Networks"; names and first weights as in the TRADES code.
    """

    taps = ("block1", "block2", "block3")
    unused = ("sub_block1.",)
    """Layers that files from the TRADES code hold and that its network never runs."""

    def __init__(self, *, classes: int, channels: int, depth: int, width: int) -> None:
        super().__init__()
        blocks = (depth - 4) // 6
        first, second, third = 16 * width, 32 * width, 64 * width
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.block1 = _group(16, first, blocks=blocks, stride=1)
        self.block2 = _group(first, second, blocks=blocks, stride=2)
        self.block3 = _group(second, third, blocks=blocks, stride=2)
        self.bn1 = nn.BatchNorm2d(third)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(third, classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.adaptive_avg_pool2d(self.relu(self.bn1(x)), 1).flatten(1))


def _group(inputs: int, outputs: int, *, blocks: int, stride: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layer=stage(_Block, inputs, outputs, blocks=blocks, stride=stride)))


def start(network: nn.Module) -> None:
    """Draw a wide network's first weights. Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.2."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
