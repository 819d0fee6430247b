"""Reading a source into samples."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from curation.errors import CurationError
from curation.pipeline.execution import Execution, Result, Work, each
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.freshness import COMPARING, note_gone, require_unchanged, source_key, source_path
from curation.pipeline.plan import Plan
from curation.pipeline.reading import positions, read
from curation.pipeline.stages.base import Stage
from curation.readers.base import Source
from curation.readers.class_names import class_names
from curation.readers.files import stamp
from curation.recipe import LabelNoise, Recipe
from curation.storage.sample_header import SHARD_BYTES, SampleHeader
from curation.storage.samples import Samples
from curation.storage.workspace import Workspace


class Ingest(Stage):
    """The samples: pixels and a table, shard by shard."""

    name = "ingest"
    title = "Read the images"
    makes = "candidates"
    names_others = True
    folder: ClassVar = "images"

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``."""
        key = plan.samples_key
        header = plan.workspace.sample_header(key) if key else None
        return [] if key is None or header is None else [_result(plan.workspace, key, header)]

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``."""
        size = scale.samples * scale.image_bytes
        return Expense(scale.samples * scale.read_s, size, min(size, SHARD_BYTES))

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``.

        Raises: SourceChanged: what was read is not what is there now; CurationError: no image could be read, or those
            of one class only.
        """
        plan = execution.plan
        found = self.status(plan, verify=True)
        if found.state == "done":
            note_gone(plan)
            require_unchanged(plan, tell=partial(execution.tell, note=COMPARING))
            execution.tell(found.total, found.total)
            return
        reader, limit, path = plan.recipe.source.reader, plan.recipe.source.limit, source_path(plan)
        before = None if path is None else stamp(path)  # what changes meanwhile is noticed the next time
        source = reader.open()
        plan.workspace.claim({"reader": reader.name, "path": path})
        key = source_key(plan, source)
        classes = class_names(source.classes, where=reader.name)
        header = SampleHeader(classes, source.shape, len(source), limit, source.remarks, source.white_level)
        plan.workspace.write_sample_header(key, header)
        plan.workspace.write_source_key(plan.source_spec, key, before)
        chosen = positions(source, limit)
        task = partial(ingest_shard, plan.workspace, key, header, source, chosen, plan.recipe.source.noise)
        execution.shards([Work(_result(plan.workspace, key, header), partial(each, task))])
        _check(Samples(plan.workspace, key))


def _result(workspace: Workspace, key: str, header: SampleHeader) -> Result:
    pixels, tables = workspace.pixels(key, header.shards), workspace.sample_tables(key, header.shards)
    return Result(pixels, header.positions_per_shard, tables)


def _check(samples: Samples) -> None:
    if not len(samples):
        first = samples.positions.iloc[0]
        raise CurationError(f"no image could be read; the first, {first['name']}, because {first['note']}")
    present = np.unique(samples.labels)
    if len(present) < 2:
        raise CurationError(
            f"only one class, {samples.classes[present[0]]!r}, has readable images; at least two are needed"
        )


def ingest_shard(
    workspace: Workspace,
    key: str,
    header: SampleHeader,
    source: Source,
    chosen: np.ndarray,
    noise: LabelNoise | None,
    index: int,
) -> int:
    """Read one shard of samples and keep it.

    Args: chosen: the positions that all shards together hold, int64, rising.
    """
    images, table = read(source, chosen[index * header.shard_rows : (index + 1) * header.shard_rows], noise)
    workspace.pixels(key, header.shards).write(index, images)
    workspace.sample_tables(key, header.shards).write(index, table)
    return len(table)
