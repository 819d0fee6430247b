"""A cheap proxy for an evaluation: a small network, a short schedule, a subset of P, and the pool as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from curation.engine import Engine, Tell
from curation.errors import CurationError
from curation.evaluation.baselines import baselines
from curation.evaluation.measure import predictions_of
from curation.evaluation.metrics import robustness
from curation.evaluation.suite import Part, Suite, make_suite
from curation.evaluation.training_set import TrainingSet, training_set
from curation.models.architectures import build
from curation.pipeline import FOR_SELECTION, Pipeline, run_together
from curation.plugin import fingerprint
from curation.progress import Cancelled, Progress, Report
from curation.recipe import Recipe, guides
from curation.recipe.strength import OWN
from curation.sampling import VERSION as SAMPLING_VERSION
from curation.sampling import subset
from curation.selection import SELECTORS
from curation.selection.select import Selected, select
from curation.storage.workspace import Workspace
from curation.training.trainer import train
from curation.tuning.settings import Tuning
from curation.tuning.space import (
    candidates_in,
    fitted,
    parameters_of,
    selection_of,
    severities_in,
    severities_of,
    space_of,
)
from curation.tuning.study import OF_GOAL_MODEL

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

VERSION = 1
"""Of what a trial is and how it is measured: raise it whenever that changes, so that kept trials are made again."""

CHECKS = 3
"""A training's R is taken at so many epochs, evenly spread: the last is the result, the others may end it early."""

POOLS = 2
"""Tables of candidates held in memory, each of one goal model."""

_GUIDING = ("ingest", "goal_model")


class Curve(NamedTuple):
    """One training. figures: by epoch, see ``study.FIGURES``; lags: it was stopped early, below the others; seconds:
    that it took; error: the sentence with which it ended, or nothing."""

    figures: dict[int, dict[str, float]]
    seconds: float
    lags: bool = False
    error: str = ""

    @property
    def last(self) -> dict[str, float]:
        """What was measured last."""
        return next(reversed(self.figures.values()))


class Start(NamedTuple):
    """A known point: its recipe, and its parameters as far as it is a point of the space."""

    recipe: Recipe
    parameters: dict[str, Any]


class Proxy:
    """What all trials of a tuning share.

    space: the parameters searched; guided: the recipe under each goal model, by its words.
    """

    def __init__(
        self, recipe: Recipe, settings: Tuning, workspace: Workspace, *, engine: Engine, report: Report
    ) -> None:
        """Make what P and the pools under each goal model still lack; copies are made once for all of them.

        Raises: UsageError: a search that makes no sense for this recipe; CurationError: a recipe that cannot be filled;
            Cancelled.
        """
        self.recipe, self.settings, self.engine = recipe, settings, engine
        self.guided = guides(recipe, settings.goal_models)
        self._pipelines = pipelines_of(self.guided, workspace, engine=engine)
        self.pipeline = self._pipelines[OWN]
        for number, (name, pipeline) in enumerate(self._pipelines.items(), 1):
            told = f"{name}, {number} of {len(self.guided)}" if settings.goal_models else ""
            pipeline.run(_GUIDING, report=partial(_tell_of, told, report))
        after = [name for name in FOR_SELECTION if name not in _GUIDING]
        run_together(list(self._pipelines.values()), after, report=report)
        self._pool = lru_cache(POOLS)(lambda name: self._pipelines[name].pool())
        self.pipeline.select(self.pool).require()
        self.space = space_of(recipe, settings, _counts(self.pool))
        suite = make_suite(settings.suite, recipe, workspace, engine=engine, report=report)
        self.suite = sliced(suite, settings.suite_samples)

    @property
    def key(self) -> str:
        """See ``key_of``."""
        return key_of(self._pipelines, self.settings, self.suite.key)

    @property
    def pool(self) -> pd.DataFrame:
        """The candidates under the recipe's own goal model."""
        return self._pool(OWN)

    @cached_property
    def starts(self) -> dict[str, Start]:
        """Known points by name, where the budget can be filled: the recipe as it is, clean images only, the recipe's
        mix at random, and the recipe as it is under each other goal model."""
        own = parameters_of(self.recipe, self.space, _counts(self.pool))
        known = {"recipe": Start(self.recipe, own)}
        known |= {name: Start(one, {}) for name, one in baselines(self.recipe, ["clean", "random_mix"]).items()}
        others = {name: one for name, one in self.guided.items() if name != OWN}
        known |= {f"{OF_GOAL_MODEL}{name}": Start(one, {**own, "goal_model": name}) for name, one in others.items()}
        return {name: start for name, start in known.items() if not self._select(start.recipe).shortages}

    def guide_of(self, recipe: Recipe) -> str:
        """Return the name of the goal model that a trial's recipe has."""
        return next(name for name, one in self.guided.items() if one.goal_model == recipe.goal_model)

    def suggested(self, parameters: Mapping[str, Any]) -> Recipe:
        """Return the recipe that some parameters mean, eased to fill the budget. Raises: CurationError."""
        severities, guide = severities_in(self.recipe, parameters), str(parameters.get("goal_model", OWN))
        pool = self._pool(guide)
        pool = pool[candidates_in(pool, self.recipe, severities)]
        selection = selection_of(parameters, self.recipe.selection, _counts(pool))
        selection, _ = fitted(selection, pool, seed=self.recipe.seed, classes=len(self.pipeline.samples.classes))
        changes: dict[str, Any] = {"selection": selection}
        if severities != severities_of(self.recipe):
            changes["variants.corruption.severities"] = severities
        return self.guided[guide].with_changes(**changes)

    def data(self, recipe: Recipe) -> TrainingSet:
        """Return the set that a recipe chooses from its pool. Raises: CurationError when a family is short."""
        selected, guide = self._select(recipe), self.guide_of(recipe)
        selected.require()
        sampling = self.settings.schedule.sampling
        return training_set(self._pipelines[guide], selected, pool=self._pool(guide), sampling=sampling)

    def curves(
        self,
        sets: Sequence[TrainingSet],
        finished: Sequence[Sequence[FrozenTrial] | None],
        *,
        on_step: Callable[[], None],
    ) -> list[list[Curve]]:
        """Train on sets and measure, side by side where the engine can; return the trainings of each.

        Where the first training on a set lags behind or fails, there are no others.

        Args:
            finished: of each set, trials that its first training is compared with, None: it is not stopped.
            on_step: called while they train, may raise to stop.
        """
        firsts = self._trained([(data, 0, other) for data, other in zip(sets, finished, strict=True)], on_step)
        ahead = [place for place, curve in enumerate(firsts) if not (curve.lags or curve.error)]
        numbers = range(1, self.settings.seeds)
        others = iter(self._trained([(sets[place], number, None) for place in ahead for number in numbers], on_step))
        return [[first, *(next(others) for _ in numbers if place in ahead)] for place, first in enumerate(firsts)]

    def _trained(
        self, asked: Sequence[tuple[TrainingSet, int, Sequence[FrozenTrial] | None]], on_step: Callable[[], None]
    ) -> list[Curve]:
        tasks = [partial(train_proxy, self.suite, self.settings, *one, self.engine.device) for one in asked]
        found = dict(self.engine.run(tasks, relay=lambda *_: on_step()))
        return [found[index] for index in range(len(tasks))]

    def _select(self, recipe: Recipe) -> Selected:
        """Return what a recipe chooses, in rows of its goal model's pool."""
        every = self._pool(self.guide_of(recipe))
        rows = np.flatnonzero(candidates_in(every, self.recipe, severities_of(recipe)))
        pool = every if len(rows) == len(every) else every.iloc[rows]
        selected = select(pool, recipe.selection, seed=recipe.seed, classes=len(self.pipeline.samples.classes))
        return replace(selected, pool_rows=rows[selected.pool_rows])


def _counts(pool: pd.DataFrame) -> dict[str, int]:
    return {str(family): int(count) for family, count in pool["family"].value_counts().items()}


def _tell_of(words: str, report: Report, progress: Progress) -> None:
    """Report, with words before what is noted."""
    report(replace(progress, note=" · ".join(filter(None, (words, progress.note)))))


def train_proxy(
    suite: Suite,
    settings: Tuning,
    data: TrainingSet,
    number: int,
    finished: Sequence[FrozenTrial] | None,
    device: str,
    tell: Tell,
) -> Curve:
    """Train once and measure at each check; every trial is trained with the same seeds; an ``engine.Task``.

    Args: number: of the training; finished: trials that it is compared with, None: it is never stopped.
    """
    schedule, started = settings.schedule, time.monotonic()
    seed = (settings.seed if schedule.seed is None else schedule.seed) + number
    network = build(settings.target, classes=len(data.classes), shape=data.images.shape[1:], seed=seed)
    checks = CHECKS if settings.pruning else 1
    epochs = {-(-schedule.epochs * check // checks) for check in range(1, checks + 1)}
    lags = _lags_behind(finished) if settings.pruning and finished is not None else None
    found: dict[int, dict[str, float]] = {}
    try:
        for epoch in train(
            network,
            data.images,
            data.labels,
            weights=data.weights,
            showing=data.showing,
            settings=schedule.model_copy(update={"seed": seed}),
            seed=seed,
            device=device,
            on_step=lambda done, total: tell(done, total, ""),
        ):
            if epoch.epoch in epochs:
                found[epoch.epoch] = robustness(predictions_of(network, suite, device=device))
                if lags and epoch.epoch < schedule.epochs and lags(epoch.epoch, found[epoch.epoch]["R"]):
                    return Curve(found, time.monotonic() - started, lags=True)
    except Cancelled:
        raise
    except CurationError as error:  # one set that cannot be trained on is no reason to stop
        return Curve(found, time.monotonic() - started, error=str(error))
    return Curve(found, time.monotonic() - started)


def _lags_behind(finished: Sequence[FrozenTrial]) -> Callable[[int, float], bool]:
    """Return Optuna's median rule for one more trial, on a copy of the finished ones, wherever it is trained."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner())
    study.add_trials(finished)
    trial = study.ask()

    def lags(epoch: int, figure: float) -> bool:
        trial.report(figure, epoch)
        return trial.should_prune()

    return lags


def pipelines_of(guided: Mapping[str, Recipe], workspace: Workspace, *, engine: Engine) -> dict[str, Pipeline]:
    """Return the pipelines of a recipe under its goal models, by name, its own first."""
    return {name: Pipeline(recipe, workspace, engine=engine) for name, recipe in guided.items()}


def key_of(pipelines: Mapping[str, Pipeline], settings: Tuning, suite_key: str) -> str:
    """Return the key of all that a trial's figures depend on, besides what the trial itself chooses.

    Trials of two keys cannot be compared.

    Args: pipelines: as of ``pipelines_of``.
    Raises: CurationError: candidates are missing.
    """
    measured = settings.model_dump(mode="json", include={"target", "schedule", "seeds", "seed", "suite_samples"})
    strategies = [[selector.name, selector.version] for selector in SELECTORS if selector.follows is None]
    versions = [VERSION, SAMPLING_VERSION, strategies, *settings.schedule.versions]
    others = [[name, pipeline.pool_key] for name, pipeline in pipelines.items() if name != OWN]
    about = [versions, measured, pipelines[OWN].pool_key, suite_key, *([others] if others else [])]
    return fingerprint(["trials", *about])


def sliced(suite: Suite, samples: int) -> Suite:
    """Return the parts of P that make R, on so many test images (see ``subset``), with all their copies."""
    return replace(suite, parts=tuple(_of_samples(part, samples) for part in suite.parts if part.part != "held_out"))


def _of_samples(part: Part, samples: int) -> Part:
    ids, first = np.unique(part.sample_ids, return_index=True)
    some = ids[subset(ids, samples, labels=part.labels[first])]
    at = np.flatnonzero(np.isin(part.sample_ids, some))
    images = partial(_images_at, part.images, at)
    return replace(part, sample_ids=part.sample_ids[at], labels=part.labels[at], images=images)


def _images_at(images: Callable[[np.ndarray], np.ndarray], at: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return images(at[positions])
