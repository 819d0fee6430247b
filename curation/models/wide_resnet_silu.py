"""Wide residual networks with SiLU, layer names as in the code of Gowal et al. and Rebuffi et al."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from curation.models.resnet import stage
from curation.models.wide_resnet import start

BatchNorm = partial(nn.BatchNorm2d, momentum=0.01)


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.batchnorm_0 = BatchNorm(inputs)
        self.conv_0 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=0 if stride == 2 else 1, bias=False)
        self.batchnorm_1 = BatchNorm(outputs)
        self.conv_1 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.halves = stride == 2
        self.projects = inputs != outputs
        if self.projects:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = F.silu(self.batchnorm_0(x))
        kept = self.shortcut(out) if self.projects else x
        if self.halves:
            # "Same" padding of the JAX code, for which such weights were trained: a first row only at odd sizes.
            height, width = out.shape[2:]
            out = F.pad(out, (width % 2, 1, height % 2, 1))
        return self.conv_1(F.silu(self.batchnorm_1(self.conv_0(out)))) + kept


class WideResNetSilu(nn.Module):
    """A network of 6n + 4 layers. Source: Gowal et al. 2020, "Uncovering the Limits", section 3.1, and its code."""

    taps = ("layer.0", "layer.1", "layer.2")

    def __init__(self, *, classes: int, channels: int, depth: int, width: int) -> None:
        super().__init__()
        blocks = (depth - 4) // 6
        first, second, third = 16 * width, 32 * width, 64 * width
        self.init_conv = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.layer = nn.Sequential(
            _group(16, first, blocks=blocks, stride=1),
            _group(first, second, blocks=blocks, stride=2),
            _group(second, third, blocks=blocks, stride=2),
        )
        self.batchnorm = BatchNorm(third)
        self.relu = nn.SiLU()
        self.logits = nn.Linear(third, classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        x = self.relu(self.batchnorm(self.layer(self.init_conv(x))))
        return self.logits(F.adaptive_avg_pool2d(x, 1).flatten(1))


def _group(inputs: int, outputs: int, *, blocks: int, stride: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(block=stage(_Block, inputs, outputs, blocks=blocks, stride=stride)))
