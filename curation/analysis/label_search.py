"""What a search for wrong labels takes before it starts: trainings, images, time, and what it cannot check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.evaluation.comparison import rates
from curation.pipeline import Pipeline
from curation.pipeline.stages.labels import folds_table
from curation.recipe import LabelErrors


@dataclass(frozen=True)
class LabelSearch:
    """What a label check takes.

    images: seen by all its trainings; seconds: of training, about, None: this network was never timed here; done: folds
    that are kept; alone: classes of one sample each, whose labels cannot be checked; too_few: so many samples, of
    classes that have others, are fewer than the folds, None: they are enough.
    """

    folds: int
    images: int
    seconds: float | None
    done: int
    alone: list[str]
    too_few: int | None


def label_search(pipeline: Pipeline, check: LabelErrors) -> LabelSearch:
    """Return what a label check of a pipeline's samples takes. Raises: CurationError: they are not read yet."""
    samples = pipeline.samples
    counts = np.bincount(samples.labels, minlength=len(samples.classes))
    alone, several = np.flatnonzero(counts == 1), int(counts[counts > 1].sum())
    few = several < check.folds
    images = check.train.epochs * (check.folds * len(samples) - several)
    rate = _rate(pipeline, check)
    return LabelSearch(
        folds=check.folds,
        images=images,
        seconds=None if rate is None else images / rate,
        done=0 if few else check.folds - len(folds_table(pipeline.plan, check).missing()),
        alone=[samples.classes[label] for label in alone],
        too_few=several if few else None,
    )


def _rate(pipeline: Pipeline, check: LabelErrors) -> float | None:
    """Return the images a second at which the network was trained here: as the goal model, or as a target."""
    goal = pipeline.recipe.goal_model
    history = pipeline.workspace.model(pipeline.plan.model_key).history()
    seconds = [row["seconds"] for row in history if row.get("seconds")]
    if goal.architecture == check.architecture and goal.train.how() == check.train.how() and seconds:
        return len(pipeline.samples) / float(np.mean(seconds))
    return rates(pipeline.workspace).get(check.architecture)
