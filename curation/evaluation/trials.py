"""One trial: one target trained on one set with one seed, then measured on P. Stored, resumable, never done twice."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from curation.engine import Tell
from curation.evaluation.measure import accuracies_of, predictions_of
from curation.evaluation.part import Part
from curation.evaluation.settings import Evaluation
from curation.evaluation.suite import Suite
from curation.evaluation.training_set import TrainingSet
from curation.evaluation.white_box import kind_of, white_box
from curation.models.architectures import build
from curation.pipeline.fitting import fit, load, serialized
from curation.plugin import fingerprint
from curation.sampling import VERSION as SAMPLING_VERSION
from curation.sampling import subset
from curation.scores import LooksAttacked
from curation.storage.files import digest
from curation.storage.shards import Shards
from curation.storage.workspace import KeptModel, Workspace
from curation.training.trainer import Epoch

TRAINER_VERSION = 1
"""Raised whenever the trainer gives other weights for the same settings, so that stored targets are trained again."""


@dataclass(frozen=True)
class Trial:
    """set: the set's name; target: an architecture; number: 0 … seeds − 1; seed: of weights, order and augmentation;
    key: of the trained weights, a hash of all that determines them."""

    set: str
    target: str
    number: int
    seed: int
    key: str


def trials_of(name: str, set_key: str, evaluation: Evaluation, *, seed: int) -> list[Trial]:
    """Return every training of the evaluation's targets on one set. Args: seed: used where the schedule has none."""
    first = seed if evaluation.schedule.seed is None else evaluation.schedule.seed
    trials = []
    for target in evaluation.targets:
        training = evaluation.training_of(target)
        settings = training.model_dump(mode="json", exclude={"preset", "seed"})
        for number in range(evaluation.seeds):
            about = [TRAINER_VERSION, set_key, target, settings, first + number, *training.versions]
            key = fingerprint(["target", *about])
            trials.append(Trial(name, target, number, first + number, key))
    return trials


def predictions_shards(workspace: Workspace, trial: Trial, suite_key: str, evaluation: Evaluation) -> Shards:
    """Return where a trial's predictions on P lie, computed or not."""
    white = evaluation.white_box.model_dump(mode="json")
    return workspace.predictions(fingerprint(["predictions", trial.key, suite_key, white, SAMPLING_VERSION]))


def train_trial(
    workspace: Workspace,
    trial: Trial,
    data: TrainingSet,
    evaluation: Evaluation,
    device: str,
    tell: Tell,
    *,
    test: Part | None = None,
) -> int:
    """Train a trial's target unless it is kept; an ``engine.Task`` that counts images trained on.

    Args: test: measured after each epoch; None: nothing is.
    Raises: CurationError; Cancelled, the epochs done are kept.
    """
    kept, images = workspace.target(trial.key), data.seen(evaluation.schedule.epochs)
    with workspace.lock(trial.key):
        if kept.ready(verify=True):
            return images
        network = build(trial.target, classes=len(data.classes), shape=data.images.shape[1:], seed=trial.seed)

        def on_fit(done: int, total: int, words: str) -> None:
            tell(done, total, f"{trial.set} · {trial.target} · seed {trial.seed} · {words}")

        twin = None if test is None else deepcopy(network).to(device)

        def on_epoch(epoch: Epoch) -> dict[str, Any]:
            if twin is None or test is None:
                return {}
            twin.load_state_dict(epoch.state["average"] or epoch.state["model"])
            return accuracies_of(twin.eval(), test, device=device)

        history = fit(
            network,
            kept,
            data.images,
            data.labels,
            weights=data.weights,
            showing=data.showing,
            settings=evaluation.training_of(trial.target).model_copy(update={"seed": None}),
            seed=trial.seed,
            device=device,
            on_fit=on_fit,
            on_epoch=on_epoch,
        )
        content, detector = serialized(network.eval()), evaluation.schedule.how().detects
        about: dict[str, Any] = {
            "architecture": trial.target,
            **({"detector": list(detector)} if detector else {}),
            "classes": len(data.classes),
            "shape": list(data.images.shape[1:]),
            "seed": trial.seed,
            "digest": digest(content),
            "seconds": round(sum(row["seconds"] for row in history), 3),
            "history": history,
            "device": device,
            "threads": evaluation.schedule.threads,
            "precision": evaluation.schedule.resolved(device).precision,
        }
        kept.finish(content, about)
    return images


def measure_trial(
    workspace: Workspace, trial: Trial, suite: Suite, evaluation: Evaluation, device: str, tell: Tell
) -> int:
    """Classify P with a trained target, and attack it itself; an ``engine.Task`` that counts images of P."""
    shards = predictions_shards(workspace, trial, suite.key, evaluation)
    kept = workspace.target(trial.key)
    network = load_target(kept).to(device)
    table = predictions_of(
        network, suite, device=device, report=lambda at: tell(at.done, at.total, f"{trial.set} · {at.note}".strip(" ·"))
    )
    settings = evaluation.white_box
    if settings.samples:
        clean = suite.clean
        rows = subset(clean.sample_ids, settings.samples, labels=clean.labels)
        labels = clean.labels[rows]
        found = white_box(network, clean.images(rows), labels, settings=settings, seed=trial.seed, device=device)
        attacked = pd.DataFrame(
            {
                "part": "white_box",
                "kind": kind_of(len(suite.classes)),
                "severity": 0,
                "sample_id": clean.sample_ids[rows],
                "label": labels,
                "prediction": found,
                "true_probability": np.float32(np.nan),
                **({LooksAttacked.name: np.float32(np.nan)} if LooksAttacked.name in table else {}),
            }
        )
        table = pd.concat([table, attacked.astype(table.dtypes.to_dict())], ignore_index=True)
    shards.write(0, table)
    return len(suite)


def load_target(kept: KeptModel) -> nn.Module:
    """Return a kept target, ready to classify, on the CPU. Raises: CurationError when it is missing or damaged."""
    return load(kept, missing="this target is not trained yet; run the evaluation again")
