"""A plain convolutional network, no shortcuts, as small and fast as the tiny residual one and unlike it."""

from __future__ import annotations

from torch import Tensor, nn


class TinyConvNet(nn.Module):
    """Six 3×3 convolutions and max-pooling: 145,000 parameters; any image of 16 pixels a side or more."""

    taps = ("layers.2", "layers.9", "layers.16", "layers.20")

    def __init__(self, *, classes: int, channels: int, widths: tuple[int, int, int, int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.layers = nn.Sequential(
            *_layer(channels, first),
            nn.MaxPool2d(2),
            *_layer(first, second),
            *_layer(second, second),
            nn.MaxPool2d(2),
            *_layer(second, third),
            *_layer(third, third),
            nn.MaxPool2d(2),
            *_layer(third, fourth),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(fourth, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        return self.linear(self.pool(self.layers(x)).flatten(1))


def _layer(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
