"""Adversarial training: PGD on the network's loss, for every batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from curation.training.methods.base import EPSILON, STEPS, Method, Network, Radius, Steps
from curation.training.objective import cross_entropy


class Adversarial(Method):
    """Cross-entropy on PGD images computed for every batch.

    Source: Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks"; for one step, Wong, Rice
    & Kolter 2020, "Fast is better than free".
    """

    name = "adversarial"
    title = "Adversarial, on PGD images"

    epsilon: Radius = EPSILON
    steps: Steps = STEPS

    def start(self, images: Tensor, draws: torch.Generator) -> Tensor:
        """Return uniform draws from the L∞ ball of radius epsilon; see ``Method.start``."""
        return (torch.rand(images.shape, generator=draws) * 2 - 1).mul_(self.epsilon)

    def losses(self, network: Network, images: Tensor, targets: Tensor, change: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy on PGD images of the network as it is now; see ``Method.losses``."""
        assert change is not None
        with network.evaluated():
            images = perturbed(
                lambda points: cross_entropy(network.logits(points), targets),
                images,
                change,
                epsilon=self.epsilon,
                steps=self.steps,
            )
        logits = network.logits(images)
        return network.loss(logits, targets), logits


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


def perturbed_by_adam(
    losses: Callable[[Tensor], Tensor], images: Tensor, change: Tensor, *, epsilon: float, steps: int
) -> Tensor:
    """Return images whose loss is higher: as ``perturbed``, but each step is Adam's, at .1 and in the second half .01.

    Source: Rebuffi et al. 2021, "Fixing Data Augmentation to Improve Adversarial Robustness", and its code: ten steps,
    the rate divided by ten after five.
    """
    mean, square = torch.zeros_like(images), torch.zeros_like(images)
    for step in range(1, steps + 1):
        points = (images + change).clamp_(0, 1).requires_grad_()
        (gradients,) = torch.autograd.grad(losses(points).sum(), points)
        mean = 0.9 * mean + 0.1 * gradients
        square = 0.999 * square + 0.001 * gradients.square()
        rate = 0.1 if step <= steps / 2 else 0.01
        moved = rate * mean / (1 - 0.9**step) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
        change = (points.detach() + moved - images).clamp_(-epsilon, epsilon)
    return (images + change).clamp_(0, 1)
