"""A finished evaluation and a tuning for tests of what shows them: written, not trained for."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import optuna
import pandas as pd

from curation.engine import LocalEngine
from curation.evaluation.baselines import baselines
from curation.evaluation.evaluate import begin
from curation.evaluation.settings import Evaluation
from curation.evaluation.suite import Suite, make_suite
from curation.evaluation.trials import predictions_shards, trials_of
from curation.models.architectures import build
from curation.pipeline.fitting import serialized
from curation.recipe import Recipe, guided
from curation.storage.files import digest
from curation.storage.workspace import Workspace
from curation.tuning.settings import Tuning
from curation.tuning.study import StudyFolder

EVALUATION = {
    "targets": ["tiny_resnet"],
    "seeds": 2,
    "schedule": {"epochs": 3},
    "baselines": ["clean", "random_mix", "hardest"],
    "suite": {
        "samples": 24,
        "corruption": {"kinds": ["fog"], "severities": [1, 3]},
        "held_out": ["speckle_noise"],
        "adversarial": {"attack": "pgd", "epsilon": 0.1, "steps": 1},
        "surrogates": ["tiny_convnet"],
        "training": {"epochs": 1},
    },
    "white_box": {"samples": 8},
}

RIGHT = {"recipe": 0.85, "clean": 0.6, "random_mix": 0.8, "hardest": 0.7}
"""Share of the images of P that each set's targets are written to get right."""


def keep_evaluation(workspace: Workspace, recipe: Recipe, *, name: str = "kept", measured: int = 8) -> Evaluation:
    """Keep an evaluation of a recipe and three baselines, the first ``measured`` of its 8 trainings done."""
    evaluation = Evaluation.parse(EVALUATION)
    begin({"recipe": recipe}, evaluation, workspace, name=name)
    suite = make_suite(evaluation.suite, recipe, workspace, engine=LocalEngine("cpu"))
    network = build("tiny_resnet", classes=10, shape=suite.shape, seed=0)
    weights = serialized(network.eval())
    record = {**(workspace.evaluation(name) or {}), "suite": suite.key, "about_suite": suite.about}
    history = [
        {
            "epoch": at,
            "loss": 2 / at,
            "accuracy": 1 - 0.5 / at,
            "seconds": 1.0,
            "test_accuracy": at / 4,
            "test_top5": 0.9,
        }
        | {"test_accuracy": at / 4, "test_top5": 0.9}
        for at in (1, 2, 3)
    ]
    for title, right in RIGHT.items():
        role = "recipe" if title == "recipe" else "baseline"
        record["sets"][title] = {
            "role": role,
            "note": "",
            "images": 500,
            "asked": 500,
            "counts": {"clean": 500},
            "curation_s": 4.0,
        }
        for trial in trials_of(title, f"set-{title}-{name}", evaluation, seed=0):
            predictions = predictions_shards(workspace, trial, suite.key, evaluation)
            number = len(record["trials"])
            record["trials"].append({**asdict(trial), "predictions": predictions.folder.name})
            if number < measured:
                about = {"architecture": "tiny_resnet", "classes": 10, "shape": list(suite.shape), "seed": trial.seed}
                finished = {"digest": digest(weights), "seconds": 3.0, "device": "cpu", "history": history}
                workspace.target(trial.key).finish(weights, {**about, **finished})
                predictions.write(0, _predictions(suite, right, seed=number))
            elif number == measured:
                workspace.target(trial.key).write_history(history[:2])
    workspace.write_evaluation(name, record)
    return evaluation


def keep_tuning(
    workspace: Workspace,
    recipe: Recipe,
    *,
    name: str,
    reached: dict[str, float],
    guided_by: tuple[str, float] | None = None,
) -> Recipe:
    """Keep a finished tuning, R by known point and, under "", of the search's own trials; return that recipe.

    Args: guided_by: another goal model that was searched, and R of the recipe under it.
    """
    folder = StudyFolder(workspace, name)
    asked = {"trials": len(reached), "suite": EVALUATION["suite"], "suite_samples": 24}
    if guided_by:
        asked |= {"trials": len(reached) + 1, "goal_models": [guided_by[0]]}
    folder.write(recipe, Tuning.model_validate(asked))
    starts = {"recipe": recipe, **baselines(recipe, ["clean", "random_mix"])}
    found = recipe.with_changes(**{"selection.offset": 0.2, "selection.mix": [1, 0, 3]})
    study = folder.open()
    for start, R in reached.items():
        trial = study.ask()
        if start:
            trial.set_user_attr("start", start)
        chosen = starts[start] if start else found  # type: ignore[index]
        trial.set_user_attr("changes", {"selection": chosen.to_dict()["selection"]})
        _tell(study, trial, R, own=guided_by is not None)
    if guided_by:
        words, R = guided_by
        trial = study.ask()
        trial.set_user_attr("start", f"goal_model:{words}")
        trial.set_user_attr("goal_model", words)
        trial.set_user_attr("changes", {"goal_model": guided(recipe, words).to_dict()["goal_model"]})
        _tell(study, trial, R)
    return found


def _tell(study: optuna.Study, trial: optuna.Trial, R: float, *, own: bool = False) -> None:
    if own:
        trial.set_user_attr("goal_model", "recipe")
    trial.set_user_attr("figures", {"R": R, "clean": R, "adversarial": R, "corruption": R})
    study.tell(trial, R)


def _predictions(suite: Suite, right: float, *, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    tables = []
    for part in suite.parts:
        hit = random.random(len(part)) < right
        tables.append(
            pd.DataFrame(
                {
                    "part": part.part,
                    "kind": part.kind,
                    "severity": np.int8(part.severity),
                    "sample_id": part.sample_ids,
                    "label": part.labels.astype(np.int32),
                    "prediction": np.where(hit, part.labels, (part.labels + 1) % 10).astype(np.int32),
                    "true_probability": np.where(hit, 0.9, 0.1).astype(np.float32),
                }
            )
        )
    attacked = tables[0].head(8).assign(part="white_box", kind="apgd", true_probability=np.float32(np.nan))
    return pd.concat([*tables, attacked], ignore_index=True)
