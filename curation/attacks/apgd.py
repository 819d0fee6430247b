"""Auto-PGD, with an adaptive step size, and its targeted form."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from curation.attacks.ball import Norm, ascent, project, random_far_point
from curation.attacks.classify import Classify
from curation.attacks.gradient import IteratedAttack, Look, LossOf
from curation.attacks.losses import LOSSES, Loss, dlr_targeted
from curation.attacks.search import Search

RHO = 0.75
"""The step is halved where no more than this share of the steps since the last check raised the loss."""

MOMENTUM = 0.75
"""The share of the new step in a move; the rest is the move before it."""


class AutoStepped(IteratedAttack):
    """The ascent that APGD and its targeted form share."""

    def climb(self, classify: Classify, search: Search, loss_of: LossOf) -> None:
        """Run one ascent from a random point on the surface of the ball."""
        points = random_far_point(search.images, search.random, self.norm, self.epsilon)
        seen = self.look(classify, search, points, loss_of, last=False)
        if seen is None:
            return
        path = _Path(seen, step_size=2 * self.epsilon)
        checks = checkpoints(self.steps)
        for step in range(1, self.steps + 1):
            points = path.move(search.images, self.norm, self.epsilon, momentum=MOMENTUM if step > 1 else 1.0)
            seen = self.look(classify, search, points, loss_of, last=step == self.steps)
            if seen is None:
                return
            path.see(seen)
            if step in checks:
                path.check(steps=checks[step])


class APGD(AutoStepped):
    """PGD with momentum and an adaptive step size, which is halved when the loss stops rising.

    In L∞ its points are those of the published code; no gradient is taken at the last one. As in that code, and not
    in the paper, the loss after the first step counts as a rise where it is above 0, not above the start's: with the
    DLR loss the step is then halved sooner, and 20 steps fool 0.5 points more.

    Source: Croce & Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
    attacks", algorithm 1.
    """

    name: ClassVar[str] = "apgd"
    title: ClassVar[str] = "APGD (automatic steps)"

    loss: Loss = "dlr"
    restarts: int = Field(
        1,
        ge=1,
        le=100,
        description="number of runs from different random points; with stop_early, only for samples not fooled yet",
    )

    def runs(self, classify: Classify, search: Search) -> Iterator[LossOf]:
        """Return the loss once for each restart."""
        return repeat(LOSSES[self.loss], self.restarts)

    def most_passes(self, classes: int) -> int:
        """Return what the steps cost, for each restart."""
        return self.restarts * self.passes_a_run()


class APGDTargeted(AutoStepped):
    """APGD toward each of the most likely other classes in turn, with the targeted DLR loss; needs 4 classes.

    Source: Croce & Hein 2020, section 4.2 (APGD-T).
    """

    name: ClassVar[str] = "apgd_targeted"
    title: ClassVar[str] = "APGD, targeted (toward the most likely classes)"

    targets: int = Field(
        9, ge=1, le=999, description="number of target classes, the most likely first; each gets all steps"
    )

    def runs(self, classify: Classify, search: Search) -> Iterator[LossOf]:
        """Return the loss toward each target; the images' own logits rank them."""
        with torch.no_grad():
            logits = self.logits(classify, search.images)
        others = logits.scatter(1, search.labels[:, None], -torch.inf)
        ranked = others.sort(dim=1, descending=True, stable=True).indices

        def toward(place: int) -> LossOf:
            return lambda logits, labels: dlr_targeted(logits, labels, ranked[search.rows, place])

        return map(toward, range(min(self.targets, logits.shape[1] - 1)))

    def most_passes(self, classes: int) -> int:
        """Return what the steps cost, for each target, and the first look at the image."""
        return min(self.targets, classes - 1) * self.passes_a_run() + 1


def checkpoints(steps: int) -> dict[int, int]:
    """Return the steps after which the step size is looked at, each with the steps since the one before.

    Source: Croce & Hein 2020, section 3.1, rounded as in their code: after 22 % of the steps, then after 3 % fewer each
    time, at least 6 %.
    """
    apart, found, step = max(int(0.22 * steps), 1), {}, 0
    while (step := step + apart) < steps:
        found[step] = apart
        apart = max(apart - max(int(0.03 * steps), 1), int(0.06 * steps), 1)
    return found


class _Path:
    """Where the samples are, where they were, and the best point of this run, to which a shortened step goes back."""

    def __init__(self, seen: Look, *, step_size: float) -> None:
        self.points, self.highest, self.gradients, _ = seen
        self.before, self.best, self.best_gradients = self.points, self.points, self.gradients
        # Not the start's: see APGD.
        self.losses = torch.zeros_like(self.highest)
        self.step_size = torch.full_like(self.losses, step_size)
        self.rises = torch.zeros_like(self.losses)
        self.highest_at_check = self.highest
        self.shortened = torch.ones_like(self.losses, dtype=torch.bool)

    def move(self, images: Tensor, norm: Norm, epsilon: float, *, momentum: float) -> Tensor:
        """Return the next points: a step along the gradient, mixed with the move before."""
        step = _each(self.step_size) * ascent(self.gradients, norm)
        target = project(self.points + step, images, norm, epsilon)
        mixed = self.points + momentum * (target - self.points) + (1 - momentum) * (self.points - self.before)
        return project(mixed, images, norm, epsilon)

    def see(self, seen: Look) -> None:
        """Go to the points looked at; samples that are done leave."""
        if seen.going is not None:
            for name, value in vars(self).items():
                setattr(self, name, value[seen.going])
        self.before = self.points
        self.rises = self.rises + (seen.losses > self.losses)
        self.points, self.losses, self.gradients, _ = seen
        self._choose(self.losses > self.highest)

    def check(self, *, steps: int) -> None:
        """Halve the step, and go back to the best point, where the loss rose too rarely or the best one is old."""
        stuck = ~self.shortened & (self.highest_at_check >= self.highest)
        self.shortened = (self.rises <= RHO * steps) | stuck
        self.highest_at_check = self.highest
        self.step_size = torch.where(self.shortened, self.step_size / 2, self.step_size)
        self.points = torch.where(_each(self.shortened), self.best, self.points)
        self.gradients = torch.where(_each(self.shortened), self.best_gradients, self.gradients)
        self.rises = torch.zeros_like(self.rises)

    def _choose(self, risen: Tensor) -> None:
        self.highest = torch.where(risen, self.losses, self.highest)
        self.best = torch.where(_each(risen), self.points, self.best)
        self.best_gradients = torch.where(_each(risen), self.gradients, self.best_gradients)


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]
