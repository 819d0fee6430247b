"""The recipe: one whole curation as a document that the dashboard, the command line and Python share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    Field,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from curation.attacks import ATTACKS
from curation.corruptions import CORRUPTIONS, kinds_of
from curation.corruptions.base import Constants, Corruption
from curation.errors import UsageError
from curation.exporters import EXPORTERS
from curation.pipeline.label_check import LabelCheck
from curation.plugin import Plugin, Settings, fingerprint, plugin_field
from curation.readers import READERS
from curation.scores import SCORES, scores_of
from curation.selection import SELECTORS
from curation.selection.self_correction import SelfCorrection
from curation.selection.settings import Selection
from curation.selection.weights import Weights
from curation.training.settings import Training

if TYPE_CHECKING:
    from curation.attacks.base import Attack
    from curation.exporters.base import Exporter
    from curation.readers.base import Reader
else:
    Attack = plugin_field(ATTACKS, "attack")
    Exporter = plugin_field(EXPORTERS, "format")
    Reader = plugin_field(READERS, "reader")


class LabelNoise(Settings):
    """Wrong labels, put in when the source is read."""

    kind: Literal["symmetric", "asymmetric"] = Field(
        "symmetric", description="symmetric: to any other class; asymmetric: to the one that people take it for"
    )
    share: float = Field(0.2, gt=0, lt=1, description="chance of a sample to get a wrong label")
    seed: int = Field(0, ge=0, lt=2**31, description="of which samples, and which classes they get")


class Source(Settings):
    """Where the samples come from."""

    reader: Reader
    limit: int | None = Field(None, ge=1, description="use this many samples, evenly spaced; None: all")
    noise: LabelNoise | None = Field(None, description="labels made wrong on purpose, for experiments; None: none")

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """A recipe writes reader, its parameters, limit and noise side by side."""
        if isinstance(value, Mapping) and isinstance(value.get("reader"), str):
            own = {name: value[name] for name in ("limit", "noise") if name in value}
            return {"reader": {name: part for name, part in value.items() if name not in own}, **own}
        return value


KEPT_EPOCHS = 12
"""A trained goal model's weights are kept after at most so many epochs."""


def kept_epochs(epochs: int) -> list[int]:
    """Return after which epochs of a training the weights are kept: all up to ``KEPT_EPOCHS``, else evenly spaced.

    The last one is always among them.
    """
    kept = min(epochs, KEPT_EPOCHS)
    return [epochs * part // kept for part in range(1, kept + 1)]


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

    rate: float = Field(0.2, gt=0, lt=1, description="share of the last features dropped in a pass")
    passes: int = Field(
        0, ge=0, le=1000, description="answers per image, for mc_entropy, mutual_information, variation_ratio; 0: off"
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
    checkpoint: str | None = Field(None, description="a file of weights (safetensors or a state dict); None: train")
    train: Training = Field(default_factory=Training, description="how it is trained when there is no checkpoint")
    epoch: int | None = Field(
        None, ge=1, description="use the weights as they were after this epoch of the training; None: the last"
    )
    dropout: Dropout = Field(default_factory=Dropout, description="for scores that compare several passes")

    @field_validator("epoch")
    @classmethod
    def _kept(cls, epoch: int | None, info: ValidationInfo) -> int | None:
        if epoch is not None and "train" in info.data:
            require_epoch(epoch, checkpoint=info.data["checkpoint"], train=info.data["train"])
        return epoch


class CorruptionSet(Settings):
    """Which corrupted copies are made of every sample: each kind at each severity."""

    kinds: Literal["all"] | list[str] = Field(
        "all", description="all of these constants, or a list of names: fog, or fog/3 for one severity of its own"
    )
    severities: list[int] = Field([1, 2, 3, 4, 5], min_length=1, description="any of 1 (mild) … 5 (severe)")
    constants: Constants = Field(
        "cifar", description="cifar: tuned for 32×32; imagenet: for 224×224 and more; imgaug: the 14 of Zhong et al."
    )

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: Literal["all"] | list[str]) -> Literal["all"] | list[str]:
        if kinds == "all":
            return kinds
        present = []
        for kind in kinds:
            name, slash, severity = kind.partition("/")
            try:
                present.append(f"{CORRUPTIONS.present_name(name)}{slash}{severity}")
            except UsageError as error:
                raise ValueError(str(error)) from None
            if severity not in ("", "1", "2", "3", "4", "5") or kind.endswith("/"):
                raise ValueError(f"{kind!r}: after the slash comes a severity, 1 to 5, e.g. {name}/3")
        return present

    @field_validator("severities")
    @classmethod
    def _in_range(cls, severities: list[int]) -> list[int]:
        for severity in severities:
            if not 1 <= severity <= 5:
                raise ValueError(f"severity must be 1, 2, 3, 4 or 5, got {severity}")
        return sorted(set(severities))

    @model_validator(mode="after")
    def _has_constants(self) -> CorruptionSet:
        try:
            self.members()
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self

    def members(self) -> list[Corruption]:
        """Return every (kind, severity) as a plug-in, in a fixed order."""
        kinds = [kind.name for kind in kinds_of(self.constants)] if self.kinds == "all" else self.kinds
        wanted: set[tuple[str, int]] = set()
        for kind in kinds:
            name, _, own = kind.partition("/")
            wanted |= {(name, severity) for severity in ([int(own)] if own else self.severities)}
        return [
            CORRUPTIONS.build(name, {"severity": severity, "constants": self.constants})
            for name, severity in sorted(wanted)
        ]


class Variants(Settings):
    """Which derived images are made; None: none of that family. A recipe writes one attack, or a list of them."""

    corruption: CorruptionSet | None = Field(default_factory=CorruptionSet)
    adversarial: tuple[Attack, ...] = Field(default_factory=lambda: (ATTACKS.build("pgd"),), max_length=16)
    samples: Annotated[int, Field(ge=1)] | list[int] | None = Field(
        None, description="of which samples: so many, evenly spaced, or a list of sample ids; None: of all"
    )

    def plus(self, other: Variants) -> Variants:
        """Return these variants and others, all of this block's samples.

        Raises: UsageError when the corruptions have different constants: they are never mixed.
        """
        mine, theirs = self.corruption, other.corruption
        if mine and theirs and mine.constants != theirs.constants:
            raise UsageError(
                f"the recipe's corruptions have {mine.constants} constants, these {theirs.constants}; keep to one"
            )
        corruption = mine or theirs
        if mine and theirs:
            members = [f"{member.name}/{member.severity}" for member in [*mine.members(), *theirs.members()]]
            corruption = mine.model_copy(update={"kinds": list(dict.fromkeys(members))})
        attacks = [*self.adversarial, *(attack for attack in other.adversarial if attack not in self.adversarial)]
        return self.model_copy(update={"corruption": corruption, "adversarial": tuple(attacks)})

    @field_validator("adversarial", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if value is None:
            return ()
        return (value,) if isinstance(value, Mapping | Plugin) else value

    @field_validator("adversarial")
    @classmethod
    def _different(cls, attacks: tuple[Attack, ...]) -> tuple[Attack, ...]:
        for index, attack in enumerate(attacks):
            if attack in attacks[:index]:
                raise ValueError(f"{attack.name} is listed twice with the same parameters; list it once")
        return attacks

    @field_serializer("adversarial")
    def _written(self, attacks: tuple[Attack, ...]) -> Any:
        written = [{"attack": attack.name, **attack.model_dump(mode="json")} for attack in attacks]
        return written[0] if len(written) == 1 else written or None


class Labels(Settings):
    """How the labels of the curated set are written."""

    mode: Literal["hard", "smoothed", "goal_model"] = Field(
        "hard", description="hard: one-hot; smoothed: label smoothing; goal_model: its softmax of the clean original"
    )
    smoothing: float = Field(0.1, ge=0, lt=1, description="share of the label spread over all classes (smoothed)")


class MapSettings(Settings):
    """The two-dimensional map of the clean samples and their clusters."""

    neighbors: int = Field(15, ge=2, le=200, description="UMAP's neighborhood: small shows detail, large shows shape")
    min_dist: float = Field(0.1, ge=0, lt=1, description="UMAP's smallest distance between points")
    clusters: int = Field(20, ge=2, le=20_000, description="number of k-means clusters in feature space")
    cluster_by: Literal["k_means", "hdbscan"] = Field(
        "k_means", description="k_means: of the features; hdbscan: dense regions of the plane, whatever their number"
    )
    min_cluster_size: int = Field(25, ge=2, description="samples in a cluster at least (hdbscan)")
    copies: list[str] = Field(
        [], max_length=64, description="variants drawn on the map where they land, e.g. [pgd, fog/3]"
    )
    names: dict[int, str] = Field({}, description="what people call clusters, by their number")


class Slice(Settings):
    """A part of the samples that was drawn on the map, under a name."""

    layout: Literal["umap", "pca"] = Field("umap", description="the map on which it was drawn")
    polygon: list[tuple[float, float]] = Field(
        min_length=3, max_length=128, description="corners, in the unit of that map"
    )


class Recipe(Settings):
    """One whole curation. The same recipe on the same source gives the same bytes."""

    name: str = Field("untitled", min_length=1, max_length=80, description="shown to people, written to the datasheet")
    note: str = Field("", description="anything a person should know about this recipe")
    seed: int = Field(0, ge=0, lt=2**31, description="everything random derives from it")
    source: Source
    goal_model: GoalModel = Field(default_factory=GoalModel)
    variants: Variants = Field(default_factory=Variants)
    selection: Selection
    self_correction: SelfCorrection = Field(default_factory=SelfCorrection)
    weights: Weights = Field(default_factory=Weights)
    labels: Labels = Field(default_factory=Labels)
    label_check: LabelCheck | None = Field(
        None, description="how wrong labels are looked for, by networks that did not learn them; None: not looked for"
    )
    map: MapSettings = Field(default_factory=MapSettings)
    slices: dict[str, Slice] = Field({}, description="parts of the samples under names, drawn on the map")
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
        if goal:
            for epoch in selection.coverage.epochs:
                require_epoch(epoch, checkpoint=goal.checkpoint, train=goal.train)
        return selection

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
        """Return the recipe in a file. Raises: UsageError."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(f"there is no recipe file {path}; shipped ones are in recipes/") from None
        except (IsADirectoryError, PermissionError, UnicodeDecodeError) as error:
            raise UsageError(f"recipe {path} cannot be read as a text file ({type(error).__name__})") from None
        return cls.from_yaml(text, where=str(path))

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, as it is written to YAML."""
        value = self.model_dump(mode="json")
        if self.self_correction == SelfCorrection():  # few recipes are about it
            del value["self_correction"]
        if self.source.noise is None:
            del value["source"]["noise"]
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
        value = self.to_dict()
        for path, part in parts.items():
            *parents, last = path.split(".")
            node = value
            for parent in parents:
                node = node[parent]
            node[last] = part.model_dump(mode="json") if isinstance(part, BaseModel) else part
        return Recipe.parse(value)

    def candidates(self) -> dict[str, Any]:
        """Return the parts, as plain data, that determine the candidates and the map."""
        value = self.to_dict()
        del value["map"]["names"]
        return {key: value[key] for key in ("seed", "source", "goal_model", "variants", "map", "label_check")}

    def computed(self) -> dict[str, Any]:
        """Return the parts, as plain data, on which stages depend; the others only select and export."""
        value, parts = self.to_dict(), []
        if self.selection.strategy == "self_correction":
            parts += ["selection", "self_correction"]
        if SELECTORS[self.selection.strategy].covers or self.weights.asked:
            parts += ["selection", "weights"]
        return self.candidates() | {key: value[key] for key in parts if key in value}

    def fingerprint(self) -> str:
        """Return a hash of everything that determines the curated set (name, note and slices do not)."""
        return fingerprint({key: part for key, part in self.to_dict().items() if key not in ("name", "note", "slices")})
