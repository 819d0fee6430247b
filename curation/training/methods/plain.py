"""Training on the images as they are."""

from __future__ import annotations

from torch import Tensor

from curation.training.methods.base import Method, Network


class Plain(Method):
    """Cross-entropy on the augmented images."""

    name = "plain"
    title = "Plain"
    perturbs = False

    def losses(self, network: Network, images: Tensor, targets: Tensor, change: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of the batch; ``change`` is not used; see ``Method.losses``."""
        logits = network.logits(images)
        return network.loss(logits, targets), logits
