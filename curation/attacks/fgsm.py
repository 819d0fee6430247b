"""The fast gradient sign method."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from curation.attacks.ball import ascent
from curation.attacks.base import BallAttack
from curation.attacks.classify import Classify
from curation.attacks.losses import LOSSES, LossName
from curation.randomness import SampleRandom


class FGSM(BallAttack):
    """One step of length epsilon from the image along the gradient (its sign in L∞).

    Source: Goodfellow, Shlens & Szegedy 2015, "Explaining and Harnessing Adversarial Examples", section 4.
    """

    name: ClassVar[str] = "fgsm"
    title: ClassVar[str] = "FGSM (fast gradient sign)"

    loss: LossName = Field("ce", description="what is driven up; dlr of a two-class model is the margin, cw")

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the image moved by one step."""
        points = images.clone().requires_grad_()
        losses = LOSSES[self.loss](classify(points), labels)
        (gradients,) = torch.autograd.grad(losses.sum(), points)
        return images + self.epsilon * ascent(gradients, self.norm)

    def most_passes(self, classes: int) -> int:
        """Return 3: one forward and one backward pass."""
        return 3
