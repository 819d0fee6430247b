"""What a recipe needs on a workspace: every result, the key that determines it, and the shards that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any, Literal, NamedTuple

import numpy as np

from curation.attacks.base import Attack
from curation.duplicates.repeats import VERSION as REPEATS
from curation.duplicates.repeats import Repeated, repeated
from curation.embedding.spaces import SpaceName
from curation.errors import CurationError, UsageError
from curation.pipeline.copies import Corrupted
from curation.pipeline.model_ref import NOT_READY, ModelRef
from curation.pipeline.space import space_key
from curation.pipeline.starting import digest_of, identity, start_identity
from curation.plugin import fingerprint
from curation.recipe import Recipe, member_seed
from curation.sampling import VERSION as SAMPLING_VERSION
from curation.sampling import subset
from curation.storage.files import digest
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples
from curation.storage.shards import Shards
from curation.storage.workspace import Workspace

SCORE_COLUMNS = ("prediction", "true_probability", "linf", "l2")
"""What a table of scores holds beside the scores, for each image; linf and l2 are the size of the change."""

ATTACK_ROWS = 64
"""Images in a shard of adversarial copies: what a killed process loses where each costs many passes."""


Role = Literal["goal", "surrogate"]
"""What a goal model is for: to guide curation, or to be attacked for a test suite."""


class Donors(NamedTuple):
    """Samples that an attack borrows from: rows, int64 M, and their labels, int64 M."""

    rows: np.ndarray
    labels: np.ndarray


class Plan:
    """One recipe on one workspace: where each result lies. Nothing is computed, and nothing changes.

    What is read once is kept with the plan: after new samples or a new goal model, make another.
    """

    def __init__(self, recipe: Recipe, workspace: Workspace, *, device: str, role: Role = "goal") -> None:
        """Args: device: cuda, mps or cpu, where goal models are loaded."""
        self.recipe = recipe
        self.workspace = workspace
        self.device = device
        self.role: Role = role

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Plan, device=self.device, role=self.role), (self.recipe, self.workspace)

    def of(self, recipe: Recipe) -> Plan:
        """Return the plan of another recipe here; what both have in common is read once."""
        other = Plan(recipe, self.workspace, device=self.device, role=self.role)
        if recipe.candidates() == self.recipe.candidates():
            shared: tuple[str, ...] = ("samples", "model_key", "model_digest", "variant_rows", "space_key")
            if other.attacked_for == self.attacked_for:
                shared += ("candidates_key",)
        elif other.source_spec == self.source_spec:
            shared = ("samples",)
        else:
            shared = ()
        other.__dict__.update({name: self.__dict__[name] for name in shared if name in self.__dict__})
        return other

    @property
    def source_spec(self) -> str:
        """Fingerprint of the recipe's source block."""
        source = self.recipe.source
        noise = [] if source.noise is None else [source.noise.model_dump()]
        drawn = [] if source.limit is None else [SAMPLING_VERSION]
        return fingerprint([source.reader.identity(), source.limit, *noise, *drawn])

    @property
    def samples_key(self) -> str | None:
        """Key of the ingested samples, or None before the source was ever opened."""
        return self.workspace.source_key(self.source_spec)

    @cached_property
    def samples(self) -> Samples:
        """The ingested samples. Raises: CurationError when they are not complete."""
        return Samples(self.workspace, self.samples_key or "none")

    @property
    def attacked_for(self) -> dict[int, int]:
        """Labels, by sample id, that a person gave and attacks must move away from; none where nothing is attacked."""
        return self.recipe.selection.edits.relabel if self.recipe.variants.adversarial else {}

    @cached_property
    def labels(self) -> np.ndarray:
        """The samples' labels, int64 N, with those that a person gave. Raises: UsageError: one is no class."""
        relabel, classes = self.recipe.selection.edits.relabel, len(self.samples.classes)
        for sample, label in relabel.items():
            if not 0 <= label < classes:
                raise UsageError(f"edits.relabel: the label of sample {sample} must be in [0, {classes}), got {label}")
        return self.samples.labels_with(relabel)

    @property
    def repeats(self) -> Shards:
        """The table of samples that repeat an earlier one; see ``near_duplicates``."""
        return self.workspace.of_stage("duplicates", fingerprint(["duplicates", REPEATS, self.samples.pixels.digest()]))

    @property
    def repeated(self) -> Repeated:
        """The rows of samples that repeat others, and of pictures that are there under several labels.

        Raises: CurationError when it was not looked for.
        """
        gone, _ = self.samples.known(self.recipe.selection.edits.dropped)
        return repeated(self.repeats.table(0), self.labels, dropped=gone)

    @property
    def same_as(self) -> np.ndarray:
        """Sample id of the first sample that is the same picture, of each one, int64 N; its own where it is the first.

        Raises: CurationError when it was not looked for.
        """
        found, ids = self.repeats.table(0), self.samples.sample_ids.copy()
        ids[found["other"].to_numpy()] = self.samples.sample_ids[found["row"].to_numpy()]
        return ids

    @property
    def training_seed(self) -> int:
        """Seed of the goal model's training."""
        own = self.recipe.goal_model.train.seed
        return self.recipe.seed if own is None else own

    @property
    def epoch(self) -> int | None:
        """The epoch of the goal model's weights, where they are not the last."""
        goal = self.recipe.goal_model
        return None if goal.epoch == goal.train.epochs else goal.epoch

    @cached_property
    def model_key(self) -> str:
        """Key of the goal model: its settings, the samples and, when trained here, the seed.

        All epochs of a training are kept under it, with the accuracies measured on some of the samples.
        """
        goal = self.recipe.goal_model
        samples = self.samples
        if goal.checkpoint is not None:
            weights = digest_of(goal.checkpoint, field="checkpoint", instead="leave it out to train a goal model")
            several = [goal.members] if goal.members > 1 else []
            seen = [samples.classes, samples.shape, samples.digest]
            detector = [["detector", *goal.form.detector]] if goal.form.detector else []
            about = [goal.architecture, weights, *seen, *several, *identity(goal), *detector]
            return fingerprint(["loaded 3", *about, SAMPLING_VERSION])
        if goal.members > 1:
            return fingerprint(["together", [member.model_key for member in self.members()]])
        settings = goal.train.model_dump(mode="json", exclude={"preset", "seed"})
        start = [*identity(goal), *start_identity(goal.start_from, goal.architecture)]
        about = [goal.architecture, settings, self.training_seed, samples.digest, *goal.train.versions, *start]
        return fingerprint(["trained", *about, SAMPLING_VERSION])

    def members(self) -> list[Plan]:
        """Return the plans of the goal model's trainings, each of one member alone; of a goal model of one, this plan.

        The first member is the goal model that the recipe would have alone.
        """
        goal = self.recipe.goal_model
        if goal.members == 1 or goal.checkpoint is not None:
            return [self]
        return [self._training({"members": 1}, index, self.role) for index in range(goal.members)]

    def surrogates(self, attack: Attack) -> list[Plan]:
        """Return the plans that train the networks an attack lacks (``Attack.untrained``), as the goal model is."""
        found, fresh = list[Plan](), {"members": 1, "checkpoint": None, "start_from": None, "input_px": None}
        for surrogate in attack.untrained:
            index = 1 + [plan.recipe.goal_model.architecture for plan in found].count(surrogate.architecture)
            form = fresh | {"architecture": surrogate.architecture, "epoch": None}
            found.append(self._training(form, index, "surrogate"))
        return found

    def equipped(self, attack: Attack) -> Attack:
        """Return an attack with the weights of all that it lacks. Raises: CurationError: some are not trained yet."""
        kept = [self.workspace.model(plan.model_key) for plan in self.surrogates(attack)]
        if not all(model.ready() for model in kept):
            raise CurationError(f"the surrogates of {attack.name} are not trained yet; run the surrogates stage first")
        return attack.with_weights([str(model.weights) for model in kept])

    def _training(self, changes: dict[str, Any], index: int, role: Role) -> Plan:
        """Return the plan of a further training of the goal model, or of one like it, by its index."""
        goal = self.recipe.goal_model
        train = goal.train.model_copy(update={"seed": member_seed(self.training_seed, index)})
        recipe = self.recipe.model_copy(update={"goal_model": goal.model_copy(update={**changes, "train": train})})
        plan = Plan(recipe, self.workspace, device=self.device, role=role)
        plan.__dict__["samples"] = self.samples
        return plan

    @cached_property
    def model_digest(self) -> str:
        """Hash of the goal model's weights. Raises: CurationError when it is not ready."""
        return self.digest_at(self.epoch)

    def digest_at(self, epoch: int | None) -> str:
        """Return the hash of the goal model's weights after an epoch. Raises: CurationError when it is not ready."""
        about = self.workspace.model(self.model_key).about_at(epoch)
        if about is None:
            raise CurationError(NOT_READY)
        return str(about["digest"])

    @property
    def model(self) -> ModelRef:
        """This recipe's goal model, by reference."""
        return self.model_at(self.epoch)

    def model_at(self, epoch: int | None) -> ModelRef:
        """Return ``model`` as it was after an epoch (None: the last)."""
        return ModelRef(str(self.workspace.root), self.model_key, epoch, self.device)

    @property
    def dropout(self) -> dict[str, Any] | None:
        """What ``answers.answers`` takes for Monte Carlo dropout, or None where the recipe has none."""
        dropout = self.recipe.goal_model.dropout
        return {"rate": dropout.rate, "passes": dropout.passes, "seed": self.recipe.seed} if dropout.passes else None

    @property
    def clean(self) -> ImageSet:
        """The clean images."""
        samples = self.samples
        return ImageSet("clean", "clean", 0, None, samples.pixels, np.arange(len(samples)), samples.starts)

    @cached_property
    def variant_rows(self) -> np.ndarray:
        """Rows of the samples that the recipe's variants are made of; see ``rows_of``."""
        return self.rows_of(self.recipe.variants.samples)

    def rows_of(self, asked: int | list[int] | None) -> np.ndarray:
        """Return the rows, int64, rising, of so many samples (see ``subset``), of some sample ids, or (None) of all.

        Raises: CurationError naming an unknown id.
        """
        samples = self.samples
        if isinstance(asked, list):
            return np.unique(samples.rows(np.array(asked, dtype=np.int64)))
        if asked is None:
            return np.arange(len(samples), dtype=np.int64)
        return subset(samples.sample_ids, asked, labels=samples.labels, every_class=True)

    def variant(
        self,
        family: Literal["corruption", "adversarial"],
        plugin: Any,
        severity: int,
        *,
        rows: np.ndarray,
        relabel: Mapping[int, int] | None = None,
    ) -> ImageSet:
        """Return the set of copies that one corruption or attack makes of some samples (their rows, rising).

        Args: relabel: see ``ImageSet``.
        """
        samples, make = self.samples, None
        if family == "corruption":
            starts, identity = np.searchsorted(rows, samples.starts), [family, plugin.identity()]
            make = Corrupted(samples, plugin, self.recipe.seed, self.device)
        else:
            starts = np.append(np.arange(0, len(rows), ATTACK_ROWS), len(rows))
            lent = [column.tolist() for column in self.donors(plugin)] if plugin.donors_per_class else []
            identity = [family, self.equipped(plugin).identity(), self.model_digest, ATTACK_ROWS, *lent]
        some = [] if len(rows) == len(samples) else [rows.tolist()]
        given = [sorted(relabel.items())] if relabel else []
        key = fingerprint([*identity, *some, *given, self.recipe.seed, samples.digest])
        pixels = self.workspace.copies(key, rows, starts, originals=None if make else samples.images)
        return ImageSet(family, plugin.name, severity, plugin, pixels, rows, starts, relabel or {}, make)

    def whole(self, images: ImageSet) -> ImageSet | None:
        """Return the same variants of all samples, where a set is of some of them."""
        if images.family == "clean" or images.relabel or len(images.sample_rows) == len(self.samples):
            return None
        return self.variant(images.family, images.plugin, images.severity, rows=np.arange(len(self.samples)))

    def corrupted(self) -> list[ImageSet]:
        """Every set of corrupted copies that the recipe asks for."""
        asked = self.recipe.variants.corruption
        return [
            self.variant("corruption", member, member.severity, rows=self.variant_rows)
            for member in (asked.members() if asked else [])
        ]

    def attacked(self) -> list[ImageSet]:
        """Every set of adversarial copies that the recipe asks for, made for the labels that the source has."""
        attacks = self.recipe.variants.adversarial
        names = [attack.name for attack in attacks]
        return [
            self.variant("adversarial", attack, names[:index].count(attack.name), rows=self.variant_rows)
            for index, attack in enumerate(attacks)
        ]

    def attacked_again(self) -> list[ImageSet]:
        """The copies that go before those of ``attacked``: of the samples whose label a person changed."""
        if not self.attacked_for:
            return []
        rows = self.variant_rows[(self.labels != self.samples.labels)[self.variant_rows]]
        relabel = dict(zip(self.samples.sample_ids[rows].tolist(), self.labels[rows].tolist(), strict=True))
        return [
            self.variant("adversarial", images.plugin, images.severity, rows=rows, relabel=relabel)
            for images in (self.attacked() if len(rows) else [])
        ]

    def donors(self, attack: Any) -> Donors:
        """Return the samples that an attack borrows from, where it does: some of each class, drawn by a seeded hash.

        So a decision about one sample changes only what borrowed from it, or would: its class counts as a person gave
        it, and a dropped sample lends nothing.
        """
        none = np.empty(0, np.int64)
        if not attack.donors_per_class:
            return Donors(none, none)
        ids, rows = self.samples.sample_ids, list[int]()
        there = ~np.isin(ids, self.recipe.selection.edits.dropped)
        for label in range(len(self.samples.classes)):
            mine = np.flatnonzero(there & (self.labels == label))
            rows += mine[subset(ids[mine], attack.donors_per_class)].tolist()
        chosen = np.array(rows, dtype=np.int64)
        return Donors(chosen, self.labels[chosen])

    def image_sets(self) -> list[ImageSet]:
        """Everything that may be selected, in the pool's order; of an image in two sets of a kind the later counts."""
        return [self.clean, *self.corrupted(), *self.attacked(), *self.attacked_again()]

    def scores(self, images: ImageSet) -> Shards:
        """The scores of a finished image set under the goal model."""
        dropout, goal = self.dropout, self.recipe.goal_model
        versions, early = [[score.name, score.version] for score in goal.scores], list(map(self.digest_at, goal.early))
        of = [*([early] if early else []), self.model_digest, self.samples.digest, images.digest()]
        key = [SCORE_COLUMNS, versions, *([dropout] if dropout else []), *of]
        return self.workspace.scores(fingerprint(["score", *key]), self.samples.header.shards)

    def scored(self) -> bool:
        """Whether every candidate is there and has its scores."""
        sets = self.image_sets()
        return all(images.ready() for images in sets) and all(map(Shards.complete, map(self.scores, sets)))

    @cached_property
    def candidates_key(self) -> str:
        """Key of all candidates and their scores. Raises: CurationError when some are missing."""
        scores = [self.scores(images).digest() for images in self.image_sets()]
        return fingerprint(["pool", scores, self.repeats.digest()])

    @property
    def selection_key(self) -> str:
        """Key of what the recipe selects. Raises: CurationError when candidates or their scores are missing."""
        recipe = self.recipe
        rounds = (
            [recipe.self_correction.model_dump(mode="json")] if recipe.selection.strategy == "self_correction" else []
        )
        return fingerprint(
            ["selected", self.candidates_key, recipe.seed, recipe.selection.model_dump(mode="json"), *rounds]
        )

    @property
    def space_epochs(self) -> list[int | None]:
        """The goal model's epochs in whose spaces coverage is measured."""
        epochs = self.recipe.selection.coverage.epochs
        last = self.recipe.goal_model.train.epochs
        return [None if epoch == last else epoch for epoch in epochs] or [self.epoch]

    def points(self, images: ImageSet, *, of: SpaceName = "features", epoch: int | None) -> Shards:
        """Where an image set lies in a space of the goal model after an epoch, float32, a shard for a shard."""
        about = ["features"] if of == "features" else [of, digest(self.labels.astype("<i8").tobytes())]
        key = fingerprint([*about, self.digest_at(epoch), images.digest()])
        return self.workspace.features(key, images.pixels.count)

    @cached_property
    def space_key(self) -> list[Any] | None:
        """What decides where images lie in the recipe's space; None: it is the goal model's. See ``space_key``."""
        return space_key(self.recipe.space, self.samples) if self.recipe.space else None

    def embedded(self, images: ImageSet) -> Shards:
        """Where an image set lies in the recipe's space, float32, a shard for a shard; without one, its features."""
        if self.space_key is None:
            return self.points(images, epoch=self.epoch)
        return self.workspace.features(fingerprint([*self.space_key, images.digest()]), images.pixels.count)

    def features(self) -> Shards:
        """Where the clean samples lie in the recipe's space."""
        return self.embedded(self.clean)

    def map_table(self, method: Literal["pca", "umap"]) -> Shards:
        """The table of x, y and cluster for the clean samples, one row a sample."""
        drawn = self.recipe.map
        settings = drawn.model_dump(exclude={"neighbors", "min_dist", "copies", "names"})
        if method == "umap":
            settings |= {"neighbors": drawn.neighbors, "min_dist": drawn.min_dist}
        key = fingerprint(["map", method, settings, self.recipe.seed, self.features().digest()])
        return self.workspace.map(key)
