"""One batch of training images: shifted, mirrored, moved to the device, made adversarial."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def augmented(pixels: np.ndarray, *, padding_px: int, flip: bool, draws: torch.Generator) -> np.ndarray:
    """Shift, and mirror where asked for, each image on its own, in one gather.

    Args: pixels: uint8 N×H×W×C; padding_px: largest shift, over a black border; flip: mirror half of the images.
    Returns: uint8, same shape.
    """
    n, height, width, _ = pixels.shape
    border = (padding_px, padding_px)
    padded = np.pad(pixels, ((0, 0), border, border, (0, 0)))
    shifts = 2 * padding_px + 1
    down, right, mirrored = (torch.randint(high, (n, 1), generator=draws).numpy() for high in (shifts, shifts, 2))
    columns = np.arange(width)
    if flip:
        columns = np.where(mirrored, columns[::-1], columns)
    rows, columns = down + np.arange(height), right + columns
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def adversarial(
    model: nn.Module, images: Tensor, labels: Tensor, *, epsilon: float, steps: int, draws: torch.Generator
) -> Tensor:
    """Return images that a model in training is worse at: L∞ PGD on the cross-entropy from a random start.

    Unlike ``curation.attacks.PGD`` it returns the last point, off the 8-bit grid. The model runs in evaluation mode, so
    that batch statistics are those of training only, and is left in training mode.

    Args: images: float32 N×C×H×W in [0, 1]; labels: int64 N; epsilon: in (0, 1]; steps: at least 1.
    Source: Madry et al. 2018; for one step, Wong, Rice & Kolter 2020, "Fast is better than free".
    """
    step_size = epsilon * (2.5 / steps if steps > 1 else 1.25)
    change = (torch.rand(images.shape, generator=draws) * 2 - 1).mul_(epsilon).to(images.device)
    model.eval()
    for _ in range(steps):
        points = (images + change).clamp_(0, 1).requires_grad_()
        (gradients,) = torch.autograd.grad(F.cross_entropy(model(points), labels, reduction="sum"), points)
        change = (points.detach() + step_size * gradients.sign() - images).clamp_(-epsilon, epsilon)
    model.train()
    return (images + change).clamp_(0, 1)
