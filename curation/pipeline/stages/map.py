"""Drawing the samples as a map in the plane, and where copies land on it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from curation.embedding import project
from curation.embedding.clusters import dense_clusters
from curation.embedding.projection import project_onto
from curation.engine import Tell
from curation.errors import UsageError, unknown_name
from curation.pipeline.execution import Execution, Result
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage, Status
from curation.pipeline.stages.embed import placing
from curation.plugin import fingerprint
from curation.recipe import Recipe
from curation.storage.image_set import ImageSet
from curation.storage.shards import Shards

PLACE_BYTES = 8
"""x and y, float32."""


class DrawMap(Stage):
    """UMAP of the samples' features."""

    name = "map"
    title = "Map"
    needs = ("embed",)

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``."""
        return [Result(plan.map_table("umap"), np.array([len(plan.samples)]))]

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """See ``Stage.status``: partly done where copies that are asked for have not landed."""
        found = super().status(plan, verify=verify)
        if found.state == "done" and not all(
            images.ready() and has_landed(plan, images) for images in mapped_copies(plan)
        ):
            return self._status("partial", 0, found.total)
        return found

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: UMAP's own time apart."""
        pass_s, width = scale.embedding(recipe)
        copies = len(recipe.map.copies) * scale.varied(recipe)
        disk = scale.samples * PLACE_BYTES + copies * (PLACE_BYTES + 4 * width)
        return Expense(copies * pass_s, disk, 2 * 4 * scale.samples * width)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``. Raises: UsageError naming one of ``map.copies`` that the recipe does not make."""
        plan, total = execution.plan, len(execution.plan.samples)
        table = plan.map_table("umap")
        with execution.alone(table.folder.name, total):
            if table.missing(verify=True):
                execution.tell(0, total, note="UMAP; the first minute goes to compiling it")
                with execution.timed(table):
                    execution.tasks([partial(draw, plan)], total=total)
        require_copies(plan)
        missing = [images.frozen() for images in mapped_copies(plan) if not has_landed(plan, images)]
        execution.shards([placing(plan, images) for images in missing])
        for images in missing:
            execution.tell(0, len(images.sample_rows), note=f"where {images.kind} copies land")
            with execution.timed(copies_table(plan, images)):
                execution.tasks([partial(land, plan, images)], total=len(images.sample_rows))
        execution.tell(total, total)


def draw(plan: Plan, tell: Tell) -> int:
    """Compute and keep the UMAP map of all samples; an ``engine.Task`` that counts samples."""
    drawn = plan.recipe.map
    xy = project(
        plan.features().whole_array(),
        method="umap",
        seed=plan.recipe.seed,
        neighbors=drawn.neighbors,
        min_dist=drawn.min_dist,
        device=plan.device,
        on_progress=lambda done, total: tell(done, total, "placing the others onto the landmarks"),
    )
    groups = plan.map_table("pca").table(0)["cluster"].to_numpy()
    if drawn.cluster_by == "hdbscan":
        groups = dense_clusters(xy, smallest=drawn.min_cluster_size)
    plan.map_table("umap").write(0, pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "cluster": groups}))
    return len(xy)


def land(plan: Plan, images: ImageSet, tell: Tell) -> int:
    """Find and keep where a set of copies lands on the UMAP map; an ``engine.Task`` that counts copies."""
    drawn = plan.recipe.map
    xy = project_onto(
        plan.embedded(images).whole_array(),
        reference=plan.features().whole_array(),
        plane=plan.map_table("umap").table(0)[["x", "y"]].to_numpy(np.float32),
        method="umap",
        seed=plan.recipe.seed,
        neighbors=drawn.neighbors,
        min_dist=drawn.min_dist,
        device=plan.device,
    )
    copies_table(plan, images).write(0, pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1]}))
    return len(xy)


def mapped_copies(plan: Plan) -> list[ImageSet]:
    """Return the sets of variants drawn on the map: those of ``map.copies`` that the recipe makes."""
    made = _named(plan)
    return [made[name] for name in dict.fromkeys(plan.recipe.map.copies) if name in made]


def require_copies(plan: Plan) -> None:
    """Raises: UsageError naming one of ``map.copies`` that the recipe does not make."""
    made = _named(plan)
    for name in plan.recipe.map.copies:
        if name not in made:
            raise UsageError(f"map.copies: {unknown_name('variant', name, made)}; make it a variant of the recipe")


def has_landed(plan: Plan, images: ImageSet) -> bool:
    """Whether it is known where a finished set of variants lands on the UMAP map."""
    return plan.embedded(images).complete() and copies_table(plan, images).complete()


def copies_table(plan: Plan, images: ImageSet) -> Shards:
    """Return the table of x and y where a set of variants lands on the UMAP map, one row an image of the set."""
    points = plan.embedded(images).digest()
    return plan.workspace.map(fingerprint(["copies", plan.map_table("umap").digest(), points]))


def _named(plan: Plan) -> dict[str, ImageSet]:
    return {images.name: images for images in [*plan.corrupted(), *plan.attacked()]}
