"""TRADES: the clean loss plus the divergence of the prediction in the neighborhood of the image."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from curation.training.methods.adversarial import perturbed, perturbed_by_adam
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
    search: Literal["sign", "adam"] = Field(
        "sign",
        description="how the neighbor is sought; sign: steps along the gradient's sign from near the image; adam: "
        "steps of Adam from a random point of the ball (Rebuffi et al.)",
        exclude_if=lambda value: value == "sign",  # keys from before it was a field stay what they were
    )

    def start(self, images: Tensor, draws: torch.Generator) -> Tensor:
        """Return draws from the L∞ ball: normal ones of σ ``NEAR``, for Adam uniform ones; see ``Method.start``."""
        if self.search == "adam":
            return (torch.rand(images.shape, generator=draws) * 2 - 1).mul_(self.epsilon)
        return torch.randn(images.shape, generator=draws).mul_(NEAR).clamp_(-self.epsilon, self.epsilon)

    def losses(self, network: Network, images: Tensor, targets: Tensor, change: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy plus beta times the divergence of the worst images found; see ``Method.losses``."""
        assert change is not None
        with network.evaluated():
            with torch.no_grad():
                here = network.logits(images)
            worst = (perturbed_by_adam if self.search == "adam" else perturbed)(
                lambda points: divergence(here, network.logits(points)),
                images,
                change,
                epsilon=self.epsilon,
                steps=self.steps,
            )
        with network.statistics_kept():
            clean = network.logits(images)
        return network.loss(clean, targets) + self.beta * divergence(clean, network.logits(worst)), clean
