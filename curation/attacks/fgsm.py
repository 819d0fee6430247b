"""The fast gradient sign method."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from curation.attacks.ball import ascent
from curation.attacks.classify import Classify
from curation.attacks.gradient import GradientAttack
from curation.attacks.losses import LOSSES, Loss
from curation.randomness import SampleRandom


class FGSM(GradientAttack):
    """One step of length epsilon from the image along the gradient (its sign in L∞).

    Source: Goodfellow, Shlens & Szegedy 2015, "Explaining and Harnessing Adversarial Examples", section 4.
    """

    name: ClassVar[str] = "fgsm"
    title: ClassVar[str] = "FGSM (fast gradient sign)"

    loss: Loss = "ce"

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the image moved by one step, clipped to [0, 1]."""
        points = images.clone().requires_grad_()
        losses = LOSSES[self.loss](self.logits(classify, points), labels)
        (gradients,) = torch.autograd.grad(losses.sum(), points)
        return (images + self.epsilon * ascent(gradients, self.norm)).clamp_(0, 1)

    def most_passes(self, classes: int) -> int:
        """Return 3: one forward and one backward pass."""
        return 3
