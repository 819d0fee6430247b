"""Scoring every candidate under the goal model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import pandas as pd

from curation.pipeline.answers import change_sizes, score_images
from curation.pipeline.execution import Execution, Result, Work, each
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.model_ref import ModelRef
from curation.pipeline.plan import SCORE_COLUMNS, Plan
from curation.pipeline.stages.base import Stage, Status
from curation.recipe import Recipe
from curation.scores import scores_of
from curation.selection import SELECTORS
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples
from curation.storage.shards import Shards


class Score(Stage):
    """Prediction, uncertainty and size of the change of every candidate."""

    name = "score"
    title = "Score candidates"
    needs = ("ingest", "goal_model")
    makes = "candidates"
    folder: ClassVar = "scores"

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``: a selection at random looks at no score."""
        return ranks(recipe)

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``: of the sets of images that are finished."""
        ready = (images for images in plan.image_sets() if images.pixels.complete())
        return [Result(plan.scores(images), plan.score_sizes(images)) for images in ready]

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """See ``Stage.status``: out of all candidates, made or not."""
        found = super().status(plan, verify=verify)
        total = sum(len(images.sample_rows) for images in plan.image_sets())
        return self._status("partial" if found.done and found.done < total else found.state, found.done, total)

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``."""
        images = sum(scale.candidates(recipe).values())
        seconds = images * scale.networks[recipe.goal_model.architecture].pass_s * recipe.goal_model.members
        return Expense(seconds, images * 8 * (len(SCORE_COLUMNS) + len(scores_of(passes=False))))

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``."""
        plan = execution.plan
        work = []
        for images in plan.image_sets():
            out = plan.scores(images)
            task = partial(score_shard, plan.samples, images.frozen(), out, plan.model, plan.dropout)
            work.append(Work(Result(out, plan.score_sizes(images)), partial(each, task)))
        execution.shards(work)


def ranks(recipe: Recipe) -> bool:
    """Whether the recipe's selection looks at scores."""
    selection = recipe.selection
    covers = SELECTORS[selection.strategy].by_coverage or recipe.weights.asked
    return covers or selection.strategy != "random" or selection.within == "boundary"


def score_shard(
    samples: Samples, images: ImageSet, out: Shards, model: ModelRef, dropout: Mapping[str, Any] | None, index: int
) -> int:
    """Score the images of one shard of samples under the goal model, and say how much they differ from them."""
    rows = images.of_samples(samples, index)
    pixels = images.gather(rows)
    scores = score_images(model.load(), pixels, samples.labels_with(images.relabel)[rows], model.device, dropout)
    out.write(index, pd.concat([scores, change_sizes(samples.images(rows), pixels)], axis=1))
    return len(rows)
