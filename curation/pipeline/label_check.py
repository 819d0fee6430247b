"""The search for wrong labels: networks that did not learn a sample, and its neighbors, say what it looks like."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curation.embedding.neighbors import nearest_neighbors
from curation.errors import CurationError
from curation.label_errors.base import Evidence
from curation.label_errors.cross_fit import CrossFit, Fold, cross_fit, softmax
from curation.label_errors.suspects import suspects
from curation.models.architectures import build
from curation.progress import Progress, Report

if TYPE_CHECKING:
    from curation.pipeline.pipeline import Pipeline
    from curation.recipe import LabelCheck
    from curation.storage.shards import Shards


def check_labels(pipeline: Pipeline, report: Report) -> None:
    """Work out the table of suspects and keep it; every finished fold is kept at once.

    Raises: CurationError: the recipe does not ask for it, a class has fewer samples than folds, too few samples.
    """
    check = pipeline.recipe.label_check
    if check is None:
        raise CurationError("the recipe does not look for wrong labels; set label_check, for example {folds: 4}")
    samples, folds = pipeline.samples, pipeline.folds(check)
    whole = check.train.epochs * (check.folds - 1) * len(samples)
    waiting = partial(report, Progress("labels", 0, whole, note="waiting for another process"))
    with pipeline.workspace.lock(folds.folder.name, waiting=waiting):
        missing = set(folds.missing(verify=True))
        started = time.monotonic()

        def keep(fold: int, found: Fold) -> None:
            nonlocal started
            folds.write(fold, _table(found, len(samples)))
            pipeline.workspace.add_seconds(folds, time.monotonic() - started)
            started = time.monotonic()

        found = cross_fit(
            samples.array(),
            samples.labels,
            network=lambda seed: build(
                check.architecture, classes=len(samples.classes), shape=samples.shape, seed=seed
            ),
            settings=check.train,
            folds=check.folds,
            seed=pipeline.recipe.seed,
            sample_ids=samples.sample_ids,
            device=pipeline.device,
            resume=lambda fold: None if fold in missing else _fold(folds, fold),
            keep=keep,
            on_progress=lambda done, total: report(Progress("labels", done, total)),
        )
        out = pipeline.suspects(check)
        if out.missing(verify=True):
            report(Progress("labels", whole, whole, note="neighbors and ranking"))
            out.write(0, _suspects(pipeline, check, found))
    report(Progress("labels", whole, whole))


def held_out_probabilities(pipeline: Pipeline, check: LabelCheck) -> np.ndarray:
    """Return what the network that did not learn a sample says of it, float32 N×K. Raises: CurationError."""
    folds = pipeline.folds(check)
    logits = np.empty((len(pipeline.samples), len(pipeline.samples.classes)), dtype=np.float32)
    for found in (_fold(folds, index) for index in range(folds.count)):
        logits[found["held_out"]] = found["logits"]
    return softmax(logits)


def _suspects(pipeline: Pipeline, check: LabelCheck, found: CrossFit) -> pd.DataFrame:
    samples = pipeline.samples
    features = pipeline.all_features()
    near = nearest_neighbors(
        features, count=min(check.neighbors, len(features) - 1), metric="cosine", device=pipeline.device
    )
    table = suspects(
        Evidence(
            labels=samples.labels,
            probabilities=found.probabilities,
            neighbors=near.index,
            distances=near.distance,
            clusters=pipeline.map_table("pca").table(0)["cluster"].to_numpy(),
            area_under_margin=found.area_under_margin,
            forgetting=found.forgetting,
        )
    )
    table.insert(1, "sample_id", samples.sample_ids[table["row"].to_numpy()])
    return table


def _table(found: Fold, count: int) -> pd.DataFrame:
    """Return a fold's arrays as one table with a row a sample; NaN where it says nothing."""
    held = np.zeros(count, dtype=bool)
    held[found["held_out"]] = True
    logits = np.full((count, found["logits"].shape[1]), np.nan, dtype=np.float32)
    logits[held] = found["logits"]
    columns: dict[str, np.ndarray] = {"held_out": held}
    for name in ("area_under_margin", "forgetting"):
        columns[name] = np.full(count, np.nan, dtype=np.float32)
        columns[name][~held] = found[name]
    return pd.DataFrame(columns | {f"logit_{index}": column for index, column in enumerate(logits.T)})


def _fold(folds: Shards, index: int) -> Fold:
    table = folds.table(index)
    held = table["held_out"].to_numpy()
    logits = table[[name for name in table if str(name).startswith("logit_")]].to_numpy(np.float32)
    learned = {name: table[name].to_numpy(np.float32)[~held] for name in ("area_under_margin", "forgetting")}
    return {"held_out": np.flatnonzero(held), "logits": logits[held], **learned}
