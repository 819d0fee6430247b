"""Images that a network in training is worse at: where to start from, and steps of PGD on a loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from curation.training.settings import Training

Forward = Callable[[Tensor], Tensor]
"""From images float32 N×C×H×W in [0, 1] to logits float32 N×K."""

NEAR = 1e-3
"""Standard deviation of the start in TRADES: at the image itself the divergence has no gradient."""


def start(shape: torch.Size, *, settings: Training, draws: torch.Generator) -> Tensor:
    """Return first perturbations, float32 N×C×H×W on the CPU: uniform in the ball, or for TRADES near zero."""
    if settings.method == "trades":
        return torch.randn(shape, generator=draws).mul_(NEAR).clamp_(-settings.epsilon, settings.epsilon)
    return (torch.rand(shape, generator=draws) * 2 - 1).mul_(settings.epsilon)


def perturbed(
    losses: Callable[[Tensor], Tensor], images: Tensor, change: Tensor, *, epsilon: float, steps: int
) -> Tensor:
    """Return images whose loss is higher: L∞ PGD from ``images + change``.

    Unlike ``curation.attacks.PGD`` it returns the last point, off the 8-bit grid. Step size: 2.5 ε / steps, for one
    step 1.25 ε.

    Args: losses: from images to each one's loss; images, change: float32 N×C×H×W, images in [0, 1].
    Source: Madry et al. 2018; for one step, Wong, Rice & Kolter 2020, "Fast is better than free".
    """
    step_size = epsilon * (2.5 / steps if steps > 1 else 1.25)
    for _ in range(steps):
        points = (images + change).clamp_(0, 1).requires_grad_()
        (gradients,) = torch.autograd.grad(losses(points).sum(), points)
        change = (points.detach() + step_size * gradients.sign() - images).clamp_(-epsilon, epsilon)
    return (images + change).clamp_(0, 1)
