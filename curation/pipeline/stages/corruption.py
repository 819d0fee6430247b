"""Keeping corrupted copies as files, where the recipe asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from curation.pipeline.execution import Execution, Result, Work
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.pixels import shards_in_block
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage
from curation.pipeline.stages.described import describe
from curation.pipeline.stages.taken import taken
from curation.recipe import Recipe
from curation.storage.image_set import ImageSet
from curation.threads import aside


class Corrupt(Stage):
    """Every sample under every kind and severity of the recipe, as files.

    Without it copies are made where they are scored, looked at or exported: the same ones.
    """

    name = "corruption"
    title = "Corrupted copies"
    needs = ("ingest",)
    makes = "files"
    rare = True

    def asked(self, recipe: Recipe) -> bool:
        """See ``Stage.asked``."""
        return recipe.variants.corruption is not None and recipe.variants.corruption.keep == "all"

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``."""
        return recipe.selection.mix.corruption > 0

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``."""
        return [Result(images.pixels, images.sizes) for images in plan.corrupted()]

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``."""
        copies = scale.varied(recipe) * len(recipe.variants.corruption.members()) if recipe.variants.corruption else 0
        return Expense(scale.corrupting_s(recipe), copies * scale.image_bytes, scale.corrupting_bytes)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``."""
        plan, work = execution.plan, []
        header = plan.samples.header
        together = shards_in_block(plan.device, header.shape, header.shard_rows)
        for images in plan.corrupted():
            describe(plan, images)
            make = partial(corrupt_shards, images, plan.device)
            work.append(Work(Result(images.pixels, images.sizes), taken(plan, images) or make, together))
        execution.shards(work)


def corrupt_shards(out: ImageSet, device: str, indices: Sequence[int]) -> int:
    """Make the corrupted copies of some shards at once."""
    assert out.make is not None
    rows = out.rows_of(*indices)
    with aside(device) as later:
        for index, images in out.split(out.make(rows), indices):
            later(out.pixels.write, index, images)
    return len(rows)
