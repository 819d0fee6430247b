"""Adversarial training in two phases: most epochs against a weak attack, the last ones against a strong one."""

from __future__ import annotations

from pydantic import Field

from curation.training.methods.adversarial import Adversarial
from curation.training.methods.base import Method, Radius, Steps

WEAK_EPSILON, WEAK_STEPS, WEAK_SHARE = 2 / 255, 1, 0.75


class TwoPhase(Adversarial):
    """Adversarial training, first on images of a weak attack, then on those of a strong one: ``epsilon``, ``steps``.

    The learning rate goes on along its schedule, so that the strong phase is at its small rates.

    Source: Wang, Li, Zhu & Xie 2024, "Revisiting Adversarial Training at Scale" (AdvXL): weak, then strong.
    """

    name = "two_phase"
    title = "Adversarial in two phases, weak then strong"

    epochs: int = Field(6, ge=1, description="passes over the images, in both phases")
    weak_share: float = Field(WEAK_SHARE, ge=0, le=1, description="share of the epochs that are of the weak phase")
    weak_epsilon: Radius = Field(WEAK_EPSILON, description="L∞ radius in the weak phase")
    weak_steps: Steps = Field(WEAK_STEPS, description="PGD steps in the weak phase")

    def at(self, epoch: int) -> Method:
        """Return the weak attack's training in the first epochs, their number rounded; see ``Method.at``."""
        if epoch < round(self.weak_share * self.epochs):
            return Adversarial(epsilon=self.weak_epsilon, steps=self.weak_steps)
        return self
