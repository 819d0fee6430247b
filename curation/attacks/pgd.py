"""Projected gradient descent."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from curation.attacks.ball import ascent, project, random_point
from curation.attacks.base import BallAttack
from curation.attacks.classify import Classify
from curation.attacks.losses import LOSSES, LossName
from curation.plugin import PixelFloat
from curation.randomness import SampleRandom


class PGD(BallAttack):
    """Steps of steepest ascent, projected into the ball after each; the best point of each sample is kept.

    Source: Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks"; with the DLR loss as in
    Wang & Fang 2022, "Goal-Oriented Data-Centric Robust Learning".
    """

    name: ClassVar[str] = "pgd"
    title: ClassVar[str] = "PGD (projected gradient descent)"

    loss: LossName = Field("dlr", description="what is driven up; dlr of a two-class model is the margin, cw")
    steps: int = Field(20, ge=1, description="gradient steps; each costs one forward and one backward pass")
    step_size: PixelFloat | None = Field(None, gt=0, le=1, description="length of a step; None: 2.5 · epsilon / steps")
    random_start: bool = Field(True, description="start at a random point of the ball instead of at the image")

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the point of highest loss on each sample's path."""
        loss_of = LOSSES[self.loss]
        step_size = self.step_size or 2.5 * self.epsilon / self.steps
        points = random_point(images, random, self.norm, self.epsilon) if self.random_start else images.clone()
        best, highest = points, torch.full((len(points),), -torch.inf, device=points.device)
        for _ in range(self.steps):
            points.requires_grad_()
            losses = loss_of(classify(points), labels)
            (gradients,) = torch.autograd.grad(losses.sum(), points)
            points = points.detach()
            best, highest = _better(best, highest, points, losses.detach())
            points = project(points + step_size * ascent(gradients, self.norm), images, self.norm, self.epsilon)
        with torch.no_grad():
            return _better(best, highest, points, loss_of(classify(points), labels))[0]

    def most_passes(self, classes: int) -> int:
        """Return a forward and a backward pass a step, and a last look."""
        return 3 * self.steps + 1


def _better(best: Tensor, highest: Tensor, points: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
    # At equal loss the later point wins: where the loss is flat it has moved, the first one may be the image itself.
    risen = losses >= highest
    return torch.where(risen[:, None, None, None], points, best), torch.where(risen, losses, highest)
