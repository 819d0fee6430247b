"""The one form of every classifier here: pixels in [0, 1] in, logits out, the normalisation inside."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """A network and the normalisation that it expects."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, *, mean: tuple[float, ...], std: tuple[float, ...], copies: int = 1) -> None:
        """Args: mean, std: of each channel, in [0, 1]; copies: 3 for a colour network that is shown grey images."""
        super().__init__()
        self.network = network
        self.copies = copies
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 N×K, for images float32 N×C×H×W in [0, 1]."""
        if self.copies > 1:
            images = images.expand(-1, self.copies, -1, -1)
        normalised = (images - self.mean) / self.std
        logits = self.network(normalised.contiguous(memory_format=torch.channels_last))
        # Inception and GoogLeNet return a tuple with auxiliary heads while they train.
        return getattr(logits, "logits", logits)
