"""Finding samples that are the same picture."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from curation.duplicates import near_duplicates
from curation.duplicates.near import GRID
from curation.duplicates.repeats import in_words
from curation.engine import Tell
from curation.pipeline.execution import Execution, Result
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage, Status
from curation.recipe import Recipe
from curation.storage.samples import IN_MEMORY_BYTES


class FindDuplicates(Stage):
    """Which samples repeat an earlier one, exactly or nearly; mirror images are pictures of their own."""

    name = "duplicates"
    title = "Repeated images"
    needs = ("ingest",)
    makes = "candidates"

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``."""
        return [Result(plan.repeats, np.array([len(plan.samples)]))]

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """See ``Stage.status``: says how many repeat another, and how many pictures have several labels."""
        found = super().status(plan, verify=verify)
        return replace(found, note=in_words(plan.repeated)) if found.state == "done" else found

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: only repeated images are kept, a few bytes each; the time depends on the contents.

        In memory are the images and their means on the grid.
        """
        height, width, channels = scale.shape
        means = 4 * scale.samples * min(GRID, height) * min(GRID, width) * channels
        return Expense(memory_bytes=min(scale.samples * scale.image_bytes, IN_MEMORY_BYTES) + means)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``."""
        plan, total = execution.plan, len(execution.plan.samples)
        if plan.repeats.missing(verify=True):
            with execution.alone(plan.repeats.folder.name, total), execution.timed(plan.repeats):
                execution.tasks([partial(find, plan)], total=total)
        execution.tell(total, total)


def find(plan: Plan, tell: Tell) -> int:
    """Look for samples that repeat others and keep what is found; an ``engine.Task`` that counts samples.

    Kept are, of each that does, row and other (int64), distance and mirrored; see ``near_duplicates``.
    """
    samples = plan.samples
    found = near_duplicates(
        samples.array(),
        device=plan.device,
        on_progress=lambda done, total: tell(done, total, ""),
    )
    plan.repeats.write(0, found)
    return len(samples)
