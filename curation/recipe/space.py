"""The ``space`` block of a recipe: whose embedding of the samples is looked at, where it is not the goal model's."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from curation.models import image_text
from curation.models.architectures import Form
from curation.plugin import Settings
from curation.recipe.start_from import PRETRAINED

VECTORS = (".npy", ".parquet")
"""How names of files of vectors end."""


class Space(Settings):
    """The features of another network, or vectors from a file: for map, clusters, similar samples and coverage."""

    backbone: str | None = Field(
        None,
        description="a network whose penultimate layer sees the images: torchvision/<name>, timm/<name>, "
        "open_clip/<name>.<weights>, or an architecture's name",
        exclude_if=lambda value: value is None,
    )
    weights: str | None = Field(
        None,
        validate_default=True,
        description="the backbone's: pretrained: those that its library publishes, from the library's cache or "
        "downloaded; or a file of weights, relative to the recipe's folder or the working directory",
        exclude_if=lambda value: value is None,
    )
    input_px: int | None = Field(
        None,
        ge=16,
        le=1024,
        description="side in pixels that images are resized to for the backbone; None: what the published weights of a "
        "torchvision or timm model were trained for, else images as they are",
        exclude_if=lambda value: value is None,
    )
    vectors: str | None = Field(
        None,
        description="a file with one vector for each image of the source, in its order: .npy (N×D) or Parquet, "
        "relative to the recipe's folder or the working directory",
        exclude_if=lambda value: value is None,
    )
    column: str | None = Field(
        None,
        description="column of a Parquet file that holds the vectors, as lists of numbers",
        exclude_if=lambda value: value is None,
    )

    @field_validator("weights")
    @classmethod
    def _published(cls, weights: str | None, info: ValidationInfo) -> str | None:
        backbone = info.data.get("backbone")
        if backbone is None:
            return weights
        if weights in (None, PRETRAINED) and "/" not in backbone:
            raise ValueError(
                f"no weights of {backbone} are published; name a file of weights, or choose torchvision/<name> or "
                f"timm/<name>, got {weights!r}"
            )
        return weights or PRETRAINED

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if (self.backbone is None) == (self.vectors is None):
            both = "both" if self.backbone else "neither"
            raise ValueError(f"name either a backbone or a file of vectors, got {both}")
        if self.vectors is None:
            if self.column is not None:
                raise ValueError(f"column is of a Parquet file of vectors; a backbone has none, got {self.column!r}")
            return self
        if self.weights is not None or self.input_px is not None:
            raise ValueError("weights and input_px are a backbone's; with a file of vectors leave them out")
        ending = Path(self.vectors).suffix.lower()
        if ending not in VECTORS:
            raise ValueError(f"vectors must be a {' or '.join(VECTORS)} file, got {self.vectors!r}")
        if (ending == ".parquet") != (self.column is not None):
            wrong = "name the column that holds the vectors" if self.column is None else "an .npy file has no columns"
            raise ValueError(f"{wrong}, got column {self.column!r} of {self.vectors!r}")
        return self

    @property
    def file(self) -> Path | None:
        """The backbone's file of weights; None: they are those that the library publishes, or there is no backbone."""
        return None if self.weights in (None, PRETRAINED) else Path(self.weights)

    @property
    def reads(self) -> bool:
        """Whether words have a place among the images."""
        return self.backbone is not None and self.backbone.startswith(f"{image_text.LIBRARY}/")

    @property
    def form(self) -> Form | None:
        """The backbone's network before it has weights, a library's in the form of published ones; None: vectors."""
        return None if self.backbone is None else Form(self.backbone, self.input_px, published="/" in self.backbone)


def space_in_words(space: Space | None) -> str:
    """Return in whose eyes samples are near each other: "the features of torchvision/resnet50"."""
    if space is None:
        return "the goal model's features"
    if space.vectors is None:
        weights = "" if space.file is None else f" ({space.file.name})"
        return f"the features of {space.backbone}{weights}"
    column = f" in {space.column}" if space.column else ""
    return f"the vectors{column} of {Path(space.vectors).name}"
