"""TRADES: the clean loss plus the divergence of the prediction in the neighborhood of the image."""

from __future__ import annotations

import torch
from torch import Tensor

from curation.training.methods.adversarial import perturbed
from curation.training.methods.base import BETA, EPSILON, STEPS, Beta, Method, Network, Radius, Steps
from curation.training.objective import divergence

NEAR = 1e-3
"""Standard deviation of the start: at the image itself the divergence has no gradient."""


class Trades(Method):
    """Clean loss plus beta times the divergence between clean and adversarial predictions.

    The batch norms' running statistics are those of the adversarial images (Rebuffi et al. 2021).

    Source: Zhang et al. 2019, "Theoretically Principled Trade-off between Robustness and Accuracy", equation 5.
    """

    name = "trades"
    title = "TRADES"

    epsilon: Radius = EPSILON
    steps: Steps = STEPS
    beta: Beta = BETA

    def start(self, images: Tensor, draws: torch.Generator) -> Tensor:
        """Return normal draws of σ ``NEAR``, cut to the L∞ ball of radius epsilon; see ``Method.start``."""
        return torch.randn(images.shape, generator=draws).mul_(NEAR).clamp_(-self.epsilon, self.epsilon)

    def losses(self, network: Network, images: Tensor, targets: Tensor, change: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy plus beta times the divergence of the worst images found; see ``Method.losses``."""
        assert change is not None
        with network.evaluated():
            with torch.no_grad():
                here = network.logits(images)
            worst = perturbed(
                lambda points: divergence(here, network.logits(points)),
                images,
                change,
                epsilon=self.epsilon,
                steps=self.steps,
            )
        with network.statistics_kept():
            clean = network.logits(images)
        return network.cross_entropy(clean, targets) + self.beta * divergence(clean, network.logits(worst)), clean
