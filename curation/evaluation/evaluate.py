"""Evaluating recipes: every target trained on every set and on the baselines, with one schedule, measured on one P."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from curation.engine import Engine, choose
from curation.errors import CurationError, UsageError, unknown_name
from curation.evaluation.baselines import BASELINES, baselines
from curation.evaluation.leakage import guard
from curation.evaluation.results import Results, seen
from curation.evaluation.settings import Evaluation
from curation.evaluation.suite import Suite, check_held_out, check_own, check_surrogates, make_suite
from curation.evaluation.training_set import TrainingSet, training_set
from curation.evaluation.trials import Trial, measure_trial, predictions_shards, train_trial, trials_of
from curation.models.architectures import ARCHITECTURES, build
from curation.pipeline import FOR_SELECTION, Pipeline, in_order
from curation.pipeline.execution import run_tasks
from curation.progress import Report, ignore
from curation.recipe import Recipe, differences, in_words
from curation.storage.addresses import is_address
from curation.storage.workspace import Workspace
from curation.training.samplers.dynamic import DynamicSampling


def evaluate(
    recipes: Mapping[str, Recipe],
    evaluation: Evaluation,
    workspace: Workspace,
    *,
    name: str = "evaluation",
    engine: Engine | None = None,
    replace: bool = False,
    report: Report = ignore,
) -> Results:
    """Train and measure what is missing; everything finished is kept.

    Args:
        recipes: by the name each is shown under; one source and one budget for all. The baselines are derived from the
            first.
        name: under which the evaluation is kept, found again and resumed.
        engine: where work runs, by default here on the fastest device.
        replace: take these settings where the name is kept with others; trainings that both need are not repeated.

    Raises: UsageError: recipes that cannot be compared, or a kept evaluation with other settings; CurationError:
        a set that holds a test image, a set that cannot be filled, training that diverges; Cancelled.
    """
    begin(recipes, evaluation, workspace, name=name, replace=replace)
    return resume(workspace, name, engine=engine, report=report)


def begin(
    recipes: Mapping[str, Recipe],
    evaluation: Evaluation,
    workspace: Workspace,
    *,
    name: str = "evaluation",
    replace: bool = False,
) -> None:
    """Check what is asked and keep it under its name, so that ``resume`` can do it. Raises: UsageError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", name):
        raise UsageError(f"an evaluation's name may contain only letters, digits, dots, - and _, got {name!r}")
    _check(recipes, evaluation)
    asked, kept = document(recipes, evaluation), workspace.evaluation(name)
    if kept is not None and not replace:
        differ = in_words(differences(kept_document(kept), asked))
        if differ:
            raise UsageError(
                f"evaluation {name!r} exists with other settings: {'; '.join(differ)}; continue with those, give "
                "another --name, or take the new ones with --replace (trainings that both need are not repeated)"
            )
    if kept is None or replace:
        workspace.write_evaluation(name, {**asked, "sets": {}, "suite": None, "trials": []})


def document(recipes: Mapping[str, Recipe], evaluation: Evaluation) -> dict[str, Any]:
    """Return what is asked as plain data."""
    return {
        "evaluation": evaluation.to_dict(),
        "recipes": {title: recipe.to_dict() for title, recipe in recipes.items()},
    }


def kept_document(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a kept evaluation was asked, as ``document`` writes it today. Raises: UsageError."""
    return document(_recipes(kept), Evaluation.parse(kept["evaluation"]))


def _recipes(kept: Mapping[str, Any]) -> dict[str, Recipe]:
    return {title: Recipe.parse(value, where=f"recipe {title}") for title, value in kept["recipes"].items()}


def resume(workspace: Workspace, name: str, *, engine: Engine | None = None, report: Report = ignore) -> Results:
    """Do what a kept evaluation still lacks. Raises: as ``evaluate``."""
    kept = workspace.evaluation(name)
    if kept is None:
        raise UsageError(f"there is no evaluation {name!r} in {workspace.root}")
    engine = engine or choose()
    evaluation = Evaluation.parse(kept["evaluation"])
    recipes = _recipes(kept)
    first = next(iter(recipes.values()))
    ingested = Pipeline(first, workspace, engine=engine)
    ingested.run(("ingest",), report=report)
    for target in evaluation.targets:  # refused now, not after an hour of preparation
        shape = ingested.samples.shape
        network = build(target, classes=len(ingested.samples.classes), shape=shape)
        evaluation.schedule.how().prepare(network, shape=shape, seed=0)
    suite = make_suite(evaluation.suite, first, workspace, engine=engine, report=report)
    for recipe in recipes.values():
        check_own(suite, recipe)
    record = {**kept, "suite": suite.key, "about_suite": suite.about, "sets": {}, "trials": []}
    guarded, epochs = np.empty(0, dtype=np.int64), evaluation.schedule.epochs
    for title, role, recipe in _sets(recipes, evaluation):
        pipeline = Pipeline(recipe, workspace, engine=engine)
        pipeline.run(tuple(stage for stage in FOR_SELECTION if stage != "ingest"), report=report)
        data = _filled(pipeline, role, evaluation)
        guard(pipeline.samples, np.setdiff1d(data.sample_ids, guarded), suite, device=engine.device)
        guarded = np.union1d(guarded, data.sample_ids)
        record["sets"][title] = {
            "role": role,
            "note": recipe.note,
            "images": len(data),
            **({"seen": data.seen(epochs) / epochs} if data.showing else {}),
            "asked": recipe.selection.budget,
            "counts": data.counts,
            "curation_s": cost(pipeline),
        }
        mine = trials_of(title, data.key, evaluation, seed=first.seed)
        record["trials"] += [
            {**asdict(trial), "predictions": predictions_shards(workspace, trial, suite.key, evaluation).folder.name}
            for trial in mine
        ]
        workspace.write_evaluation(name, record)
    _run(workspace, name, record, recipes, evaluation, suite, engine=engine, report=report)
    return Results(workspace, name)


def cost(pipeline: Pipeline) -> float:
    """Return the seconds of computing that a set needed: its variants, and the goal model and scores where used."""
    spent = pipeline.cost()
    return round(sum(spent[name] for name, stage in in_order().items() if stage.used(pipeline.recipe)), 2)


def _check(recipes: Mapping[str, Recipe], evaluation: Evaluation) -> None:
    if not recipes:
        raise UsageError("give at least one recipe to evaluate")
    taken = [title for title in recipes if title in BASELINES]
    if taken:
        raise UsageError(f"a recipe cannot be named {taken[0]!r}: that is a baseline; rename it")
    budgets = {title: recipe.selection.budget for title, recipe in recipes.items()}
    if len(set(budgets.values())) > 1:
        words = ", ".join(f"{title} {budget:,}" for title, budget in budgets.items())
        raise UsageError(
            f"the recipes' budgets differ ({words}); sets are compared at the same budget: give all recipes the same"
        )
    sources = {title: recipe.source.model_dump(mode="json") for title, recipe in recipes.items()}
    first = next(iter(sources))
    other = next((title for title in sources if sources[title] != sources[first]), None)
    if other:
        raise UsageError(f"the recipes {first} and {other} have different sources; use the same source for all")
    for name in (*evaluation.targets, *evaluation.suite.surrogates):
        if "/" not in name and name not in ARCHITECTURES:
            raise UsageError(unknown_name("architecture", name, ARCHITECTURES))
    path = evaluation.suite.path
    if path is not None and not is_address(path) and not Path(path).exists():
        raise UsageError(f"suite.path: {path} does not exist; give a folder or .npz with the parts of the test suite")
    _check_kinds(recipes, evaluation)
    for recipe in recipes.values():
        check_surrogates(evaluation.suite, recipe.goal_model.architecture, evaluation.targets)
        check_held_out(evaluation.suite, recipe)


def _check_kinds(recipes: Mapping[str, Recipe], evaluation: Evaluation) -> None:
    sampling = evaluation.schedule.sampling
    weights = sampling.weights if isinstance(sampling, DynamicSampling) else {}
    made = {kind for recipe in recipes.values() for kind in recipe.kinds}
    lacking = next((kind for kind in weights if kind not in made), None)
    if made and lacking is not None:  # of sets without variants another sentence speaks
        raise UsageError(
            f"sampling.weights: no recipe has {lacking} in its set; weigh kinds that there are: "
            f"{', '.join(sorted(made))}"
        )


def _sets(recipes: Mapping[str, Recipe], evaluation: Evaluation) -> Iterator[tuple[str, str, Recipe]]:
    """Yield (title, role, recipe): the recipes, then the first one's baselines."""
    for title, recipe in recipes.items():
        yield title, "recipe", recipe
    for name, baseline in baselines(next(iter(recipes.values())), evaluation.baselines).items():
        yield name, "baseline", baseline


def _filled(pipeline: Pipeline, role: str, evaluation: Evaluation) -> TrainingSet:
    """Return a set without shortage; a baseline that cannot have the budget takes the largest that it can.

    With sampling a recipe's set must have something to draw between; a baseline's gives what it has.
    """
    pool, sampling = pipeline.pool(), evaluation.schedule.sampling
    selected = pipeline.select(pool)
    if role != "baseline" or not selected.shortages:
        data = training_set(pipeline, selected, pool=pool, sampling=sampling)
        if role != "baseline" and data.showing is not None:
            data.showing.require()
        return data
    fits = selected.shortages[0].fits_budget
    if not fits:
        raise CurationError(f"baseline {pipeline.recipe.name}: {selected.shortages[0].sentence}")
    smaller = pipeline.of(pipeline.recipe.with_changes(**{"selection.budget": fits}))
    return training_set(smaller, smaller.select(pool), pool=pool, sampling=sampling)


def _run(
    workspace: Workspace,
    name: str,
    record: dict[str, Any],
    recipes: Mapping[str, Recipe],
    evaluation: Evaluation,
    suite: Suite,
    *,
    engine: Engine,
    report: Report,
) -> None:
    """Train and measure, set by set, so that one set's images are in memory at a time."""
    fields = Trial.__dataclass_fields__
    trials = [Trial(**{field: row[field] for field in fields}) for row in record["trials"]]
    size = {title: seen(about, evaluation.schedule.epochs) for title, about in record["sets"].items()}
    missing = {trial.key: trial for trial in trials if not workspace.target(trial.key).ready()}
    total, finished = sum(size[trial.set] for trial in missing.values()), 0
    for title, role, recipe in _sets(recipes, evaluation):
        mine = [trial for trial in trials if trial.set == title]
        untrained = [trial for trial in mine if not workspace.target(trial.key).ready(verify=True)]
        if untrained:
            data = _filled(Pipeline(recipe, workspace, engine=engine), role, evaluation)
            train = partial(train_trial, test=suite.clean if evaluation.curve else None)
            training = [partial(train, workspace, trial, data, evaluation, engine.device) for trial in untrained]
            del data
            finished += run_tasks(engine, training, "train", done=finished, total=total, report=report)
            del training
        measuring = [
            partial(measure_trial, workspace, trial, suite, evaluation, engine.device)
            for trial in mine
            if predictions_shards(workspace, trial, suite.key, evaluation).missing(verify=True)
        ]
        run_tasks(engine, measuring, "measure", report=report)
