"""Searching for wrong labels: networks that did not learn a sample, and its neighbors, say what it looks like."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from curation.embedding.neighbors import nearest_neighbors
from curation.engine import Tell
from curation.errors import CurationError
from curation.label_errors import LABEL_SCORES
from curation.label_errors.base import Evidence
from curation.label_errors.cross_fit import CrossFit, Fold, fit_fold, folds_of, joined, learned_in_all, softmax
from curation.label_errors.suspects import suspects
from curation.models.architectures import Form, build
from curation.pipeline.execution import Execution, Result
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage, Status
from curation.plugin import fingerprint
from curation.recipe import LabelErrors, Recipe
from curation.storage.samples import IN_MEMORY_BYTES
from curation.storage.shards import Shards

RANKED = 7
"""Numbers of four bytes with which a sample is ranked, besides its scores: row and id (two each), labels, rank."""


class CheckLabels(Stage):
    """The predictions of each fold's network, and the ranking of suspects."""

    name = "labels"
    title = "Wrong labels"
    unit = "folds"
    needs = ("ingest", "goal_model")

    def asked(self, recipe: Recipe) -> bool:
        """See ``Stage.asked``."""
        return recipe.label_errors is not None

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``: the folds; the ranking, once there are clusters, counts none of its own."""
        check = label_errors(plan)
        found = [Result(folds_table(plan, check), np.ones(check.folds, dtype=np.int64))]
        if found[0].shards.complete() and _ranked_from(plan):
            found.append(Result(suspects_table(plan, check), np.zeros(1, dtype=np.int64)))
        return found

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """See ``Stage.status``: the ranking waits for features and clusters, the folds for nothing."""
        found = super().status(plan, verify=verify)
        return self._status("waiting") if found.state == "done" and not _ranked_from(plan) else found

    def cost(self, plan: Plan) -> float:
        """See ``Stage.cost``."""
        return plan.workspace.seconds(folds_table(plan, label_errors(plan)))

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: of each sample logits, two numbers a fold that learned it, and its scores."""
        check = recipe.label_errors
        if check is None:
            return Expense()
        learned, network = scale.samples * (check.folds - 1), scale.networks[Form(check.architecture)]
        seconds = scale.training_s(check.train, network, images=learned)
        seconds += scale.samples * network.pass_s
        disk = 4 * (scale.samples * (scale.classes + len(LABEL_SCORES) + RANKED) + 2 * learned)
        return Expense(seconds, disk, min(scale.samples * scale.image_bytes, IN_MEMORY_BYTES))

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``; every finished fold is kept at once.

        Raises: CurationError: too few samples, features and clusters missing.
        """
        plan = execution.plan
        check = label_errors(plan)
        folds, fold_of = folds_table(plan, check), _fold_of(plan, check)
        whole = check.train.epochs * learned_in_all(fold_of, check.folds)
        with execution.alone(folds.folder.name, whole):
            missing = folds.missing(verify=True)
            left = sum(int((fold_of != fold).sum()) for fold in missing) * check.train.epochs
            execution.tasks(
                [partial(check_fold, plan, check, fold) for fold in missing], done=whole - left, total=whole
            )
            out = suspects_table(plan, check)
            if out.missing(verify=True):
                execution.tell(whole, whole, note="neighbors and ranking")
                execution.tasks([partial(rank, plan, check)])  # counts samples, from none on
        execution.tell(whole, whole)


def label_errors(plan: Plan) -> LabelErrors:
    """Return the recipe's settings. Raises: CurationError: it has none."""
    check = plan.recipe.label_errors
    if check is None:
        raise CurationError("the recipe does not look for wrong labels; set label_errors, for example {folds: 4}")
    return check


def folds_table(plan: Plan, check: LabelErrors) -> Shards:
    """Return what each fold's training found of the labels, a shard a fold."""
    settings = check.model_dump(mode="json", include={"architecture", "train", "folds"})
    about = [settings, plan.recipe.seed, plan.samples.digest, *check.train.versions]
    return plan.workspace.label_errors(fingerprint(["folds", *about]), check.folds)


def suspects_table(plan: Plan, check: LabelErrors) -> Shards:
    """Return the table of suspicious labels, one row a sample; those that could not be checked are its last rows.

    Raises: CurationError when folds, features or clusters are missing.
    """
    about = [folds_table(plan, check).digest(), plan.map_table("pca").digest(), plan.features().digest()]
    versions = [[score.name, score.version] for score in LABEL_SCORES] + [["checked", 1]]
    return plan.workspace.label_errors(fingerprint(["suspects", check.neighbors, versions, *about]), 1)


def check_fold(plan: Plan, check: LabelErrors, fold: int, tell: Tell) -> int:
    """Train on all folds but one, ask about that one and keep it; an ``engine.Task`` that counts images trained on."""
    samples, started = plan.samples, time.monotonic()
    fold_of, folds = _fold_of(plan, check), folds_table(plan, check)
    found = fit_fold(
        samples.array(),
        samples.labels,
        fold_of,
        fold,
        network=lambda seed: build(check.architecture, classes=len(samples.classes), shape=samples.shape, seed=seed),
        settings=check.train,
        seed=plan.recipe.seed,
        device=plan.device,
        on_step=lambda done, total: tell(done, total, f"fold {fold + 1} of {check.folds}"),
    )
    folds.write(fold, _table(found, len(samples)))
    plan.workspace.add_seconds(folds, time.monotonic() - started)
    return int((fold_of != fold).sum()) * check.train.epochs


def rank(plan: Plan, check: LabelErrors, tell: Tell) -> int:
    """Rank the suspects by what the folds found, and keep them; an ``engine.Task`` that counts samples."""
    folds = folds_table(plan, check)
    found = joined([_fold(folds, at) for at in range(check.folds)], _fold_of(plan, check))
    words = {False: "preparing the search for neighbors", True: "neighbors and ranking"}
    table = _suspects(plan, check, found, lambda done, total: tell(done, total, words[done > 0]))
    suspects_table(plan, check).write(0, table)
    return len(plan.samples)


def held_out_probabilities(plan: Plan, check: LabelErrors) -> np.ndarray:
    """Return what the network that did not learn a sample says of it, float32 N×K; a row of 0: there is none.

    Raises: CurationError.
    """
    folds = folds_table(plan, check)
    found = np.zeros((len(plan.samples), len(plan.samples.classes)), dtype=np.float32)
    for fold in (_fold(folds, index) for index in range(folds.count)):
        found[fold["held_out"]] = softmax(fold["logits"])
    return found


def _fold_of(plan: Plan, check: LabelErrors) -> np.ndarray:
    samples = plan.samples
    return folds_of(samples.labels, folds=check.folds, seed=plan.recipe.seed, sample_ids=samples.sample_ids)


def _ranked_from(plan: Plan) -> bool:
    """Whether features and clusters are there."""
    return plan.features().complete() and plan.map_table("pca").complete()


def _suspects(
    plan: Plan, check: LabelErrors, found: CrossFit, on_progress: Callable[[int, int], object]
) -> pd.DataFrame:
    samples = plan.samples
    rows = np.flatnonzero(found.folds >= 0)
    features = plan.features().whole_array()[rows]
    near = nearest_neighbors(
        features,
        count=min(check.neighbors, len(features) - 1),
        metric="cosine",
        device=plan.device,
        on_progress=on_progress,
    )
    table = suspects(
        Evidence(
            labels=samples.labels[rows],
            probabilities=found.probabilities[rows],
            neighbors=near.index,
            distances=near.distance,
            clusters=plan.map_table("pca").table(0)["cluster"].to_numpy()[rows],
            area_under_margin=found.area_under_margin[rows],
            forgetting=found.forgetting[rows],
        )
    )
    table["row"] = rows[table["row"].to_numpy()]
    table["checked"] = True
    table = _with_unchecked(table, np.flatnonzero(found.folds < 0), samples.labels)
    table.insert(1, "sample_id", samples.sample_ids[table["row"].to_numpy()])
    return table


def _with_unchecked(table: pd.DataFrame, rows: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Return the table with the samples that could not be checked at its end: nothing speaks against their labels."""
    if not len(rows):
        return table
    told = ("row", "given", "suggested", "confidence", "rank", "checked")
    least = {name: table[name].min() for name in table if name not in told}
    ranks = np.arange(len(table) + 1, len(table) + len(rows) + 1)
    given = {"row": rows, "given": labels[rows], "suggested": labels[rows], "confidence": 0.0, "rank": ranks}
    last = pd.DataFrame(given | least | {"checked": False})
    return pd.concat([table, last[table.columns].astype(table.dtypes)], ignore_index=True)


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
