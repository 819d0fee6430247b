"""The ``label_errors`` block of a recipe: how wrong labels are looked for."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from curation.plugin import Settings
from curation.training.settings import Training, WholeTraining


class LabelErrors(Settings):
    """How wrong labels are looked for."""

    former_fields: ClassVar = {"neighbours": "neighbors"}

    folds: int = Field(4, ge=2, le=20, description="trainings; each sample is held out of one of them")
    architecture: str = Field("tiny_resnet", description="the network of every training")
    train: WholeTraining = Field(
        default_factory=lambda: Training(preset="fast", epochs=12, flip=False),
        description="how each network is trained, from scratch",
    )
    neighbors: int = Field(50, ge=1, le=500, description="nearest samples, in the recipe's space, that vote")

    @field_validator("train")
    @classmethod
    def _of_every_sample(cls, train: Training) -> Training:
        if train.sampling is not None:
            raise ValueError(
                "wrong labels are looked for by how every sample is learned in every epoch; leave sampling out here"
            )
        return train

    @field_validator("train")
    @classmethod
    def _of_architecture(cls, train: Training, info: ValidationInfo) -> Training:
        return train.of(info.data["architecture"]) if "architecture" in info.data else train
