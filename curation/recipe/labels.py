"""The ``labels`` block of a recipe: how the labels of the curated set are written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

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
    temperature: float = Field(
        1.0,
        ge=0.05,
        le=100,
        description="the goal model's logits are divided by this before the softmax (goal_model): above 1 its labels "
        "are softer, below 1 harder (Hinton et al. 2015)",
        exclude_if=lambda value: value == 1,  # recipes and keys from before it was a field stay what they were
    )

    @model_validator(mode="after")
    def _has_an_effect(self) -> Labels:
        if self.temperature != 1 and self.mode != "goal_model":
            raise ValueError(
                f"temperature softens the goal model's labels alone; leave it at 1, or set mode to goal_model, got "
                f"{self.temperature:g} with mode {self.mode}"
            )
        return self

    @property
    def in_words(self) -> str:
        """What the labels are, for the datasheet."""
        if self.mode == "goal_model":
            tempered = "" if self.temperature == 1 else f" at temperature {self.temperature:g}"
            return f"soft labels: the goal model's softmax of the clean originals{tempered}"
        if self.mode == "smoothed":
            return f"smoothed labels, a share of {self.smoothing:g} spread over all classes"
        return "one-hot labels" if self.mode == "hard" else "soft labels of the source"
