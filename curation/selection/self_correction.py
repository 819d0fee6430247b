"""Self-correction, a published baseline: its settings, and the selector that uses its order."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from curation.errors import CurationError
from curation.plugin import Settings
from curation.selection.base import Group, Selector, Within
from curation.training.settings import Training, WholeTraining


class SelfCorrection(Settings):
    """How a set is grown from the images that a network trained on the set so far misclassifies."""

    validation_share: float = Field(0.1, gt=0, lt=1, description="share of the samples held out for validation")
    initial_share: float = Field(
        0.2, gt=0, lt=1, description="share of the budget that is chosen at random before round 1"
    )
    rounds: int = Field(5, ge=1, le=100, description="number of trainings; the set grows by the same number after each")
    architecture: str = Field("tiny_resnet", description="the network trained from scratch in every round")
    train: WholeTraining = Field(default_factory=lambda: Training(preset="fast"), description="how it is trained")
    extractor: Literal["goal_model", "space"] = Field(
        "goal_model",
        description="whose features say which candidates are near: the goal model's, or those of the recipe's space, a "
        "network that knows nothing of the task, as published",
        exclude_if=lambda value: (
            value == "goal_model"
        ),  # recipes and keys from before it was a field stay what they were
    )

    @field_validator("train")
    @classmethod
    def _of_architecture(cls, train: Training, info: ValidationInfo) -> Training:
        return train.of(info.data["architecture"]) if "architecture" in info.data else train


class SelfCorrected(Selector):
    """The order in which self-correction chose; score, offset and floor are ignored, and nothing else is selected.

    Source: Data Boosting, the self-correction scheme that Wang & Fang 2022 compare with.
    """

    name: ClassVar[str] = "self_correction"
    title: ClassVar[str] = "Self-correction: nearest to what a model misclassifies"
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
