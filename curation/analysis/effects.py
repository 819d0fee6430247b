"""What variants do to the goal model: how many they make wrong, in which classes, and which samples first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from curation.analysis.variants import largest, outdated, parameters, title
from curation.pipeline.plan import Plan
from curation.storage.image_set import ImageSet

Order = Literal["entropy", "fooled", "kept", "random"]
"""Of the images of one variant: the most uncertain first; those that it makes wrong; those still right; at random."""


def summary(plan: Plan, sets: Sequence[ImageSet]) -> pd.DataFrame:
    """Return one row a finished set: what it is, how many images, and what it does to the goal model.

    Copies that were made for a former label (see ``outdated``) are left out, and a set without others.

    Columns: family, kind, severity, parameters, images, accuracy, entropy (mean, nats), true_probability (mean, without
    samples whose label was changed since they were scored), success (share misclassified of those right when clean),
    seen_as (the class that wrong ones are mostly taken for), linf and l2 (means), megabytes (on disk).
    """
    samples = plan.samples
    clean_right = plan.scores(plan.clean).whole_table()["prediction"].to_numpy() == plan.labels
    rows = []
    for images in sets:
        now = ~outdated(plan, images)
        if not now.any():
            continue
        part, of = plan.scores(images).whole_table()[now], images.sample_rows[now]
        as_scored = samples.labels_with(images.relabel)[of] == plan.labels[of]
        right = part["prediction"].to_numpy() == plan.labels[of]
        before = clean_right[of]
        mistaken = np.bincount(part["prediction"].to_numpy()[~right], minlength=len(samples.classes))
        rows.append(
            {
                "family": images.family,
                "kind": images.kind,
                "severity": images.severity,
                "parameters": parameters(images.plugin),
                "images": len(of),
                "accuracy": right.mean(),
                "entropy": part["entropy"].mean(),
                "true_probability": part["true_probability"][as_scored].mean(),
                "success": 1 - right[before].mean() if before.any() else float("nan"),
                "seen_as": samples.classes[int(mistaken.argmax())] if mistaken.any() else "",
                "linf": part["linf"].mean(),
                "l2": part["l2"].mean(),
                "megabytes": images.kept() * np.prod(samples.shape) / 1e6,
            }
        )
    return pd.DataFrame(rows)


def success_by_class(plan: Plan, images: ImageSet) -> np.ndarray:
    """Return, for each class, the share misclassified of its samples right when clean, float64 K; NaN if none.

    Copies that were made for a former label are left out.
    """
    samples = plan.samples
    before = (plan.scores(plan.clean).whole_table()["prediction"].to_numpy() == plan.labels)[images.sample_rows]
    before &= ~outdated(plan, images)
    label = plan.labels[images.sample_rows]
    wrong = plan.scores(images).whole_table()["prediction"].to_numpy() != label
    out = np.full(len(samples.classes), np.nan)
    for index in range(len(out)):
        mine = before & (label == index)
        if mine.any():
            out[index] = wrong[mine].mean()
    return out


def clean_accuracy(plan: Plan) -> float:
    """Return the goal model's accuracy on the clean samples, in [0, 1]. Raises: CurationError: not scored yet."""
    predictions = plan.scores(plan.clean).whole_table()["prediction"].to_numpy()
    return float((predictions == plan.labels).mean())


def effects(plan: Plan) -> tuple[pd.DataFrame, list[ImageSet]]:
    """Return the summary of the largest finished set of every variant, the most harmful first, and these sets.

    The columns are those of ``summary`` after variant, how people call it.
    """
    sets = [images for images in largest(plan) if not outdated(plan, images).all()]
    table = summary(plan, sets)
    if not len(table):
        return table, []
    order = np.argsort(-table["success"].fillna(0).to_numpy(), kind="stable")
    table, sets = table.iloc[order].reset_index(drop=True), [sets[index] for index in order]
    table.insert(0, "variant", [title(images) for images in sets])
    return table, sets


def of_family(table: pd.DataFrame, sets: Sequence[ImageSet], family: str | None) -> tuple[pd.DataFrame, list[ImageSet]]:
    """Return the rows of ``effects`` of one family and their sets; None: all."""
    if family is None:
        return table, list(sets)
    rows = np.flatnonzero((table["family"] == family).to_numpy()).tolist()
    return table.iloc[rows].reset_index(drop=True), [sets[index] for index in rows]


def ordered(plan: Plan, images: ImageSet, order: Order) -> np.ndarray:
    """Return the images of a finished set in an order, as their positions in it, int64; the same in every call.

    Copies that were made for a former label are left out.
    """
    table = plan.scores(images).whole_table()
    labels, entropy = plan.labels, table["entropy"].to_numpy()
    wrong = table["prediction"].to_numpy() != labels[images.sample_rows]
    eligible = ~outdated(plan, images)
    if order == "fooled":
        clean = plan.scores(plan.clean).whole_table()["prediction"].to_numpy()
        eligible &= wrong & (clean == labels)[images.sample_rows]
    elif order == "kept":
        eligible &= ~wrong
    at = np.flatnonzero(eligible)
    if order == "random":
        return np.random.default_rng(0).permutation(at)
    found: np.ndarray = at[np.argsort(-entropy[at], kind="stable")]
    return found
