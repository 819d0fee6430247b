"""The momentum iterative method."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from curation.attacks.ball import unit_l1
from curation.attacks.gradient import SteppedAttack
from curation.attacks.losses import Loss


class MIM(SteppedAttack):
    """BIM with momentum over the gradients, which escapes small local maxima and transfers better.

    Source: Dong et al. 2018, "Boosting Adversarial Attacks with Momentum", algorithm 1 (MI-FGSM).
    """

    name: ClassVar[str] = "mim"
    title: ClassVar[str] = "MIM (momentum iterative)"

    loss: Loss = "ce"
    decay: float = Field(1.0, ge=0, le=1, description="decay factor of the momentum; 0 is BIM")

    def direction(self, gradients: Tensor, momentum: Tensor) -> Tensor:
        """Return decay · momentum + gradient / ‖gradient‖₁."""
        return self.decay * momentum + unit_l1(gradients)
