"""The ``labels`` block of a recipe: how the labels of the curated set are written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curation.plugin import Settings


class Labels(Settings):
    """How the labels of the curated set are written."""

    mode: Literal["hard", "smoothed", "goal_model", "source"] = Field(
        "hard",
        description="hard: one-hot; smoothed: label smoothing; goal_model: its softmax of the clean original, or "
        "one-hot where a person gave or confirmed the label and it says another; source: the source's own soft labels",
    )
    smoothing: float = Field(
        0.1, ge=0, lt=1, description="share of the label that is spread over all classes (smoothed)"
    )
