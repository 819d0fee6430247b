"""The ``start_from`` block of a goal model: the weights that its training starts from, instead of fresh ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from curation.plugin import Settings

PRETRAINED = "pretrained"
"""Stands for the weights that the architecture's library publishes."""


def _names(value: Any) -> Any:
    """Let names be written in one line, with commas."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class StartFrom(Settings):
    """Fine-tuning: somebody's weights, a new head for the data's classes, and how fast the rest of them learns."""

    weights: str = Field(
        min_length=1,
        description="pretrained: those that torchvision or timm publishes for the architecture, from the library's "
        "cache or downloaded; or a file of weights, relative to the recipe's folder or the working directory",
    )
    head: Literal["new", "kept"] = Field(
        "new",
        description="the last linear layer: with new weights, or those of the file, where its classes are the data's",
    )
    freeze: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        (),
        description="layers that stay as they are, by their names in the network (conv1, layer1); body: all but the "
        "head",
    )
    body_rate: float = Field(
        0.1, gt=0, le=10, description="learning rate of what is neither head nor frozen, as a share of the head's"
    )

    @property
    def file(self) -> Path | None:
        """The file of weights, or None where they are those that the library publishes."""
        return None if self.weights == PRETRAINED else Path(self.weights)
