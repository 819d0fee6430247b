"""The ``goal_model`` block of a recipe: the classifier that guides curation."""

from __future__ import annotations

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from curation.models.architectures import Form
from curation.plugin import Settings
from curation.recipe.start_from import StartFrom
from curation.scores import Score, scores_of
from curation.training.settings import Training, WholeTraining

KEPT_EPOCHS = 12
"""A trained goal model's weights are kept after at most so many epochs."""


def kept_epochs(epochs: int) -> list[int]:
    """Return after which epochs of a training the weights are kept: all up to ``KEPT_EPOCHS``, else evenly spaced.

    The last one is always among them.
    """
    kept = min(epochs, KEPT_EPOCHS)
    return [epochs * part // kept for part in range(1, kept + 1)]


def member_seed(seed: int, index: int) -> int:
    """Return the seed of one member's training, by its index; the first one's is that of a goal model of one."""
    return seed if index == 0 else int(np.random.SeedSequence([seed, index]).generate_state(1)[0] >> 1)


def require_epoch(epoch: int, *, checkpoint: str | None, train: Training) -> None:
    """Raises: ValueError where the weights after an epoch are not kept."""
    if checkpoint is not None:
        raise ValueError(f"a checkpoint has no epochs to choose from; leave epoch out, got {epoch}")
    kept = kept_epochs(train.epochs)
    if epoch not in kept:
        listed = ", ".join(map(str, kept))
        raise ValueError(
            f"of a training of {train.epochs} epochs the weights after {listed} are kept; choose one of them, or null "
            f"for the last, got {epoch}"
        )


class Dropout(Settings):
    """Monte Carlo dropout: how much the goal model's answers vary while parts of its last features are dropped."""

    rate: float = Field(0.2, gt=0, lt=1, description="dropout probability of the last features in a pass")
    passes: int = Field(
        0,
        ge=0,
        le=1000,
        description="forward passes per image, for mc_entropy, mutual_information, variation_ratio; 0: off",
    )

    @field_validator("passes")
    @classmethod
    def _compared(cls, passes: int) -> int:
        if passes == 1:
            raise ValueError("one pass cannot be compared with others; use 2 or more (20, say), or 0 for none, got 1")
        return passes


class GoalModel(Settings):
    """The classifier that guides curation: trained here, or somebody's weights."""

    architecture: str = Field("tiny_resnet", description="an architecture's name; see `curation list models`")
    checkpoint: str | None = Field(
        None,
        description="a file of weights (safetensors or a state dict), relative to "
        "the recipe's folder or the working directory; None: train",
    )
    start_from: StartFrom | None = Field(
        None,
        description="weights that its training starts from (fine-tuning); None: fresh ones",
        exclude_if=lambda value: value is None,  # recipes and keys from before it was a field stay what they were
    )
    input_px: int | None = Field(
        None,
        ge=16,
        le=1024,
        description="side in pixels that images are resized to inside the network; None: what the published weights "
        "of a torchvision or timm model that starts from some were trained for, else images as they are",
        exclude_if=lambda value: value is None,
    )
    train: WholeTraining = Field(default_factory=Training, description="how it is trained when there is no checkpoint")
    members: int = Field(
        1,
        ge=1,
        le=20,
        description="ensemble size: trainings with different seeds whose probabilities are averaged",
    )
    epoch: int | None = Field(
        None, ge=1, description="use the weights after this epoch of the training; None: the last"
    )
    dropout: Dropout = Field(default_factory=Dropout, description="for scores that compare several passes")
    early_epochs: list[int] = Field(
        [],
        description="kept epochs, early in the training, over which the score el2n averages its error; empty: no such "
        "score",
        exclude_if=lambda value: not value,  # recipes and keys from before it was a field stay what they were
    )

    @field_validator("start_from")
    @classmethod
    def _published(cls, start: StartFrom | None, info: ValidationInfo) -> StartFrom | None:
        name = info.data.get("architecture", "")
        if start is not None and start.file is None and "/" not in name:
            raise ValueError(
                f"no weights of {name} are published; name a file of weights, or choose torchvision/<name> or "
                f"timm/<name>, got {start.weights!r}"
            )
        return start

    @field_validator("train")
    @classmethod
    def _of_architecture(cls, train: Training, info: ValidationInfo) -> Training:
        return train.of(info.data["architecture"]) if "architecture" in info.data else train

    @field_validator("epoch")
    @classmethod
    def _kept(cls, epoch: int | None, info: ValidationInfo) -> int | None:
        if epoch is not None and "train" in info.data:
            require_epoch(epoch, checkpoint=info.data["checkpoint"], train=info.data["train"])
        return epoch

    @field_validator("early_epochs")
    @classmethod
    def _early(cls, epochs: list[int], info: ValidationInfo) -> list[int]:
        for epoch in epochs if "train" in info.data else ():
            require_epoch(epoch, checkpoint=info.data["checkpoint"], train=info.data["train"])
        return sorted(set(epochs))

    @property
    def early(self) -> list[int | None]:
        """The early epochs; the last one of the training is None."""
        return [None if epoch == self.train.epochs else epoch for epoch in self.early_epochs]

    @property
    def scores(self) -> list[type[Score]]:
        """The scores that candidates have under it."""
        detector = self.form.detector is not None
        return scores_of(passes=self.dropout.passes > 0, errors=bool(self.early_epochs), detector=detector)

    @property
    def form(self) -> Form:
        """Its network, before it has weights: a library's, where it starts from some, in the form of published ones."""
        of_library = "/" in self.architecture
        published = of_library and self.start_from is not None
        return Form(self.architecture, self.input_px, published, self.train.how().detects)
