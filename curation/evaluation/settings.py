"""An evaluation as a document: how targets are trained and on what they are measured, the same for every set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field, ValidationInfo, field_serializer, field_validator

from curation.attacks import ATTACKS
from curation.attacks.base import LEAST
from curation.corruptions import CORRUPTIONS
from curation.errors import UsageError, unknown_name
from curation.evaluation.baselines import BASELINES
from curation.plugin import PixelFloat, Plugin, Settings, name_field, plugin_field
from curation.recipe import CorruptionSet, Source
from curation.training.samplers.dynamic import DynamicSampling
from curation.training.settings import RATES, Training, WholeTraining

if TYPE_CHECKING:
    from curation.attacks.base import Attack

    BaselineName = str
else:
    Attack = plugin_field(ATTACKS, "attack")
    BaselineName = name_field(BASELINES)


class SuiteSettings(Settings):
    """How the test suite P is built: clean, corrupted and adversarial copies of held-out images."""

    path: str | None = Field(
        None,
        description="your own test suite: a folder with the parts clean, corruption, adversarial; None: built from "
        "held-out images",
    )
    source: Source | None = Field(
        None, description="source of the test images; None: the test split of the recipe's source"
    )
    samples: int | None = Field(1000, ge=1, description="use this many test images, drawn by class; None: all")
    corruption: CorruptionSet = Field(default_factory=CorruptionSet, description="the corrupted part of the test suite")
    held_out: list[str] = Field(
        ["speckle_noise", "gaussian_blur", "spatter", "saturate"],
        description="held-out corruptions, which no recipe should train on and which are reported separately from R; "
        "same severities",
    )
    adversarial: tuple[Attack, ...] = Field(
        default_factory=lambda: (
            ATTACKS.build("pgd", {"loss": "ce", "steps": 20}),
            ATTACKS.build("mim", {"steps": 10}),
        ),
        description="attacks of the adversarial part, each on every surrogate",
    )
    surrogates: list[str] = Field(
        ["tiny_convnet", "resnet20"],
        min_length=1,
        description="architectures that are attacked; neither the goal model nor a target may be one of them",
    )
    training: WholeTraining = Field(
        default_factory=lambda: Training(preset="fast"), description="how the surrogates are trained"
    )

    @field_validator("held_out")
    @classmethod
    def _known(cls, kinds: list[str]) -> list[str]:
        try:
            return [CORRUPTIONS.present_name(kind) for kind in kinds]
        except UsageError as error:
            raise ValueError(str(error)) from None

    @field_validator("adversarial")
    @classmethod
    def _trained(cls, attacks: tuple[Attack, ...]) -> tuple[Attack, ...]:
        for attack in attacks:
            if attack.untrained:
                raise ValueError(
                    f"the surrogate {attack.untrained[0].architecture} of {attack.name} needs a checkpoint here; "
                    "networks named in suite.surrogates are trained by themselves"
                )
        return attacks

    @field_validator("adversarial", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, Mapping | Plugin) else value

    @field_serializer("adversarial")
    def _written(self, attacks: tuple[Attack, ...]) -> Any:
        return [{"attack": attack.name, **attack.model_dump(mode="json")} for attack in attacks]


class WhiteBox(Settings):
    """A white-box attack on each target: APGD on the cross-entropy, then targeted APGD-DLR on what is still correct."""

    samples: int = Field(200, ge=0, description="number of test images attacked, drawn by class; 0: none")
    epsilon: PixelFloat = Field(8 / 255, ge=LEAST, le=1, description="L∞ radius, at least 1/255")
    steps: int = Field(20, ge=1, description="steps of each attack")


class Evaluation(Settings):
    """Targets, their schedule, the number of trainings, the baselines and the test suite."""

    targets: list[str] = Field(["tiny_resnet"], min_length=1, description="architectures trained on every set")
    seeds: int = Field(3, ge=1, le=100, description="number of trainings of each target on each set")
    schedule: Training = Field(
        default_factory=lambda: Training(preset="fast"), description="how every target is trained"
    )
    learning_rates: dict[str, float] = Field(
        {},
        description="maximum learning rate of individual targets, by architecture; the schedule contest has its own",
        validate_default=True,
    )
    curve: bool = Field(
        False,
        description="measure every target on the clean test images after each epoch: top-1 and, above 5 classes, top-5 "
        "accuracy",
        exclude_if=lambda value: not value,  # documents from before it was a field stay what they were
    )
    baselines: list[BaselineName] = Field(
        default_factory=lambda: [baseline.name for baseline in BASELINES if baseline.usual],
        description="sets of the same budget to compare with; `curation list baselines` names them all",
    )
    suite: SuiteSettings = Field(default_factory=SuiteSettings, description="the test suite")
    white_box: WhiteBox = Field(default_factory=WhiteBox, description="the white-box attack on each target")

    @field_validator("schedule")
    @classmethod
    def _of_known_kinds(cls, schedule: Training) -> Training:
        known = [*CORRUPTIONS.names, *ATTACKS.names]
        weighted = schedule.sampling.weights if isinstance(schedule.sampling, DynamicSampling) else {}
        unknown = next((kind for kind in weighted if kind not in known), None)
        if unknown is not None:
            raise ValueError(f"sampling.weights: {unknown_name('kind', unknown, known)}")
        if schedule.how().detects and not (schedule.sampling and schedule.sampling.of_variants):
            raise ValueError(
                f"method {schedule.method} tells the variants of a set from its clean images; set sampling to "
                "{method: dynamic}, or choose another method"
            )
        return schedule

    @field_validator("learning_rates")
    @classmethod
    def _with_those_of_the_preset(cls, rates: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        """Add the preset's rates of these targets, where the schedule has the preset's usual one."""
        targets, schedule = info.data.get("targets", []), info.data.get("schedule")
        if schedule is None or schedule.learning_rate != Training(preset=schedule.preset).learning_rate:
            return rates
        preset = RATES.get(schedule.preset or "", {})
        return {target: rate for target, rate in preset.items() if target in targets} | rates

    @classmethod
    def load(cls, path: Path | str) -> Evaluation:
        """Return the evaluation in a YAML file. Raises: UsageError."""
        try:
            value = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UsageError(f"evaluation {path} cannot be read as YAML ({type(error).__name__})") from None
        return cls.parse(value or {}, where=str(path))

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain data; ``parse`` gives the same evaluation back."""
        value = self.model_dump(mode="json")
        if value["suite"]["source"]:
            reader = value["suite"]["source"].pop("reader")
            value["suite"]["source"] = {**reader, **value["suite"]["source"]}
        return value

    def training_of(self, target: str) -> Training:
        """Return the schedule with a target's own learning rate, where it has one."""
        rate = self.learning_rates.get(target)
        return self.schedule if rate is None else self.schedule.model_copy(update={"learning_rate": rate})
