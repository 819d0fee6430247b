"""What the attacks that ascend the gradient of a loss have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from curation.attacks.ball import ascent, project
from curation.attacks.base import BallAttack
from curation.attacks.classify import Classify
from curation.attacks.losses import LOSSES, Loss, fooled
from curation.attacks.search import Search, StopEarly, left
from curation.plugin import PixelFloat
from curation.randomness import SampleRandom

LossOf = Callable[[Tensor, Tensor], Tensor]
"""Logits N×K and labels N of the samples still searched → losses N."""


class Look(NamedTuple):
    """What a pass showed of the samples that go on, N of them."""

    points: Tensor
    losses: Tensor
    gradients: Tensor
    going: Tensor | None
    """Which of those looked at they are; None: all."""


class GradientAttack(BallAttack):
    """An attack that follows the gradient of a loss of the logits."""

    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="precision of the search; bfloat16 takes about half the time on hardware that supports it, with "
        "robust accuracy within 0.2 points",
    )

    def logits(self, classify: Classify, points: Tensor) -> Tensor:
        """Return logits, float32 N×K, computed in the chosen precision."""
        with torch.autocast(points.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return classify(points)


class IteratedAttack(GradientAttack):
    """One or more runs of many steps, a look at each point, and the best of them kept (see ``Search``)."""

    steps: int = Field(20, ge=1, le=10_000, description="gradient steps; each costs one forward and one backward pass")
    stop_early: StopEarly = False

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the best point of each sample."""
        search = Search(classify, images, labels, random, stop_early=self.settle if self.stop_early else None)
        for loss_of in self.runs(classify, search):
            if len(search):
                self.climb(classify, search, loss_of)
        return search.best

    @abstractmethod
    def runs(self, classify: Classify, search: Search) -> Iterator[LossOf]:
        """Return the loss of each run."""

    @abstractmethod
    def climb(self, classify: Classify, search: Search, loss_of: LossOf) -> None:
        """Take the steps of a run, with a ``look`` before the first and after each."""

    def look(self, classify: Classify, search: Search, points: Tensor, loss_of: LossOf, *, last: bool) -> Look | None:
        """Offer the points to the search; return what the next step needs, None where there is none.

        The last look of a run, and one that leaves no sample to work on, costs no backward pass.
        """
        points = points.detach().requires_grad_(not last)
        logits = self.logits(classify, points)
        losses = loss_of(logits, search.labels)
        going = search.offer(points.detach(), losses.detach(), fooled(logits.detach(), search.labels))
        if last or not len(search):
            return None
        (gradients,) = torch.autograd.grad(losses.sum(), points)
        return Look(left(points.detach(), going), left(losses.detach(), going), left(gradients, going), going)

    def passes_a_run(self) -> int:
        """Return a forward and a backward pass a step, and a last look; each is made sure of to stop early."""
        return 3 * self.steps + 1 + self.stop_early * (self.steps + 1)


class SteppedAttack(IteratedAttack):
    """Steps of one length, each projected into the ball."""

    reach: ClassVar[float] = 1.0
    """How many epsilon the steps of the default length add up to."""

    loss: Loss
    step_size: PixelFloat | None = Field(None, gt=0, le=1, description="step size; None: epsilon / steps")

    def runs(self, classify: Classify, search: Search) -> Iterator[LossOf]:
        """Return the loss, once."""
        return iter([LOSSES[self.loss]])

    def climb(self, classify: Classify, search: Search, loss_of: LossOf) -> None:
        """Step along ``direction`` from ``start``."""
        step_size = self.step_size or self.reach * self.epsilon / self.steps
        points = self.start(search)
        momentum = torch.zeros_like(points)
        for step in range(self.steps + 1):
            seen = self.look(classify, search, points, loss_of, last=step == self.steps)
            if seen is None:
                return
            momentum = self.direction(seen.gradients, left(momentum, seen.going))
            moved = seen.points + step_size * ascent(momentum, self.norm)
            points = project(moved, search.images, self.norm, self.epsilon)

    def start(self, search: Search) -> Tensor:
        """Return where the steps begin: the images."""
        return search.images

    def direction(self, gradients: Tensor, momentum: Tensor) -> Tensor:
        """Return where the next step leads, given what this returned for the last one (0 at first)."""
        return gradients

    def most_passes(self, classes: int) -> int:
        """Return what the steps cost."""
        return self.passes_a_run()
