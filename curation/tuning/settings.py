"""A tuning as a document: what is searched, how often, and the proxy by which trials are compared."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from curation.evaluation.settings import SuiteSettings
from curation.plugin import Settings
from curation.training.settings import Training, WholeTraining

Searched = Literal["offset", "floor", "mix", "severity", "strategy"]


class Tuning(Settings):
    """How a recipe is searched. Every trial selects from candidates that are computed once for each goal model."""

    trials: int = Field(
        40, ge=1, le=10_000, description="total number of trials; raising it continues from the finished ones"
    )
    together: int = Field(
        1,
        ge=1,
        le=256,
        description="trials drawn at once, from what all before them showed; an engine of many workers trains them "
        "side by side, and more than one finds a little less in as many trials",
    )
    search: tuple[Searched, ...] = Field(
        ("offset", "floor", "mix", "severity", "strategy"),
        description="offset and floor (the band's width) of each family, mix, severity (which of the computed ones "
        "stay candidates), strategy; none: goal models alone are compared",
    )
    goal_models: tuple[str, ...] = Field(
        (),
        description="goal models beside the recipe's own, as short words: 6 (after that epoch), 4/255 (adversarially "
        "trained), plain, rebuffi, resnet20, or several with colons",
        exclude_if=lambda value: not value,  # tunings from before it was a field stay what they were
    )
    target: str = Field("tiny_resnet", description="the architecture trained in every trial")
    schedule: WholeTraining = Field(
        default_factory=lambda: Training.model_validate({"preset": "fast", "epochs": 8}),
        description="the short schedule of every training",
    )
    seeds: int = Field(1, ge=1, le=20, description="trainings per trial; R is their mean")
    suite: SuiteSettings = Field(default_factory=SuiteSettings, description="the test suite, as in evaluations")
    suite_samples: int = Field(200, ge=1, description="number of test images on which R is measured, drawn by class")
    pruning: bool = Field(True, description="stop a trial early when its R is below the median")
    seed: int = Field(0, ge=0, lt=2**31, description="random seed of the search and of the trainings")

    @field_validator("schedule")
    @classmethod
    def _of_target(cls, schedule: Training, info: ValidationInfo) -> Training:
        return schedule.of(info.data["target"]) if "target" in info.data else schedule

    @field_validator("search")
    @classmethod
    def _once(cls, search: tuple[Searched, ...]) -> tuple[Searched, ...]:
        return tuple(dict.fromkeys(search))

    @field_validator("goal_models")
    @classmethod
    def _plain(cls, written: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(words.strip() for words in written))

    @model_validator(mode="after")
    def _searches(self) -> Tuning:
        if not self.search and not self.goal_models:
            raise ValueError(f"search names nothing; name some of {', '.join(get_args(Searched))}, or give goal_models")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the tuning as plain data; ``parse`` gives the same tuning back."""
        return self.model_dump(mode="json")
