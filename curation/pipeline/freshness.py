"""Whether a source is still what was read: by names, sizes and times first, by contents where these differ."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from curation.errors import CurationError, note_source
from curation.pipeline.plan import Plan
from curation.pipeline.reading import positions, read
from curation.plugin import fingerprint
from curation.progress import Progress, Report
from curation.readers.base import Source
from curation.readers.class_names import class_names
from curation.readers.files import stamp
from curation.storage.samples import Samples

COMPARING = "the source's files differ: comparing"


class SourceChanged(CurationError):
    """A source changed after it was read; ``read_again`` or ``keep`` decides which state counts from now on."""

    def __init__(self, plan: Plan, sentence: str) -> None:
        """Args: plan: of the recipe whose source it is; sentence: what differs."""
        super().__init__(sentence)
        self.plan = plan

    def read_again(self) -> None:
        """Forget what was read: the next reading is of the source as it is; results of equal samples stay."""
        self.plan.workspace.forget_source(self.plan.source_spec)

    def keep(self) -> None:
        """Stay with the images as they were read, until the source changes once more."""
        _accept(self.plan)


def source_path(plan: Plan) -> str | None:
    """Return the file or folder that a plan's source is read from; None: it comes with a data set's name."""
    path: str | None = getattr(plan.recipe.source.reader, "path", None)
    return path


def note_gone(plan: Plan) -> None:
    """Say so where there is nothing any more where the source was read."""
    path = source_path(plan)
    if path is not None and stamp(path) is None and plan.samples_key is not None:
        note_source(f"there is no {path} any more; its images are used as they were read")


def change(plan: Plan) -> SourceChanged | None:
    """Return how the files of a source that was read differ from then, by names, sizes and times alone, or None.

    A source that is gone has not changed: what was read of it is all that there is.
    """
    return _change(plan)[0]


def _change(plan: Plan) -> tuple[SourceChanged | None, Source | None]:
    """Return how the files differ, and the source as it is now, where it can be opened and they do."""
    path, key = source_path(plan), plan.samples_key
    now = stamp(path) if path is not None and key is not None else None
    if now is None or now == plan.workspace.source_stamp(plan.source_spec):
        return None, None
    read_into = f"{path} has changed since it was read into {plan.workspace.root}"
    header = plan.workspace.sample_header(key) if key else None
    try:
        source = plan.recipe.source.reader.open()
    except CurationError as error:
        return SourceChanged(plan, f"{read_into}, and cannot be read now: {error}"), None
    if key == source_key(plan, source):  # other files there have changed
        _accept(plan)
        return None, None
    differs = "its files differ in names, sizes or contents"
    if header is not None and (header.positions, len(header.classes)) != (len(source), len(source.classes)):
        before = f"{header.positions:,} images of {len(header.classes)} classes"
        differs = f"it had {before}, and has {len(source):,} of {len(source.classes)} now"
    edited = any(plan.recipe.selection.edits.model_dump().values())
    shifts = " (edits by hand name positions in it, and may then mean other images)" if edited else ""
    ways = f"read it again{shifts}, or keep the images as they were read"
    return SourceChanged(plan, f"{read_into}: {differs}; {ways}"), source


def require_unchanged(plan: Plan, *, tell: Callable[[int, int], None]) -> None:
    """Raises: SourceChanged, unless the contents are what they were.

    Where only names, sizes or times differ, all that was read is read again and compared, once, up to the first
    difference. Args: tell: told how many of all images are compared; may raise to stop.
    """
    found, source = _change(plan)
    if found is None:
        return
    if source is None:
        raise found
    try:
        if not _same(plan, source, tell):
            raise found
    except SourceChanged:
        raise
    except CurationError:
        raise found from None
    _accept(plan)


def note_change(plan: Plan, *, report: Report) -> None:
    """Say that a source is gone or differs from what was read, where nothing of it is read again.

    Args: report: as for ``require_unchanged``, of the stage that reads.
    """
    note_gone(plan)
    try:
        require_unchanged(plan, tell=lambda done, total: report(Progress("ingest", done, total, note=COMPARING)))
    except SourceChanged as changed:
        note_source(
            f"{changed}; here its images are as they were read: `curation run` with --changed-source read or keep "
            "decides"
        )


def source_key(plan: Plan, source: Source) -> str:
    """Return the key of the samples of an opened source."""
    return fingerprint([plan.source_spec, source.fingerprint])


def _same(plan: Plan, source: Source, tell: Callable[[int, int], None]) -> bool:
    samples = Samples(plan.workspace, plan.samples_key or "none")
    header, block = samples.header, plan.recipe.source
    classes = class_names(source.classes, where=block.reader.name)
    if (header.classes, header.shape, header.positions) != (classes, source.shape, len(source)):
        return False
    at = positions(source, block.limit)
    for index in range(header.shards):
        start = index * header.shard_rows
        images, table = read(source, at[start : start + header.shard_rows], block.noise)
        if not np.array_equal(images, samples.shard_images(index)) or not _alike(table, samples.shard_table(index)):
            return False
        tell(min(start + header.shard_rows, len(at)), len(at))
    return True


def _alike(table: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two tables say the same, however their texts are stored."""
    return table.shape == other.shape and bool((table.astype(str).to_numpy() == other.astype(str).to_numpy()).all())


def _accept(plan: Plan) -> None:
    """Note that the files as they are now stand for what was read."""
    path, key = source_path(plan), plan.samples_key
    if path is not None and key is not None:
        plan.workspace.write_source_key(plan.source_spec, key, stamp(path))
