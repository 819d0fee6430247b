"""The settings of a presentation: which steps, in which order, with which words of the presenter's, of which recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from curation.plugin import Settings

StepName = Literal["question", "data", "boundary", "copies", "changes", "better", "doubts"]
"""The steps of a story, in the usual order."""

STEPS: tuple[StepName, ...] = ("question", "data", "boundary", "copies", "changes", "better", "doubts")


class Part(Settings):
    """One step as the presenter wants it."""

    step: StepName
    shown: bool = Field(True, description="whether the step is part of the presentation")
    words: str = Field("", max_length=600, description="a sentence of the presenter's own, above what the step says")


class Presentation(Settings):
    """How a workspace's result is presented; kept beside its recipes, so that it opens again as it was left."""

    title: str = Field("", max_length=120, description="title; by default the recipe's name")
    parts: list[Part] = Field(
        default_factory=lambda: [Part(step=name) for name in STEPS], description="the steps in their order"
    )
    revision: int | None = Field(
        None, ge=1, description="the saved recipe that is told of, whatever changes later; None: the working recipe"
    )
    against: Literal["random_mix", "clean"] | int = Field(
        "random_mix", description="the set that images enter and leave: a baseline's, or that of a saved revision"
    )
    redact_files: bool = Field(False, description="leave out names of files and folders")
    redact_classes: list[str] = Field([], description="classes whose names and pictures are left out")

    @field_validator("parts")
    @classmethod
    def _every_step_once(cls, parts: list[Part]) -> list[Part]:
        """A file that is older than a step has it at the end, not shown."""
        names = [part.step for part in parts]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"parts has the step {twice} twice; keep one of them")
        return [*parts, *(Part(step=name, shown=False) for name in STEPS if name not in names)]

    @property
    def shown(self) -> list[Part]:
        """The parts that are shown."""
        return [part for part in self.parts if part.shown]

    def moved(self, step: StepName, by: int) -> Presentation:
        """Return the presentation with a step moved by so many places, at most to an end."""
        names = [part.step for part in self.parts]
        at = names.index(step)
        parts = list(self.parts)
        parts.insert(min(max(at + by, 0), len(parts) - 1), parts.pop(at))
        return self.model_copy(update={"parts": parts})

    def with_part(self, step: StepName, **changes: object) -> Presentation:
        """Return the presentation with one step shown or not, or with other words. Raises: UsageError."""
        parts = [part.model_dump() | (changes if part.step == step else {}) for part in self.parts]
        return Presentation.parse({**self.model_dump(), "parts": parts})
