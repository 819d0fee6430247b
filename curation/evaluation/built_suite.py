"""The test suite P from held-out images: another set of samples in the workspace, corrupted, and attacked through
surrogates.

Images, surrogates and attacks are results of pipelines over the workspace, kept shard by shard and found by their keys.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from curation.analysis.variants import parameters
from curation.corruptions import CORRUPTIONS
from curation.engine import Engine
from curation.errors import CurationError, UsageError
from curation.evaluation.left_out import LeftOut, find_left_out, ids_of, make_left_out
from curation.evaluation.part import Suite, part_of, suite_of
from curation.evaluation.settings import SuiteSettings
from curation.pipeline import Pipeline
from curation.plugin import explain, fingerprint
from curation.progress import Progress, Report
from curation.recipe import CorruptedCopies, CorruptionSet, GoalModel, Recipe, Source, Variants
from curation.selection.settings import Edits
from curation.storage.workspace import Workspace

APART = 7919
"""Added to the recipe's seed: what is drawn for P is drawn apart from all that the recipe draws."""

ACCURACIES = ("train_accuracy", "test_accuracy")


class BuiltSuite:
    """P of one recipe's source, as the pipelines that make it."""

    def __init__(self, settings: SuiteSettings, recipe: Recipe, workspace: Workspace, *, engine: Engine) -> None:
        """Raises: UsageError for settings that leave a part of P empty or mix the parts."""
        self.settings, self.recipe, self.workspace, self.engine = settings, recipe, workspace, engine
        self.source = _test_source(settings, recipe)
        self.held_out = _held_out(settings)
        same = _same_place(self.source, recipe.source)
        self.home = workspace if same else workspace.inner(fingerprint(self.source.reader.identity()))
        self.train = Pipeline(recipe, workspace, engine=engine)
        self.test = self._of_test(Variants(corruption=None, adversarial=()))

    def make(self, report: Report) -> Suite:
        """Make what is missing. Raises: CurationError; Cancelled."""
        self._read(lambda _: report(Progress("suite", 0, 1, note="reading the images")))
        report(Progress("suite", 0, 1, note="looking for test images among the training images"))
        test = self.test.samples
        make_left_out(self.workspace, test, self.train.samples, labels=test.labels, device=self.engine.device)
        steps = self._steps()
        relay = _Relay(report, sum(step.passes for step in steps))
        for step in steps:
            relay.begin(step)
            step.run(step.stages, report=relay)
        relay.end()
        return self.find()

    def find(self) -> Suite:
        """Return P as it is kept. Raises: CurationError when some of it is missing."""
        samples = self.test.samples
        rows = self.test.plan.rows_of(self._kept_ids)
        parts = [part_of("clean", "clean", samples, self.test.plan.clean, rows)]
        for name, pipeline in self._corrupted:
            parts += [part_of(name, images.kind, samples, images, rows) for images in pipeline.plan.corrupted()]
        for surrogate in self._surrogates:
            through = surrogate.recipe.goal_model.architecture
            for images in self._attacked(surrogate).plan.attacked():
                parts.append(part_of("adversarial", f"{images.kind}/{through}", samples, images, rows))
        return suite_of(parts, classes=self.train.samples.classes, shape=samples.shape, about=self._about())

    def _read(self, report: Report) -> None:
        """Read the training and the test images."""
        self.train.run(("ingest",), report=report)
        if self.test.plan.samples_key is None:
            try:
                self.source.reader.open()
            except CurationError as error:
                raise UsageError(
                    f"the test suite is made of held-out images, and there are none: {error}; set suite.source to "
                    "their source, or suite.path to your own test suite"
                ) from None
        self.test.run(("ingest",), report=report)
        mine, theirs = self.test.samples, self.train.samples
        if mine.classes != theirs.classes[: len(mine.classes)]:
            raise CurationError(
                f"the test images have the classes {_few(mine.classes)}, the training images "
                f"{_few(theirs.classes)}; give test images of the same classes"
            )
        if mine.shape != theirs.shape:
            raise CurationError(
                f"the test images are {'×'.join(map(str, mine.shape))}, the training images "
                f"{'×'.join(map(str, theirs.shape))}; set side_px (and channels) of both sources alike"
            )

    def _of_test(self, variants: Variants, *, goal_model: GoalModel | None = None) -> Pipeline:
        recipe = self.recipe.model_copy(
            update={
                "source": self.source,
                "selection": self.recipe.selection.model_copy(update={"edits": Edits()}),
                "seed": _seed(self.recipe, 0),
                "variants": variants,
                "goal_model": goal_model or self.recipe.goal_model,
            }
        )
        return Pipeline(recipe, self.home, engine=self.engine, role="surrogate")

    @cached_property
    def _left_out(self) -> LeftOut:
        return find_left_out(self.workspace, self.test.samples, self.train.samples)

    @cached_property
    def _kept_ids(self) -> list[int] | None:
        """The test images that are in P; None: all."""
        if not self._left_out:
            return None
        ids = self.test.samples.sample_ids
        kept = ids[~np.isin(ids, ids_of(self._left_out))]
        if not len(kept):
            raise CurationError(
                "every test image is also a training image, so P would be empty; give other images in suite.source or "
                "suite.path"
            )
        return list(map(int, kept))

    @cached_property
    def _corrupted(self) -> list[tuple[str, Pipeline]]:
        return [
            (name, self._of_test(Variants(corruption=_as_files(asked), adversarial=(), samples=self._kept_ids)))
            for name, asked in self._kinds.items()
        ]

    @cached_property
    def _kinds(self) -> dict[str, CorruptionSet]:
        """The corruptions of each part; those that need color are left out of gray images, which they leave alone."""
        sets = {"corruption": self.settings.corruption, "held_out": self.held_out}
        if self.test.samples.shape[2] == 1:
            sets = {name: _for_gray(asked) for name, asked in sets.items()}
        return {name: asked for name, asked in sets.items() if asked is not None}

    @cached_property
    def _surrogates(self) -> list[Pipeline]:
        """What trains each surrogate, on clean training images."""
        pipelines = []
        for index, architecture in enumerate(self.settings.surrogates):
            changes = {
                "seed": _seed(self.recipe, index),
                "goal_model": GoalModel(architecture=architecture, train=self.settings.training),
                "variants": Variants(corruption=None, adversarial=()),
            }
            recipe = self.recipe.model_copy(update=changes)
            pipelines.append(Pipeline(recipe, self.workspace, engine=self.engine, role="surrogate"))
        return pipelines

    def _attacked(self, surrogate: Pipeline) -> Pipeline:
        """Return what attacks the test images through a trained surrogate."""
        weights = self.workspace.model(surrogate.plan.model_key).weights
        loaded = GoalModel(architecture=surrogate.recipe.goal_model.architecture, checkpoint=str(weights))
        asked = Variants(corruption=None, adversarial=self.settings.adversarial, samples=self._kept_ids)
        return self._of_test(asked, goal_model=loaded)

    def _attack(self, surrogate: Pipeline, stages: tuple[str, ...], *, report: Report) -> None:
        self._attacked(surrogate).run(stages, report=report)

    def _steps(self) -> list[_Step]:
        images, classes = len(self.test.plan.rows_of(self._kept_ids)), len(self.train.samples.classes)
        steps = [
            _Step("corrupting the test images", images * len(pipeline.plan.corrupted()), ("corruption",), pipeline.run)
            for _, pipeline in self._corrupted
        ]
        shown = 3 * sum(self.settings.training.shown(len(self.train.samples)))
        against = images * sum(attack.most_passes(classes) for attack in self.settings.adversarial)
        for surrogate in self._surrogates:
            name = surrogate.recipe.goal_model.architecture
            attack = partial(self._attack, surrogate)
            steps.append(_Step(f"training the surrogate {name}", shown, ("goal_model",), surrogate.run))
            steps.append(_Step(f"attacking the surrogate {name}", against, ("goal_model", "adversarial"), attack))
        return steps

    def _about(self) -> dict[str, Any]:
        settings, reader = self.settings, self.source.reader
        surrogates = []
        for surrogate in self._surrogates:
            about = self.workspace.model(surrogate.plan.model_key).about or {}
            surrogates.append({key: about.get(key) for key in ("architecture", "seed", *ACCURACIES)})
        return {
            "source": {"reader": reader.name, "path": getattr(reader, "path", None), "split": reader.split},
            "test_images": len(self.test.plan.rows_of(self._kept_ids)),
            "left_out": self._left_out,
            **{
                name: sorted({member.name for member in self._kinds[name].members()}) if name in self._kinds else []
                for name in ("corruption", "held_out")
            },
            "severities": settings.corruption.severities,
            "attacks": [f"{attack.name} {parameters(attack)}" for attack in settings.adversarial],
            "surrogates": surrogates,
        }


class _Step(NamedTuple):
    """A part of the work. passes: images shown to a model, at most; a backward pass counts two, a corruption one."""

    words: str
    passes: int
    stages: tuple[str, ...]
    run: Callable[..., object]


class _Relay:
    """Reports the steps' progress as that of the whole. Work found done is taken off the total: it tells no speed."""

    def __init__(self, report: Report, total: int) -> None:
        """Args: report: receives the progress; total: passes of all steps."""
        self._report, self._total, self._before = report, total, 0
        self._step: _Step | None = None
        self._found: float | None = None

    def begin(self, step: _Step) -> None:
        """Go on to the next step."""
        self.end()
        self._step, self._found = step, None

    def end(self) -> None:
        """Count the step at hand as done."""
        if self._step is not None:
            self._before += round(self._step.passes * (1 - (1.0 if self._found is None else self._found)))
            self._total -= round(self._step.passes * (1.0 if self._found is None else self._found))
        self._report(Progress("suite", self._before, self._total, "passes"))

    def __call__(self, inner: Progress) -> None:
        """Take a step's own report; the last of its stages is the work."""
        step = self._step
        assert step is not None
        share = 0.0
        if inner.total and inner.stage == step.stages[-1]:
            share = inner.done / inner.total
            self._found = share if self._found is None else self._found
        found = self._found or 0.0
        note = f"{step.words}; {inner.note}" if inner.note else step.words
        done = self._before + max(0, round((share - found) * step.passes))
        self._report(Progress("suite", done, self._total - round(found * step.passes), "passes", note=note))


def _test_source(settings: SuiteSettings, recipe: Recipe) -> Source:
    source = settings.source
    if source is None:
        if recipe.source.reader.split == "test":
            raise UsageError("the recipe's samples are the test split itself; name held-out images in suite.source")
        source = Source(reader=recipe.source.reader.model_copy(update={"split": "test"}))
    limits = [limit for limit in (source.limit, settings.samples) if limit is not None]
    return Source(reader=source.reader, limit=min(limits, default=None))


def _same_place(one: Source, other: Source) -> bool:
    """Whether two sources belong into one workspace."""
    places = [(source.reader.name, getattr(source.reader, "path", None)) for source in (one, other)]
    return places[0] == places[1]


def _as_files(asked: CorruptionSet) -> CorruptedCopies:
    """Return a suite's corruptions to be kept: P is read again for every target."""
    return CorruptedCopies(**asked.model_dump(), keep="all")


def _for_gray(asked: CorruptionSet | None) -> CorruptionSet | None:
    kinds = [] if asked is None else [k for k in asked.kinds if not CORRUPTIONS[k.partition("/")[0]].needs_color]
    return asked.model_copy(update={"kinds": kinds}) if asked is not None and kinds else None


def _held_out(settings: SuiteSettings) -> CorruptionSet | None:
    """Return the corruptions reported apart. Raises: UsageError where a part would be empty or two would mix."""
    if not settings.corruption.members():
        raise UsageError(
            "suite.corruption.kinds is empty, so the test suite would lack its corrupted part; give at least one kind"
        )
    if not settings.adversarial:
        raise UsageError(
            "suite.adversarial is empty, so the test suite would lack its adversarial part; give at least one attack"
        )
    both = {member.name for member in settings.corruption.members()} & set(settings.held_out)
    if both:
        raise UsageError(
            f"{sorted(both)[0]} is in suite.corruption and in suite.held_out; kinds held out are reported apart: "
            "keep it in one of them"
        )
    if not settings.held_out:
        return None
    try:
        return CorruptionSet(**{**settings.corruption.model_dump(), "kinds": settings.held_out})
    except ValidationError as error:
        raise UsageError(explain(error, CorruptionSet, "suite.held_out")) from None


def _seed(recipe: Recipe, index: int) -> int:
    return (recipe.seed + APART + index) % 2**31


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f", … ({len(names)})" if len(names) > 5 else "")
