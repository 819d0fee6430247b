"""The curated set of a plan: what its selection chose, with all that an exporter writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curation.errors import CurationError, warn_of_balance, warn_of_unchanged
from curation.exporters.base import CuratedSet
from curation.models.prediction import predict
from curation.pipeline.carried import carried, carried_recipe, stability_of
from curation.pipeline.plan import Plan
from curation.pipeline.pool import pool_images
from curation.pipeline.stages.coverage import Cover, coverage_of
from curation.pipeline.trust import doubts_of
from curation.recipe import space_in_words
from curation.selection.pool import CODE_BITS
from curation.selection.select import Selected


def curated(plan: Plan, pool: pd.DataFrame, selected: Selected) -> CuratedSet:
    """Return the curated set, ready for an exporter. Raises: CurationError when a family is short."""
    selected.require()
    recipe, samples = plan.recipe, plan.samples
    chosen = pool.iloc[selected.pool_rows]
    scores = [score.name for score in recipe.goal_model.scores]
    manifest = chosen[["sample_id", "family", "kind", "severity", *scores, "prediction"]].copy()
    manifest["label"] = selected.labels
    manifest["source_name"] = samples.table["name"].to_numpy()[samples.rows(chosen["sample_id"].to_numpy())]
    coverage = coverage_of(plan) if Cover().asked(recipe) else None
    manifest["weight"] = weights_of(plan, selected)
    if recipe.weights.radius is not None:
        manifest["cluster"] = _around(plan, selected)["cluster"].to_numpy(np.int32)
    for name, column in recipe.annotations.in_manifest(chosen).items():
        manifest[name] = column
    told = unchanged(chosen)
    for sentence in told:
        warn_of_unchanged(sentence)
    lacking = selected.unbalanced(samples.classes)
    for sentence in lacking:
        warn_of_balance(sentence)
    about = plan.workspace.model(plan.model_key).about_at(plan.epoch) or {}
    stable = stability_of(plan)
    return CuratedSet(
        manifest=manifest.reset_index(drop=True),
        images=lambda start, stop: pool_images(plan, pool, selected.pool_rows[start:stop]),
        soft_labels=_soft_labels(plan, pool, selected),
        classes=samples.classes,
        shape=samples.shape,
        recipe_yaml=carried_recipe(recipe).to_yaml(),
        **carried(plan),
        about={
            "name": recipe.name,
            "note": recipe.note,
            "source": recipe.source.reader.name,
            "samples": len(samples),
            "skipped": int((~samples.positions["read"]).sum()),
            "candidates": len(pool),
            "goal_model": {
                **{key: about.get(key) for key in ("architecture", "train_accuracy", "test_accuracy", "digest")},
                "start_from": recipe.goal_model.start_from and Path(recipe.goal_model.start_from.weights).name,
                "doubts": [doubt.sentence for doubt in doubts_of(plan)],
            },
            "labels": recipe.labels.in_words,
            "families": selected.summary(),
            "warnings": [*told, *lacking],
            "coverage": coverage,
            "space": _space_measured(plan),
            "stability": stable.sentence if stable else None,
            **_about_decisions(plan, selected),
            "self_corrected": recipe.selection.strategy == "self_correction",
        },
    )


def _space_measured(plan: Plan) -> str | None:
    """Return in what space of its own the recipe measured coverage or weights; None: it did not."""
    if plan.space_key is None or not (plan.recipe.covers_in_space and Cover().asked(plan.recipe)):
        return None
    return f"{space_in_words(plan.recipe.space)} ({plan.space_key[-1]})"


def weights_of(plan: Plan, selected: Selected) -> np.ndarray:
    """Return how much each chosen image counts, float32 N: as the recipe weighs them, else as the source does.

    Raises: CurationError: they are not computed.
    """
    if plan.recipe.weights.by != "none":
        return _around(plan, selected)["weight"].to_numpy(np.float32)
    own, samples = plan.samples.weights, plan.samples
    if own is None:
        return np.ones(len(selected.candidate_ids), np.float32)
    return own[samples.rows(selected.candidate_ids >> CODE_BITS)]


def _around(plan: Plan, selected: Selected) -> pd.DataFrame:
    """Return the table of weights and clusters of the chosen images. Raises: CurationError: it is not computed."""
    order = Cover().order(plan)
    if not order.complete():
        raise CurationError("its weights are not computed")
    return order.table(0).set_index("candidate_id").loc[selected.candidate_ids]


def unchanged(chosen: pd.DataFrame) -> list[str]:
    """Return a sentence for each family of copies some of which equal their originals; chosen: rows of the pool."""
    said = []
    for family, word in (("corruption", "corrupted"), ("adversarial", "adversarial")):
        copies = chosen[chosen["family"] == family]
        same = int((copies["linf"] == 0).sum())
        if same:
            said.append(
                f"{same:,} of {len(copies):,} {word} images equal their clean originals, pixel for pixel: what was "
                "asked for changes nothing in them at 8 bits"
            )
    return said


def _soft_labels(plan: Plan, pool: pd.DataFrame, selected: Selected) -> np.ndarray | None:
    mode, k = plan.recipe.labels.mode, len(plan.samples.classes)
    if mode == "hard":
        return None
    if mode == "source":
        return _own_soft_labels(plan, pool, selected)
    if mode == "smoothed":
        share = plan.recipe.labels.smoothing
        return np.eye(k, dtype=np.float32)[selected.labels] * np.float32(1 - share) + np.float32(share / k)
    # Of the clean original: what it says of a copy that was attacked against it is wrong on purpose.
    rows, owners = np.unique(plan.samples.rows(pool["sample_id"].to_numpy()[selected.pool_rows]), return_inverse=True)
    network, temperature = plan.model.load(), plan.recipe.labels.temperature
    parts = [
        predict(network, plan.samples.images(rows[at : at + 1024]), device=plan.device)
        .div(temperature)
        .softmax(1)
        .numpy()
        for at in range(0, len(rows), 1024)
    ]
    said = np.concatenate(parts)
    # Where a person decided and the goal model says otherwise, the person's word is all that is known.
    overruled = np.isin(rows, _decided(plan)) & (said.argmax(1) != plan.labels[rows])
    said[overruled] = np.eye(k, dtype=said.dtype)[plan.labels[rows[overruled]]]
    return said[owners]


def _own_soft_labels(plan: Plan, pool: pd.DataFrame, selected: Selected) -> np.ndarray:
    """Return the source's soft labels; one-hot where the recipe relabels. Raises: CurationError: it has none."""
    samples = plan.samples
    if samples.soft_labels is None:
        raise CurationError(
            "labels.mode is source, but the source has no soft labels; use hard, smoothed or goal_model"
        )
    rows = samples.rows(pool["sample_id"].to_numpy()[selected.pool_rows])
    soft = samples.soft_labels[rows]
    relabeled = selected.labels != samples.labels[rows]
    soft[relabeled] = np.eye(len(samples.classes), dtype=np.float32)[selected.labels[relabeled]]
    return soft


def _about_decisions(plan: Plan, selected: Selected) -> dict[str, Any]:
    """Return what a person decided about samples, and which of them repeat others, for the datasheet."""
    edits, found = plan.recipe.selection.edits, plan.repeated
    repeats = plan.repeats.table(0)
    several = repeats[repeats["row"].isin(found.contradictory)]
    rows = plan.samples.rows(selected.candidate_ids >> CODE_BITS)
    chosen = np.isin(rows, several[["row", "other"]].to_numpy())
    return {
        "decided": {
            "relabeled": len(edits.relabel),
            "dropped": len(edits.dropped),
            "confirmed": len(edits.confirmed),
        },
        "repeated": {
            "images": len(found.images),
            "contradictory": len(found.contradictory),
            "chosen": int(chosen.sum()),
            "count": plan.recipe.selection.duplicates,
        },
    }


def _decided(plan: Plan) -> np.ndarray:
    """Return the rows of the samples whose label a person gave or confirmed, int64."""
    edits = plan.recipe.selection.edits
    return plan.samples.known([*edits.relabel, *edits.confirmed])[0]
