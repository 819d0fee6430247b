"""Carlini and Wagner's attack: the nearest misclassified image, found by Adam on distance and margin."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import torch
from pydantic import Field
from torch import Tensor

from curation.attacks.classify import Classify
from curation.attacks.losses import cw
from curation.attacks.minimal import SETTLING_PASSES, MinimalAttack
from curation.randomness import SampleRandom

INSIDE = 0.999999
"""Keeps the arc tangent of black and white pixels finite, as in the authors' code."""

AHEAD = 4.0
"""A search over c starts so far above what would do for a linear model."""

TIGHT = 2.0
"""A search over c is over when the bounds on the smallest that succeeds are within this ratio."""

LOOKS = 20
"""So many times in a round it is looked at whether the loss has fallen."""

PROGRESS, LAST_PROGRESS = 0.03, 0.01
"""A sample leaves a round where its loss has not fallen by this share between two looks; the last one less easily."""

SLACK, HALVINGS = 0.1, 6
"""Adam oscillates across the boundary: up to this share of the distance found is taken back, by bisection."""

DECAY, DECAY_OF_SQUARES, SMALLEST = 0.9, 0.999, 1e-8
"""Adam's constants."""


class CarliniWagner(MinimalAttack):
    """Minimizes |x′ − x|² + c · max(margin, −confidence) in tanh space, for the smallest c that succeeds.

    Each sample has its own search over c: tenfold up until one succeeds, then halved in the logarithm, and in the last
    round the smallest that succeeded again. It leaves each round, and the batch, by itself: a round ends early where
    the loss falls no more, unless it is the only one. Unlike in the authors' code, a round goes on where the one before
    ended, with Adam's moments: a new start throws the point further away than the boundary is.

    The nearest misclassified point of all rounds is kept; without any, the one of the largest margin. A sample that is
    misclassified from the start, with that confidence, is returned unchanged. Rounding may cost some of the confidence.

    Source: Carlini & Wagner 2017, "Toward Evaluating the Robustness of Neural Networks", section VI-A, objective f6.
    Tan, Gao & Li 2022 use initial_c 1, binary_search_steps 1 and 100 steps.
    """

    name: ClassVar[str] = "carlini_wagner"
    title: ClassVar[str] = "Carlini–Wagner (L2)"
    version: ClassVar[int] = 2

    steps: int = Field(
        200, ge=1, le=10_000, description="maximum number of Adam steps for each c; it often stops much earlier"
    )
    learning_rate: float = Field(
        0.01, gt=0, le=1, description="Adam's learning rate, in tanh space: 0.01 is about 1/255 at the start"
    )
    binary_search_steps: int = Field(
        9, ge=1, le=30, description="maximum number of values of c tried; 1: only the first"
    )
    initial_c: float | None = Field(
        None,
        gt=0,
        le=1e6,
        description="initial weight of the margin against the squared distance; None: estimated for each sample from "
        "its gradient",
    )
    confidence: float = Field(0, ge=0, le=1000, description="by how much another logit must exceed the label's")

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the nearest misclassified point found for each sample."""
        best = images.clone()
        margins, first_c = self._look(classify, images, labels)
        lengths = torch.full_like(margins, torch.inf)
        window = -(-self.steps // LOOKS)
        going = margins <= self.confidence
        state = _Round.start(images[going], labels[going], going.nonzero()[:, 0], first_c[going])
        taken = 0
        while len(state.rows):
            taken += 1
            rows = state.rows
            points = ((state.hidden.tanh() + 1) / 2).requires_grad_()
            found = cw(classify(points), state.labels)
            shortfall = (self.confidence - found).clamp_min(0)
            (slopes,) = torch.autograd.grad((state.c * shortfall).sum(), points)
            points, found, shortfall = points.detach(), found.detach(), shortfall.detach()
            change = points - state.images
            distances = change.flatten(1).norm(dim=1)
            wrong = found > self.confidence

            nearer = torch.where(wrong, distances < lengths[rows], lengths[rows].isinf() & (found > margins[rows]))
            best[rows] = torch.where(_wide(nearer), points, best[rows])
            lengths[rows] = torch.where(nearer & wrong, distances, lengths[rows])
            margins[rows] = torch.maximum(margins[rows], found)

            state.descend((slopes + 2 * change) * 2 * points * (1 - points), self.learning_rate, taken)
            state.succeeded |= wrong
            losses = distances.square() + state.c * shortfall
            looked_at = state.step % window == 0
            progress = torch.where(state.last, LAST_PROGRESS, PROGRESS)
            stalled = (self.binary_search_steps > 1) & looked_at & ~(losses <= (1 - progress) * state.losses)
            state.losses = torch.where(looked_at, losses, state.losses)
            ended = stalled | (state.step >= self.steps)
            if ended.any():
                state = state.next_round(ended, self.binary_search_steps)
        return self._shortened(classify, best, images, labels, lengths.isfinite())

    def _shortened(self, classify: Classify, best: Tensor, images: Tensor, labels: Tensor, which: Tensor) -> Tensor:
        """Return the points with those asked for drawn back toward their images, as far as they stay misclassified."""
        if not which.any():
            return best
        nearest, images, labels = best.clone(), images[which], labels[which]
        change = best[which] - images
        kept = torch.ones(len(images), device=images.device)
        with torch.no_grad():
            for halving in range(1, HALVINGS + 1):
                tried = kept - SLACK / 2**halving
                points = images + _wide(tried) * change
                wrong = cw(classify(points), labels) > self.confidence
                kept = torch.where(wrong, tried, kept)
                nearest[which] = torch.where(_wide(wrong), points, nearest[which])
        return nearest

    def _look(self, classify: Classify, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the margins of the images themselves, and the first c."""
        points = images.clone().requires_grad_()
        margins = cw(classify(points), labels)
        if self.initial_c is not None:
            return margins.detach(), torch.full_like(margins.detach(), self.initial_c)
        (slopes,) = torch.autograd.grad(margins.sum(), points)
        # In a linear model of that slope, 2 · shortfall / slope² is the smallest c that reaches the boundary.
        steepness = slopes.flatten(1).norm(dim=1)
        margins = margins.detach()
        return margins, (AHEAD * 2 * (self.confidence - margins) / steepness.square()).clamp(1e-6, 1e6)

    def most_passes(self, classes: int) -> int:
        """Return a forward and a backward pass a step, a look at the image, the bisection and the settling."""
        return 3 * (self.steps * self.binary_search_steps + 1) + HALVINGS + SETTLING_PASSES


@dataclass
class _Round:
    """What is known of each sample that is still searched: one row each, in every field."""

    rows: Tensor
    images: Tensor
    labels: Tensor
    hidden: Tensor
    """The point, in tanh space."""
    mean: Tensor
    mean_square: Tensor
    """Adam's moments of the gradient."""
    c: Tensor
    low: Tensor
    high: Tensor
    """The largest c known to fail and the smallest known to succeed."""
    rounds: Tensor
    """Those that have ended."""
    last: Tensor
    """Whether this is the last, with the smallest c that succeeded."""
    step: Tensor
    succeeded: Tensor
    losses: Tensor
    """Steps taken in this round, whether one succeeded, the loss when last looked at."""

    @classmethod
    def start(cls, images: Tensor, labels: Tensor, rows: Tensor, c: Tensor) -> Self:
        nothing, far = torch.zeros_like(c), torch.full_like(c, torch.inf)
        return cls(
            rows=rows,
            images=images,
            labels=labels,
            hidden=_atanh((images * 2 - 1) * INSIDE),
            mean=torch.zeros_like(images),
            mean_square=torch.zeros_like(images),
            c=c,
            low=nothing,
            high=far,
            rounds=nothing,
            last=torch.zeros_like(rows, dtype=torch.bool),
            step=nothing,
            succeeded=torch.zeros_like(rows, dtype=torch.bool),
            losses=far,
        )

    def descend(self, gradients: Tensor, learning_rate: float, taken: int) -> None:
        """Take a step of Adam, the ``taken``-th of all. Source: Kingma & Ba 2015, algorithm 1."""
        self.step = self.step + 1
        self.mean.lerp_(gradients, 1 - DECAY)
        self.mean_square.lerp_(gradients.square(), 1 - DECAY_OF_SQUARES)
        mean = self.mean / (1 - DECAY**taken)
        deviation = (self.mean_square / (1 - DECAY_OF_SQUARES**taken)).sqrt_() + SMALLEST
        self.hidden = self.hidden - learning_rate * mean / deviation

    def next_round(self, ended: Tensor, most_rounds: int) -> Self:
        """Return the samples that go on; those whose round has ended with another c."""
        low = torch.where(ended & ~self.succeeded, self.c, self.low)
        high = torch.where(ended & self.succeeded, self.c, self.high)
        rounds = self.rounds + ended
        last = (rounds >= most_rounds - 1) | (high <= TIGHT * low)
        lower = torch.where(low > 0, (low * high).sqrt(), high / TIGHT)
        c = torch.where(high.isinf(), self.c * 10, torch.where(last, high, lower))
        going = ~(ended & (self.last | (rounds >= most_rounds)))
        after = replace(
            self,
            c=torch.where(ended, c, self.c),
            low=low,
            high=high,
            rounds=rounds,
            last=torch.where(ended, last, self.last),
            step=torch.where(ended, 0, self.step),
            succeeded=self.succeeded & ~ended,
            losses=torch.where(ended, torch.inf, self.losses),
        )
        return replace(after, **{field.name: getattr(after, field.name)[going] for field in fields(after)})


def _atanh(values: Tensor) -> Tensor:
    # torch's own rounds an element otherwise in a short tensor than in a long one; its logarithm does not.
    return ((1 + values) / (1 - values)).log() / 2


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]
