"""A residual network small enough to learn and to be attacked in seconds on a laptop's CPU."""

from __future__ import annotations

from torch import Tensor, nn

from curation.models.resnet import BasicBlock


class TinyResNet(nn.Module):
    """Three residual blocks after a stride-2 stem: 174,000 parameters; any image of 16 pixels a side or more."""

    taps = ("blocks.0", "blocks.1", "blocks.2")

    def __init__(self, *, classes: int, channels: int, widths: tuple[int, int, int] = (24, 48, 96)) -> None:
        super().__init__()
        first, second, third = widths
        self.stem = nn.Sequential(
            nn.Conv2d(channels, first, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        self.blocks = nn.Sequential(
            BasicBlock(first, first), BasicBlock(first, second, stride=2), BasicBlock(second, third, stride=2)
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(third, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        return self.linear(self.pool(self.blocks(self.stem(x))).flatten(1))
