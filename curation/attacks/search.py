"""The samples that an attack still works on, and the best point found so far for each of the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from curation.attacks.classify import Classify
from curation.attacks.losses import fooled
from curation.randomness import SampleRandom

StopEarly = Annotated[
    bool,
    Field(
        description="stop a sample at its first misclassified 8-bit image, the start included: many times "
        "faster, with images just across the boundary instead of the worst ones"
    ),
]
"""The type of an attack's parameter ``stop_early``."""

Settle = Callable[[Classify, Tensor, Tensor, Tensor], Tensor]


class Search:
    """Keeps, for each sample, a point that fools the model before one that does not, then the one of highest loss.

    Stopping early, a sample is done with its first point that fools the model and still does on the 8-bit grid; that
    grid point is kept. It leaves ``images``, ``labels`` and ``random``, which are those of the samples still searched.
    """

    def __init__(
        self,
        classify: Classify,
        images: Tensor,
        labels: Tensor,
        random: SampleRandom,
        *,
        stop_early: Settle | None,
    ) -> None:
        """Args: as for ``Attack.perturb``; stop_early: how points are brought onto the grid, None to go on."""
        self.images, self.labels, self.random = images, labels, random
        self.rows = torch.arange(len(images), device=images.device)
        """Which of the batch are still searched, int64, ascending."""
        self.best = images.clone()
        """The result, float32 N×C×H×W, for the whole batch."""
        self._highest = torch.full((len(images),), -torch.inf, device=images.device)
        self._fooled = torch.zeros(len(images), dtype=torch.bool, device=images.device)
        self._classify = classify
        self._settle = stop_early

    def __len__(self) -> int:
        """Return the number of samples still searched."""
        return len(self.rows)

    @property
    def points(self) -> Tensor:
        """The best points of the samples still searched."""
        return self.best[self.rows]

    def offer(self, points: Tensor, losses: Tensor, wrong: Tensor) -> Tensor | None:
        """Keep the points that are better than what was found.

        Args: one point, its loss and whether it fools the model, for each sample still searched; without gradients.
        Returns: bool, which of these samples go on; None where all do.
        """
        rows = self.rows
        highest, before = self._highest[rows], self._fooled[rows]
        # At equal loss the later point wins: where the loss is flat it has moved; the first may be the image itself.
        better = torch.where(wrong == before, losses >= highest, wrong)
        self.best[rows] = torch.where(better[:, None, None, None], points, self.best[rows])
        self._highest[rows] = torch.where(better, losses, highest)
        self._fooled[rows] = before | wrong
        return self._leave(points, wrong) if self._settle else None

    def _leave(self, points: Tensor, wrong: Tensor) -> Tensor | None:
        at = wrong.nonzero()[:, 0]
        if not len(at):
            return None
        assert self._settle is not None
        images, labels = self.images[at], self.labels[at]
        settled = self._settle(self._classify, points[at], images, labels)
        with torch.no_grad():
            done = fooled(self._classify(settled), labels)
        if not done.any():
            return None
        self.best[self.rows[at[done]]] = settled[done]
        going = torch.ones_like(wrong)
        going[at[done]] = False
        self.images, self.labels, self.rows = self.images[going], self.labels[going], self.rows[going]
        self.random = self.random.rows(going)
        return going


def left(values: Tensor, going: Tensor | None) -> Tensor:
    """Return the values of the samples that go on (see ``Search.offer``)."""
    return values if going is None else values[going]
