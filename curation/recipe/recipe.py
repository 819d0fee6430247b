"""The recipe: one whole curation as a document that the dashboard, the command line and Python share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import yaml
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from curation.coverage.weighing import Weights
from curation.errors import UsageError
from curation.exporters import EXPORTERS
from curation.plugin import Settings, fingerprint, plugin_field
from curation.recipe.annotations import Annotations, View
from curation.recipe.goal_model import GoalModel, kept_epochs, require_epoch
from curation.recipe.label_errors import LabelErrors
from curation.recipe.labels import Labels
from curation.recipe.map import MapSettings, Slice
from curation.recipe.source import Source
from curation.recipe.space import Space
from curation.recipe.variants import Variants
from curation.scores import SCORES, scores_of
from curation.selection import SELECTORS
from curation.selection.pool import FAMILIES
from curation.selection.self_correction import SelfCorrection
from curation.selection.settings import Selection

if TYPE_CHECKING:
    from curation.exporters.base import Exporter
else:
    Exporter = plugin_field(EXPORTERS, "format")


LONGEST_NAME = 80
"""Characters of a recipe's name at most."""

NOTED = ("name", "note", "slices", "views", "annotations")
"""What people name or note; the set is the same without it."""


class Recipe(Settings):
    """One whole curation. The same recipe on the same source gives the same bytes."""

    former_fields: ClassVar = {"label_check": "label_errors"}

    name: str = Field(
        "untitled", min_length=1, max_length=LONGEST_NAME, description="shown to people, written to the datasheet"
    )
    note: str = Field("", description="anything a person should know about this recipe")
    seed: int = Field(0, ge=0, lt=2**31, description="random seed; everything random derives from it")
    source: Source
    goal_model: GoalModel = Field(default_factory=GoalModel)
    variants: Variants = Field(default_factory=Variants)
    space: Space | None = Field(
        None,
        description="where samples lie on the map, in clusters and for coverage; None: in the goal model's features",
        exclude_if=lambda value: value is None,  # recipes and keys from before it was a field stay what they were
    )
    selection: Selection
    self_correction: SelfCorrection = Field(default_factory=SelfCorrection)
    weights: Weights = Field(default_factory=Weights)
    labels: Labels = Field(default_factory=Labels)
    label_errors: LabelErrors | None = Field(
        None,
        description="how wrong labels are found, with networks that were not trained on them; None: not searched",
    )
    map: MapSettings = Field(default_factory=MapSettings)
    slices: dict[str, Slice] = Field({}, description="named parts of the samples, drawn on the map")
    views: dict[str, View] = Field(
        {},
        description="named queries over the candidates, to look at again",
        exclude_if=lambda value: not value,  # recipes and keys from before it was a field stay what they were
    )
    annotations: Annotations = Field(
        default_factory=Annotations,
        description="tags and notes of people",
        exclude_if=lambda value: value == Annotations(),  # as above
    )
    export: Exporter = Field(default_factory=lambda: EXPORTERS.build("npy"))

    @field_validator("selection")
    @classmethod
    def _score_is_there(cls, selection: Selection, info: ValidationInfo) -> Selection:
        goal = info.data.get("goal_model")
        if goal and SCORES[selection.score].uses == "passes" and not goal.dropout.passes:
            raise ValueError(
                f"the score {selection.score} compares passes of Monte Carlo dropout; set goal_model.dropout.passes to "
                f"2 or more (20, say), or choose {', '.join(score.name for score in scores_of(passes=False))}, got 0"
            )
        if goal and SCORES[selection.score].uses == "errors" and not goal.early_epochs:
            raise ValueError(
                f"the score {selection.score} is measured early in the goal model's training; set "
                f"goal_model.early_epochs to kept epochs such as {kept_epochs(goal.train.epochs)[:3]}, or choose "
                f"{', '.join(score.name for score in scores_of(passes=False))}, got none"
            )
        if goal and SCORES[selection.score].uses == "detector" and not goal.form.detector:
            raise ValueError(
                f"the score {selection.score} is the detector's, and this goal model has none; set "
                "goal_model.train.method to cooperative, or choose "
                f"{', '.join(score.name for score in scores_of(passes=False))}, got {goal.train.method}"
            )
        if goal:
            for epoch in selection.coverage.epochs:
                require_epoch(epoch, checkpoint=goal.checkpoint, train=goal.train)
        if info.data.get("space") and selection.coverage.epochs and selection.coverage.space == "features":
            raise ValueError(
                "coverage.epochs are the goal model's, and features are those of the recipe's space; leave epochs out, "
                f"leave space out, or choose one of the gradients, got {selection.coverage.epochs}"
            )
        return selection

    @field_validator("self_correction")
    @classmethod
    def _sees_copies(cls, rounds: SelfCorrection, info: ValidationInfo) -> SelfCorrection:
        space = info.data.get("space")
        if rounds.extractor == "space" and (space is None or space.form is None):
            raise ValueError(
                "the extractor space needs the network of a space; set space.backbone, or extractor to goal_model, got "
                + ("no space" if space is None else "a file of vectors, which has none of copies")
            )
        return rounds

    @field_validator("weights")
    @classmethod
    def _measured_on_the_set(cls, weights: Weights, info: ValidationInfo) -> Weights:
        selection = info.data.get("selection")
        if selection and selection.strategy == "self_correction" and weights.asked:
            raise ValueError(
                "strategy self_correction has no weights and clusters; set weights.by to none and weights.radius to "
                "null, or choose another strategy"
            )
        if selection:
            _require_vectors(info.data.get("space"), selection, weights)
        return weights

    @field_validator("map")
    @classmethod
    def _placed(cls, drawn: MapSettings, info: ValidationInfo) -> MapSettings:
        space = info.data.get("space")
        if drawn.copies and space and space.vectors:
            raise ValueError(
                "a file of vectors has none of corrupted and adversarial copies, so they have no place on the map; set "
                f"copies to [], or name space.backbone instead of space.vectors, got {drawn.copies}"
            )
        return drawn

    @property
    def families_measured(self) -> list[str]:
        """The families of which it must be known where their candidates lie, to cover or to weigh them."""
        return families_measured(self.selection, self.weights)

    @property
    def kinds(self) -> set[str]:
        """The kinds of the variants that its set may hold: of the families that its mix has."""
        made, mix = self.variants, self.selection.mix
        corruptions = made.corruption.members() if made.corruption and mix.corruption else []
        return {variant.name for variant in [*corruptions, *(made.adversarial if mix.adversarial else ())]}

    @property
    def covers_in_space(self) -> bool:
        """Whether coverage and weights are measured in its ``space`` instead of one of the goal model's."""
        return self.space is not None and self.selection.coverage.space == "features"

    @classmethod
    def from_yaml(cls, text: str, *, where: str = "recipe") -> Recipe:
        """Return the recipe in a YAML text. Raises: UsageError."""
        try:
            return cls.parse(yaml.safe_load(text), where=where)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f" on line {mark.line + 1}" if mark else ""
            raise UsageError(f"{where}: not valid YAML{line}; {getattr(error, 'problem', 'check it')}") from None

    @classmethod
    def load(cls, path: Path | str) -> Recipe:
        """Return the recipe in a file; files of weights may be named as seen from its folder. Raises: UsageError."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(f"there is no recipe file {path}; shipped ones are in recipes/") from None
        except (IsADirectoryError, PermissionError, UnicodeDecodeError) as error:
            raise UsageError(f"recipe {path} cannot be read as a text file ({type(error).__name__})") from None
        recipe = cls.from_yaml(text, where=str(path))
        goal, space, changes = recipe.goal_model, recipe.space, dict[str, Any]()
        if goal.start_from is not None and goal.start_from.file:
            weights = _beside(path, goal.start_from.weights)
            changes["goal_model"] = goal.model_copy(
                update={"start_from": goal.start_from.model_copy(update={"weights": weights})}
            )
        if space is not None:
            files = {"vectors": space.vectors, "weights": space.file and str(space.file)}
            found = {name: _beside(path, file) for name, file in files.items() if file}
            changes["space"] = space.model_copy(update=found)
        recipe = recipe.model_copy(update=changes)
        if goal.checkpoint is None or not (path.parent / goal.checkpoint).is_file():
            return recipe
        return recipe.with_checkpoint(_beside(path, goal.checkpoint))

    def with_checkpoint(self, checkpoint: str) -> Recipe:
        """Return the recipe guided by the weights in a file; how they were trained is still told."""
        goal = self.goal_model.model_copy(update={"checkpoint": checkpoint, "epoch": None})
        return self.model_copy(update={"goal_model": goal})

    def to_dict(self, *, defaults: bool = False) -> dict[str, Any]:
        """Return the recipe as plain data, as it is written to YAML; with ``defaults`` also what few recipes set."""
        value = self.model_dump(mode="json")
        if self.self_correction == SelfCorrection() and not defaults:
            del value["self_correction"]
        if self.goal_model.members == 1 and not defaults:
            del value["goal_model"]["members"]
        if self.variants.corruption and self.variants.corruption.keep == "none" and not defaults:
            del value["variants"]["corruption"]["keep"]
        if self.source.noise is None and not defaults:
            del value["source"]["noise"]
        if defaults:
            value["selection"]["strata"] = self.selection.strata
            value["labels"]["temperature"] = self.labels.temperature
        reader = value["source"].pop("reader")
        value["source"] = {**reader, **value["source"]}
        return value

    def to_yaml(self) -> str:
        """Return the recipe as YAML; ``from_yaml`` gives the same recipe back."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, width=110)

    def with_changes(self, **parts: Any) -> Recipe:
        """Return a copy with dotted fields changed, checked as a whole: ``{"selection.budget": 500}``.

        Raises: UsageError as ``parse``.
        """
        value = self.to_dict(defaults=True)
        for path, part in parts.items():
            *parents, last = path.split(".")
            node = value
            for parent in parents:
                node = node[parent]
            node[last] = part.model_dump(mode="json") if isinstance(part, BaseModel) else part
        return Recipe.parse(value)

    def resolved(self, device: str) -> Recipe:
        """Return the recipe with the precision of every training as it is on a device, where it says ``auto``."""
        check = self.label_errors
        return self.model_copy(
            update={
                "goal_model": self.goal_model.model_copy(update={"train": self.goal_model.train.resolved(device)}),
                "self_correction": self.self_correction.model_copy(
                    update={"train": self.self_correction.train.resolved(device)}
                ),
                "label_errors": check and check.model_copy(update={"train": check.train.resolved(device)}),
            }
        )

    def candidates(self) -> dict[str, Any]:
        """Return the parts, as plain data, that determine the candidates and the map."""
        value = self.keeping_none().to_dict()
        del value["map"]["names"]
        parts = ("seed", "source", "goal_model", "variants", "space", "map", "label_errors")
        return {key: value[key] for key in parts if key in value}

    def computed(self) -> dict[str, Any]:
        """Return the parts, as plain data, on which stages depend; the others only select and export."""
        value, parts = self.to_dict(), []
        if self.selection.strategy == "self_correction":
            parts += ["selection", "self_correction"]
        if SELECTORS[self.selection.strategy].by_coverage or self.weights.asked:
            parts += ["selection", "weights"]
        if self.variants.corruption and self.variants.corruption.keep == "all":
            parts.append("variants")
        found = self.candidates() | {key: value[key] for key in parts if key in value}
        return found | ({"relabel": value["selection"]["edits"]["relabel"]} if self.variants.adversarial else {})

    def fingerprint(self) -> str:
        """Return a hash of everything that determines the curated set (what people name or note does not)."""
        value = self.keeping_none().to_dict()
        return fingerprint({key: part for key, part in value.items() if key not in NOTED})

    def keeping_none(self) -> Recipe:
        """Return the recipe whose corrupted copies are made again instead of kept: its candidates are the same."""
        corruption = self.variants.corruption
        if corruption is None or corruption.keep == "none":
            return self
        variants = self.variants.model_copy(update={"corruption": corruption.model_copy(update={"keep": "none"})})
        return self.model_copy(update={"variants": variants})


def families_measured(selection: Selection, weights: Weights) -> list[str]:
    """See ``Recipe.families_measured``."""
    return [
        family
        for family in FAMILIES
        if selection.mix.of(family) and (weights.asked or SELECTORS[selection.strategy_of(family)].by_coverage)
    ]


def _require_vectors(space: Space | None, selection: Selection, weights: Weights) -> None:
    """Raises: ValueError: coverage or weights ask where copies lie in a space that knows of none."""
    copies = [family for family in families_measured(selection, weights) if family != "clean"]
    if copies and space and space.vectors and selection.coverage.space == "features":
        what = "weights" if weights.asked else f"strategy {selection.strategy}"
        way = (
            "weights.by to none and weights.radius to null"
            if weights.asked
            else "selection.coverage.families to [clean]"
        )
        raise ValueError(
            f"{what} must know where the candidates of {' and '.join(copies)} lie, and a file of vectors has none of "
            f"copies; set {way} or selection.coverage.space to a gradient of the goal model, or name space.backbone"
        )


def _beside(recipe: Path, file: str) -> str:
    """Return the path of a file that a recipe names: as seen from the recipe's folder where it is there."""
    return str((recipe.parent / file).resolve()) if (recipe.parent / file).is_file() else file
