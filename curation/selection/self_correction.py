"""Self-correction, the compared scheme: its settings, and the selector that follows the order it found."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.errors import CurationError
from curation.plugin import Settings
from curation.selection.base import Group, Selector, Within
from curation.training.settings import Training


class SelfCorrection(Settings):
    """How a set is grown from what a network, trained on the set so far, still gets wrong."""

    validation_share: float = Field(0.1, gt=0, lt=1, description="share of the samples held out for validation")
    initial_share: float = Field(0.2, gt=0, lt=1, description="share of the budget taken at random before round 1")
    rounds: int = Field(5, ge=1, le=100, description="number of trainings; the set grows equally after each")
    architecture: str = Field("tiny_resnet", description="the network trained from scratch in every round")
    train: Training = Field(default_factory=lambda: Training(preset="fast"), description="how it is trained")


class SelfCorrected(Selector):
    """What self-correction chose first, first; score, offset and floor are ignored, what it left out is never taken.

    Source: Data Boosting, the self-correction scheme that Wang & Fang 2022 compare with.
    """

    name: ClassVar[str] = "self_correction"
    title: ClassVar[str] = "Self-correction: nearest to what a model still gets wrong"
    within: ClassVar[Within] = "family"
    follows: ClassVar[str | None] = "self_correction"

    def prefer(self, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Return the order of choice."""
        order = group.family.given_order
        if order is None:
            raise CurationError(
                "the group was made without the order of self_correction; use `family_of(…, follows=…)`"
            )
        return order[group.positions]
