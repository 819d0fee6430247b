"""Computing the embedding of images by the goal model, and the samples' clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from curation.embedding import clusters, project
from curation.embedding.clusters import dense_clusters
from curation.embedding.spaces import SpaceName, space
from curation.engine import Tell
from curation.errors import CurationError
from curation.pipeline.answers import features, features_and_logits
from curation.pipeline.execution import Execution, Result, Work
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.model_ref import ModelRef
from curation.pipeline.pixels import shards_in_block
from curation.pipeline.plan import Plan
from curation.pipeline.space import Backbone, backbone
from curation.pipeline.stages.base import Stage
from curation.readers.vectors import read_vectors
from curation.recipe import Recipe, Space
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples
from curation.storage.shards import Shards
from curation.threads import aside

NO_VECTOR = (
    "a file of vectors (space.vectors) has one for each image of the source, and none for {}; name space.backbone "
    "instead, or leave space out"
)


class Embed(Stage):
    """Where the clean samples lie in the recipe's space, their clusters and their first two principal components."""

    name = "embed"
    title = "Features and clusters"
    needs = ("ingest", "goal_model", "surrogates")
    folder: ClassVar = "features"

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``: the table of clusters, once there are features, counts no images of its own."""
        placed = plan.features()
        found = [Result(placed, plan.clean.sizes)]
        return [*found, Result(plan.map_table("pca"), np.zeros(1, dtype=np.int64))] if placed.complete() else found

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: the features are in memory while clusters are found."""
        pass_s, width = scale.embedding(recipe)
        size = scale.samples * width * 4
        return Expense(scale.samples * pass_s, size, 2 * size)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``."""
        plan = execution.plan
        execution.shards([placing(plan, plan.clean)])
        table = plan.map_table("pca")
        if table.missing(verify=True):
            with execution.timed(table):
                execution.tasks([partial(group, plan)], total=len(plan.samples))


def group(plan: Plan, tell: Tell) -> int:
    """Find the samples' clusters and first two principal components; an ``engine.Task`` that counts samples."""
    points, drawn = plan.features().whole_array(), plan.recipe.map
    tell(0, len(points), "two main directions, then clusters, all at once")
    xy = project(points, method="pca", seed=plan.recipe.seed)
    if drawn.cluster_by == "hdbscan":
        groups = dense_clusters(xy, smallest=drawn.min_cluster_size)
    else:
        groups = clusters(
            points,
            count=drawn.clusters,
            seed=plan.recipe.seed,
            on_progress=lambda done, rounds: tell(0, len(points), f"clusters, round {done} of at most {rounds}"),
        )
    plan.map_table("pca").write(0, pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "cluster": groups}))
    return len(points)


def placing(plan: Plan, images: ImageSet) -> Work:
    """Return the work that finds where a finished image set lies in the recipe's space.

    Raises: CurationError: the space is a file of vectors, and the images are copies.
    """
    out, space, network = plan.embedded(images), plan.recipe.space, backbone_of(plan)
    if space is None:
        return embedding(plan, images, "features", plan.epoch)
    if network is not None:
        return Work(Result(out, images.sizes), partial(place_shards, images, out, network), _together(plan, images))
    if images.family != "clean":
        raise CurationError(NO_VECTOR.format(images.name))
    return Work(Result(out, images.sizes), partial(take_vectors, plan.samples, space, out), together=out.count)


def _together(plan: Plan, images: ImageSet) -> int:
    return shards_in_block(plan.device, plan.samples.shape, int(images.sizes.max(initial=1)))


def place_shards(images: ImageSet, out: Shards, network: Backbone, indices: Sequence[int]) -> int:
    """Keep a backbone's features of some shards of an image set, float32."""
    rows = images.rows_of(*indices)
    with aside(network.device) as later:
        for index, part in images.split(features(images.gather(rows), network), indices):
            later(out.write, index, part)
    return len(rows)


def take_vectors(samples: Samples, space: Space, out: Shards, indices: Sequence[int]) -> int:
    """Keep the samples' vectors, float32, of some shards from the file that has them."""
    rows = [np.arange(*samples.starts[index : index + 2]) for index in indices]
    wanted = samples.sample_ids[np.concatenate(rows)]
    found = read_vectors(str(space.vectors), space.column, positions=wanted, count=samples.header.positions)
    parts = np.split(found, np.cumsum([len(mine) for mine in rows])[:-1])
    for index, part in zip(indices, parts, strict=True):
        out.write(index, part)
    return len(found)


def embed(plan: Plan, pictures: np.ndarray) -> np.ndarray:
    """Return where any pictures, uint8 N×H×W×C, lie in the recipe's space, float32 N×D.

    Raises: CurationError: the space is a file of vectors, which has none of other pictures.
    """
    network = backbone_of(plan)
    if plan.recipe.space is not None and network is None:
        raise CurationError(NO_VECTOR.format("other pictures"))
    return features(pictures, network or plan.model)


def backbone_of(plan: Plan) -> Backbone | None:
    """Return the network of the recipe's space, None where it has none of its own. Raises: UsageError: no weights."""
    space = plan.recipe.space
    return None if space is None or space.form is None else backbone(space, plan.samples, plan.device)


def embedding(plan: Plan, images: ImageSet, of: SpaceName, epoch: int | None) -> Work:
    """Return the work that finds where a finished image set lies in a space of the goal model after an epoch."""
    out = plan.points(images, of=of, epoch=epoch)
    relabel = plan.recipe.selection.edits.relabel
    task = partial(embed_shards, plan.samples, relabel, images, out, plan.model_at(epoch), of)
    return Work(Result(out, images.sizes), task, _together(plan, images))


def embed_shards(
    samples: Samples,
    relabel: Mapping[int, int],
    images: ImageSet,
    out: Shards,
    model: ModelRef,
    of: SpaceName,
    indices: Sequence[int],
) -> int:
    """Keep where some shards of an image set lie in a space of the goal model, float32."""
    rows = images.rows_of(*indices)
    seen, logits = features_and_logits(images.gather(rows), model)
    with aside(model.device) as later:
        for index, part in images.split(space(seen, logits, samples.labels_with(relabel)[rows], of=of), indices):
            later(out.write, index, part)
    return len(rows)
