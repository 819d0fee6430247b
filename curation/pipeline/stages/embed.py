"""Computing the embedding of images by the goal model, and the samples' clusters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from curation.embedding import clusters, project
from curation.embedding.clusters import dense_clusters
from curation.embedding.spaces import SpaceName, space
from curation.engine import Tell
from curation.pipeline.answers import features_and_logits
from curation.pipeline.execution import Execution, Result, Work, each
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.model_ref import ModelRef
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage
from curation.recipe import Recipe
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples
from curation.storage.shards import Shards


class Embed(Stage):
    """The clean samples' features, their clusters and their first two principal components."""

    name = "embed"
    title = "Features and clusters"
    needs = ("ingest", "goal_model")
    folder: ClassVar = "features"

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``: the table of clusters, once there are features, counts no images of its own."""
        features = plan.features()
        found = [Result(features, plan.clean.sizes)]
        return [*found, Result(plan.map_table("pca"), np.zeros(1, dtype=np.int64))] if features.complete() else found

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: the features are in memory while clusters are found."""
        network = scale.networks[recipe.goal_model.form]
        size = scale.samples * network.features * 4
        return Expense(scale.samples * network.pass_s, size, 2 * size)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``."""
        plan = execution.plan
        execution.shards([embedding(plan, plan.clean, "features", plan.epoch)])
        table = plan.map_table("pca")
        if table.missing(verify=True):
            with execution.timed(table):
                execution.tasks([partial(group, plan)], total=len(plan.samples))


def group(plan: Plan, tell: Tell) -> int:
    """Find the samples' clusters and first two principal components; an ``engine.Task`` that counts samples."""
    features, drawn = plan.features().whole_array(), plan.recipe.map
    xy = project(features, method="pca", seed=plan.recipe.seed)
    if drawn.cluster_by == "hdbscan":
        groups = dense_clusters(xy, smallest=drawn.min_cluster_size)
    else:
        groups = clusters(features, count=drawn.clusters, seed=plan.recipe.seed)
    plan.map_table("pca").write(0, pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "cluster": groups}))
    return len(features)


def embedding(plan: Plan, images: ImageSet, of: SpaceName, epoch: int | None) -> Work:
    """Return the work that finds where a finished image set lies in a space of the goal model after an epoch."""
    out = plan.points(images, of=of, epoch=epoch)
    relabel = plan.recipe.selection.edits.relabel
    task = partial(embed_shard, plan.samples, relabel, images, out, plan.model_at(epoch), of)
    return Work(Result(out, images.sizes), partial(each, task))


def embed_shard(
    samples: Samples,
    relabel: Mapping[int, int],
    images: ImageSet,
    out: Shards,
    model: ModelRef,
    of: SpaceName,
    index: int,
) -> int:
    """Keep where one shard of an image set lies in a space of the goal model, float32."""
    rows = images.rows_of(index)
    pixels = images.gather(rows)
    seen, logits = features_and_logits(pixels, model)
    out.write(index, space(seen, logits, samples.labels_with(relabel)[rows], of=of))
    return len(pixels)
