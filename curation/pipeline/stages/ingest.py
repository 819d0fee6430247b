"""Reading a source into samples."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from curation.errors import CurationError
from curation.label_errors.noise import noisy
from curation.pipeline.execution import Execution, Result, Work, each
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage
from curation.plugin import fingerprint
from curation.readers.base import Chunk, Source
from curation.readers.class_names import class_names
from curation.recipe import LabelNoise
from curation.sampling import subset
from curation.storage.sample_header import SampleHeader
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

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``. Raises: CurationError: no image could be read, or those of one class only."""
        plan = execution.plan
        found = self.status(plan, verify=True)
        if found.state == "done":
            execution.tell(found.total, found.total)
            return
        reader, limit = plan.recipe.source.reader, plan.recipe.source.limit
        source = reader.open()
        plan.workspace.claim({"reader": reader.name, "path": getattr(reader, "path", None)})
        key = fingerprint([plan.source_spec, source.fingerprint])
        classes = class_names(source.classes, where=reader.name)
        header = SampleHeader(classes, source.shape, len(source), limit, source.remarks, source.white_level)
        plan.workspace.write_sample_header(key, header)
        plan.workspace.write_source_key(plan.source_spec, key)
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


def positions(source: Source, limit: int | None) -> np.ndarray:
    """Return the positions of a source that are read, int64, rising: all, or ``limit`` of them, see ``subset``.

    Where labels are known beforehand each class has its share, and none is left out that there is room for.
    """
    count = len(source) if limit is None else limit
    return subset(np.arange(len(source)), count, labels=source.labels, every_class=True)


def ingest_shard(
    workspace: Workspace,
    key: str,
    header: SampleHeader,
    source: Source,
    chosen: np.ndarray,
    noise: LabelNoise | None,
    index: int,
) -> int:
    """Read one shard of samples; with noise, put wrong labels in and keep the right ones beside them.

    Args: chosen: the positions that all shards together hold, int64, rising.
    """
    chosen = chosen[index * header.shard_rows : (index + 1) * header.shard_rows]
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    chunks = [source.read(int(run[0]), int(run[-1]) + 1) for run in runs]
    rows: list[tuple[int, int, str, str, bool]] = []
    for chunk in chunks:
        for sample_id, label, name in zip(chunk.sample_ids.tolist(), chunk.labels.tolist(), chunk.names, strict=True):
            rows.append((sample_id, label, name, chunk.notes.get(sample_id, ""), True))
        rows += [(skipped.sample_id, -1, skipped.name, skipped.reason, False) for skipped in chunk.skipped]
    table = pd.DataFrame(sorted(rows), columns=["sample_id", "label", "name", "note", "read"])
    table = table.astype({"sample_id": np.int64, "label": np.int64, "name": str, "note": str, "read": bool})
    if noise is None:
        table = _with_own(table, chunks)
    else:
        table["true_label"] = table["label"]
        read, ids = table["read"].to_numpy(), table["sample_id"].to_numpy()
        wrong = noisy(
            table["label"].to_numpy()[read],
            classes=header.classes,
            share=noise.share,
            kind=noise.kind,
            seed=noise.seed,
            sample_ids=ids[read],
        )
        table.loc[read, "label"] = wrong
    workspace.pixels(key, header.shards).write(index, np.concatenate([chunk.images for chunk in chunks]))
    workspace.sample_tables(key, header.shards).write(index, table)
    return len(chosen)


def _with_own(table: pd.DataFrame, chunks: list[Chunk]) -> pd.DataFrame:
    """Return the table with soft labels and weights, where the source has them; those of skipped samples are empty."""
    ids = np.concatenate([chunk.sample_ids for chunk in chunks])
    for column in ("soft_label", "weight"):
        parts = [getattr(chunk, f"{column}s") for chunk in chunks]
        if any(part is not None for part in parts):
            values = pd.Series(list(np.concatenate(parts)), index=ids)
            table[column] = values.reindex(table["sample_id"]).to_numpy()
    return table
