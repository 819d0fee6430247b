"""Images brought to the side that a network takes, inside the classifier: whatever looks at it sees the images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Resize(nn.Module):
    """Bilinear, antialiased where images shrink, as two matrix products.

    The same as ``interpolate(…, mode="bilinear", antialias=True)`` to float32 rounding; but its gradient, which attacks
    need, is a matrix product too, and on CUDA the same in every run.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, *, height: int, width: int, side_px: int) -> None:
        """Args: height, width: of the images; side_px: of the square that they become, in pixels."""
        super().__init__()
        self.register_buffer("rows", _weights(height, side_px), persistent=False)
        self.register_buffer("columns", _weights(width, side_px).T.contiguous(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return float32 N×C×side×side for images float32 N×C×H×W."""
        with torch.autocast(images.device.type, enabled=False):
            return self.rows @ images.contiguous() @ self.columns


def _weights(length: int, side_px: int) -> Tensor:
    """Return how much of each pixel of a line is in each pixel of the resized line, float32 side×length."""
    each = torch.eye(length)[None, None]
    return F.interpolate(each, size=(side_px, length), mode="bilinear", antialias=True)[0, 0]
