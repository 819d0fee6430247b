"""How far every stage of a recipe is, from what lies on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from curation.pipeline.plan import TITLES, Plan
from curation.storage.shards import Shards

State = Literal["done", "partial", "missing", "stale", "waiting", "off"]


@dataclass(frozen=True)
class Status:
    """How far one stage is for a recipe.

    ``stale``: results exist, but for other settings; ``waiting``: an earlier stage must be done first; ``off``: the
    recipe does not ask for it. ``done`` and ``total`` count images (epochs for the goal model).
    """

    stage: str
    state: State
    done: int = 0
    total: int = 0
    unit: str = "images"


def status(plan: Plan, *, verify: bool = False) -> list[Status]:
    """Return how far every stage is, from what lies on disk."""
    found: list[Status] = []
    blocked = False
    for stage in TITLES:
        one = _waiting(plan, stage) if blocked else _STATUS[stage](plan, verify)
        found.append(one)
        blocked = blocked or (stage in ("ingest", "goal_model") and one.state != "done")
    return found


def _waiting(plan: Plan, stage: str) -> Status:
    return Status(stage, "waiting" if plan.asks_for(stage) else "off")


def ingest_status(plan: Plan, verify: bool) -> Status:
    """Return how far the samples are read."""
    key = plan.samples_key
    header = plan.workspace.sample_header(key) if key else None
    if key is None or header is None:
        return Status("ingest", "stale" if plan.workspace.kept("images") else "missing")
    shards = plan.workspace.pixels(key, header.shards)
    missing = set(shards.missing(verify=verify))
    missing |= set(plan.workspace.sample_tables(key, header.shards).missing(verify=verify))
    total = len(header.chosen)
    done = total - int(header.positions_per_shard[sorted(missing)].sum())
    return Status("ingest", _state(done, total, bool(missing), False), done, total)


def _goal_model_status(plan: Plan, verify: bool) -> Status:
    epochs = 1 if plan.recipe.goal_model.checkpoint else plan.recipe.goal_model.train.epochs
    kept = plan.workspace.model(plan.model_key)
    if kept.ready(plan.epoch, verify=verify):
        return Status("goal_model", "done", epochs, epochs, "epochs")
    if kept.started:
        return Status("goal_model", "partial", len(kept.history()), epochs, "epochs")
    return Status("goal_model", "stale" if plan.workspace.models() else "missing", 0, epochs, "epochs")


def _shards_status(plan: Plan, stage: str, work: list[tuple[Shards, np.ndarray]], verify: bool, kept: str) -> Status:
    """Args: work: each result's shards and the images in each; kept: where results of other settings would lie."""
    missing = [(sizes, shards.missing(verify=verify)) for shards, sizes in work]
    total = sum(int(sizes.sum()) for sizes, _ in missing)
    done = total - sum(int(sizes[indices].sum()) for sizes, indices in missing)
    stale = kept != "images" and bool(plan.workspace.kept(kept))
    return Status(stage, _state(done, total, any(indices for _, indices in missing), stale), done, total)


def _corruption_status(plan: Plan, verify: bool) -> Status:
    if not plan.asks_for("corruption"):
        return Status("corruption", "off")
    return _shards_status(plan, "corruption", [(s.pixels, s.sizes) for s in plan.corrupted()], verify, "images")


def _adversarial_status(plan: Plan, verify: bool) -> Status:
    if not plan.asks_for("adversarial"):
        return Status("adversarial", "off")
    return _shards_status(plan, "adversarial", [(s.pixels, s.sizes) for s in plan.attacked()], verify, "images")


def _score_status(plan: Plan, verify: bool) -> Status:
    sets = plan.image_sets()
    ready = [(plan.scores(images), plan.score_sizes(images)) for images in sets if images.pixels.complete()]
    status = _shards_status(plan, "score", ready, verify, "scores")
    total = sum(len(images.rows) for images in sets)
    return Status("score", "partial" if status.done and status.done < total else status.state, status.done, total)


def _self_correction_status(plan: Plan, verify: bool) -> Status:
    rounds = plan.recipe.self_correction.rounds
    if not plan.asks_for("self_correction"):
        return Status("self_correction", "off")
    if not plan.scored():
        return Status("self_correction", "waiting")
    order = plan.corrected()
    if not order.missing(verify=verify):
        return Status("self_correction", "done", rounds, rounds, "rounds")
    done = len((plan.workspace.rounds(order) or {}).get("history", []))
    return Status("self_correction", "partial" if done else "missing", max(0, done - 1), rounds, "rounds")


def _coverage_status(plan: Plan, verify: bool) -> Status:
    budget = plan.recipe.selection.budget
    if not plan.asks_for("coverage"):
        return Status("coverage", "off")
    if not plan.scored():
        return Status("coverage", "waiting")
    missing = bool(plan.covered().missing(verify=verify))
    return Status("coverage", "missing" if missing else "done", 0 if missing else budget, budget)


def _embed_status(plan: Plan, verify: bool) -> Status:
    status = _shards_status(plan, "embed", [(plan.features(), plan.clean.sizes)], verify, "features")
    if status.state == "done" and plan.map_table("pca").missing(verify=verify):
        return Status("embed", "partial", status.done, status.total)
    return status


def _map_status(plan: Plan, verify: bool) -> Status:
    features = plan.features()
    if not features.complete():
        return Status("map", "waiting")
    ready = not plan.map_table("umap").missing(verify=verify)
    if ready and plan.recipe.map.copies:
        made = all(images.pixels.complete() for images in plan.copied())
        if not (made and all(plan.placed(images) for images in plan.copied())):
            return Status("map", "partial", 0, len(plan.samples))
    n = len(plan.samples)
    return Status("map", "done" if ready else "missing", n if ready else 0, n)


def _labels_status(plan: Plan, verify: bool) -> Status:
    check = plan.recipe.label_check
    if check is None:
        return Status("labels", "off")
    folds = plan.folds(check)
    missing = len(folds.missing(verify=verify))
    if missing:
        return Status("labels", _state(check.folds - missing, check.folds, True, False), check.folds - missing,
                      check.folds, "folds")  # fmt: skip
    if not (plan.features().complete() and plan.map_table("pca").complete()):
        return Status("labels", "waiting", unit="folds")
    ready = not plan.suspects(check).missing(verify=verify)
    return Status("labels", "done" if ready else "partial", check.folds, check.folds, "folds")


def _state(done: int, total: int, missing: bool, stale: bool) -> State:
    if not missing and total:
        return "done"
    if done:
        return "partial"
    return "stale" if stale else "missing"


_STATUS = {
    "ingest": ingest_status,
    "goal_model": _goal_model_status,
    "corruption": _corruption_status,
    "adversarial": _adversarial_status,
    "score": _score_status,
    "self_correction": _self_correction_status,
    "coverage": _coverage_status,
    "embed": _embed_status,
    "map": _map_status,
    "labels": _labels_status,
}
