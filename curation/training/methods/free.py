"""Free adversarial training: each batch is replayed while its perturbation is updated."""

from __future__ import annotations

import torch
from torch import Tensor

from curation.training.methods.base import EPSILON, STEPS, Method, Network, Radius, Steps


class Free(Method):
    """Each batch replayed ``steps`` times, with one backward pass for the weights and for the perturbation.

    Source: Shafahi et al. 2019, "Adversarial Training for Free!", algorithm 1.
    """

    name = "free"
    title = "Free adversarial"
    carries = True

    epsilon: Radius = EPSILON
    steps: Steps = STEPS

    @property
    def replays(self) -> int:
        """``steps``: as many on each batch, each with one gradient for weights and images."""
        return self.steps

    def start(self, images: Tensor, draws: torch.Generator) -> Tensor:
        """Return zeros, for the first batch; see ``Method.start``."""
        return torch.zeros_like(images)

    def losses(self, network: Network, images: Tensor, targets: Tensor, change: Tensor | None) -> tuple[Tensor, Tensor]:
        """``change`` is moved in place once its gradient has come."""
        assert change is not None
        kept, epsilon = change, self.epsilon
        points = kept.clone().requires_grad_()

        def ascend(gradient: Tensor) -> None:
            kept.add_(gradient.sign(), alpha=epsilon).clamp_(-epsilon, epsilon)

        points.register_hook(ascend)
        logits = network.logits((images + points).clamp(0, 1))
        return network.loss(logits, targets), logits
