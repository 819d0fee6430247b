"""Making corrupted copies."""

from __future__ import annotations

from functools import partial

import numpy as np

from curation.corruptions.base import Corruption
from curation.models.prediction import to_device
from curation.pipeline.execution import Execution, Result, Work, each
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.pixels import BATCH, to_pixels, variant_seeds
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage
from curation.pipeline.stages.taken import taken
from curation.recipe import Recipe
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples

_FLOAT_BYTES = 4 * 4
"""Of each pixel while it is corrupted: a corruption works on a few float copies."""


class Corrupt(Stage):
    """Every sample under every kind and severity of the recipe."""

    name = "corruption"
    title = "Corrupted copies"
    needs = ("ingest",)
    makes = "candidates"

    def asked(self, recipe: Recipe) -> bool:
        """See ``Stage.asked``."""
        return recipe.variants.corruption is not None

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``."""
        return recipe.selection.mix.corruption > 0

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``."""
        return [Result(images.pixels, images.sizes) for images in plan.corrupted()]

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``."""
        images = scale.varied(recipe)
        kinds = [member.name for member in recipe.variants.corruption.members()] if recipe.variants.corruption else []
        return Expense(
            images * sum(scale.corrupt_s[kind] for kind in kinds),
            images * len(kinds) * scale.image_bytes,
            BATCH * scale.image_bytes * _FLOAT_BYTES,
        )

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``."""
        plan = execution.plan
        work = []
        for images in plan.corrupted():
            plan.workspace.describe_pixels(images.pixels.folder.name, plan.description(images))
            make = partial(corrupt_shard, plan.samples, images, plan.recipe.seed, plan.device)
            work.append(Work(Result(images.pixels, images.sizes), taken(plan, images) or partial(each, make)))
        execution.shards(work)


def corrupt_shard(samples: Samples, out: ImageSet, seed: int, device: str, index: int) -> int:
    """Make the corrupted copies of one shard."""
    corruption: Corruption = out.plugin
    rows = out.rows_of(index)
    images = samples.images(rows)
    seeds = variant_seeds(corruption, seed, samples.sample_ids[rows])
    parts = [
        to_pixels(corruption(to_device(images[at : at + BATCH], device), seeds=seeds[at : at + BATCH]))
        for at in range(0, len(images), BATCH)
    ]
    out.pixels.write(index, np.concatenate(parts) if parts else images)
    return len(images)
