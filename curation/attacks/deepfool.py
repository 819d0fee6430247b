"""DeepFool: repeated steps to the nearest decision boundary of the linearized model."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from curation.attacks.ball import Norm, ascent
from curation.attacks.classify import Classify
from curation.attacks.losses import fooled
from curation.attacks.minimal import SETTLING_PASSES, MinimalAttack
from curation.randomness import SampleRandom

BEYOND = 1e-4
"""Length added to each step, so that it crosses a boundary on which the point already lies; as in the authors' code."""


class DeepFool(MinimalAttack):
    """Steps to the nearest boundary with the most likely other classes, until the sample is misclassified.

    A sample that is misclassified from the start is its own nearest wrong image and is returned unchanged. One that
    outlasts all steps is returned where they led. The sum of the steps is overshot, then clipped to [0, 1].

    Source: Moosavi-Dezfooli, Fawzi & Frossard 2016, "DeepFool: a simple and accurate method to fool deep neural
    networks", algorithm 2 (L2) and section 3.3 (other norms); candidates fixed at the start as in the authors' code.
    Tan, Gao & Li 2022 use 5 steps and no overshoot.
    """

    name: ClassVar[str] = "deepfool"
    title: ClassVar[str] = "DeepFool (nearest boundary)"

    norm: Norm = Field(
        "l2", description="distance to minimize: l2 the root of the sum of squares, linf the largest change"
    )
    steps: int = Field(
        50, ge=1, le=10_000, description="maximum number of steps; a sample stops once it is misclassified"
    )
    overshoot: float = Field(
        0.02, ge=0, le=1, description="fraction by which the perturbation is lengthened, to end beyond the boundary"
    )
    candidates: int = Field(
        10,
        ge=2,
        description="number of classes considered: the label and the most likely others; each costs one backward pass "
        "per step",
    )

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the first misclassified point of each sample, else its last one."""
        found = images.clone()
        rows = torch.arange(len(images), device=images.device)
        change = torch.zeros_like(images)
        others: Tensor | None = None
        for _ in range(self.steps):
            points = found[rows].requires_grad_()
            logits = classify(points)
            if others is None:
                others = _likeliest_others(logits.detach(), labels, self.candidates - 1)
            going = (~fooled(logits.detach(), labels[rows])).nonzero()[:, 0]
            done = len(rows) - len(going)
            rows, change, others = rows[going], change[going], others[going]
            if not len(rows):
                break
            if done * others.shape[1] > len(rows):
                # Every backward pass would take along those that are done; looking again at the rest costs less.
                points = found[rows].requires_grad_()
                logits, going = classify(points), torch.arange(len(rows), device=rows.device)
            change += self._to_nearest_boundary(points, logits, going, labels[rows], others)
            found[rows] = (images[rows] + (1 + self.overshoot) * change).clamp_(0, 1)
        return found

    def _to_nearest_boundary(
        self, points: Tensor, logits: Tensor, going: Tensor, labels: Tensor, others: Tensor
    ) -> Tensor:
        """Return the step to the nearest boundary, for those of the points that are going on; frees their graph."""
        leads = logits[going].gather(1, labels[:, None]) - logits[going].gather(1, others)
        nearest = torch.full((len(labels),), torch.inf, device=labels.device)
        slopes = torch.zeros_like(points[going])
        for other in range(others.shape[1]):
            last = other == others.shape[1] - 1
            (gradients,) = torch.autograd.grad(-leads[:, other].sum(), points, retain_graph=not last)
            gradients = gradients[going]
            # The dual norm: how fast a step of length 1 in the norm closes in on the boundary.
            steepness = gradients.flatten(1).norm(p=1 if self.norm == "linf" else 2, dim=1)
            distances = leads[:, other].detach() / steepness
            nearer = distances < nearest
            nearest = torch.where(nearer, distances, nearest)
            slopes = torch.where(nearer[:, None, None, None], gradients, slopes)
        # No step need be longer than the diagonal of the pixel cube, however flat the model is.
        lengths = (nearest + BEYOND).clamp_max(slopes[0].numel() ** 0.5)
        return lengths[:, None, None, None] * ascent(slopes, self.norm)

    def most_passes(self, classes: int) -> int:
        """Return two forward and K′ − 1 backward passes a step, K′ being the classes looked at, and the settling."""
        return self.steps * 2 * min(self.candidates, classes) + SETTLING_PASSES


def _likeliest_others(logits: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return the classes with the largest logits but for the label's, int64 N×min(count, K − 1)."""
    rest = logits.scatter(1, labels[:, None], -torch.inf)
    return rest.topk(min(count, logits.shape[1] - 1), dim=1).indices
