"""VGG with batch normalization in the form for small images; names as in the widely used CIFAR code."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Vgg16(nn.Module):
    """VGG-16: thirteen 3×3 convolutions and one linear layer. Source: Simonyan & Zisserman 2015, table 1, column D.

    Sizes are rounded up when they are halved, which changes nothing at 32 pixels a side and lets images of 16 in.
    """

    taps = ("features.5", "features.12", "features.22", "features.32")

    def __init__(self, *, classes: int, channels: int) -> None:
        from torchvision.models.vgg import cfgs, make_layers  # here, for it takes seconds to import

        super().__init__()
        self.features = make_layers(cfgs["D"], batch_norm=True)
        self.features[0] = nn.Conv2d(channels, 64, 3, padding=1)
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = True
        self.classifier = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits N×K for normalized images N×C×H×W."""
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), 1).flatten(1))
