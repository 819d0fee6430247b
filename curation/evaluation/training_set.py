"""What a target model is trained on: a recipe's curated set, identified by its contents.

It is in memory, or, where its images are sampled and may be a whole database of variants, in a temporary file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curation.pipeline.plan import Plan
from curation.pipeline.stages.embed import embed
from curation.plugin import fingerprint
from curation.storage.files import clear_write_errors, digest
from curation.training.samplers import About, Sampler, Showing, Space, counts_of

if TYPE_CHECKING:
    import pandas as pd

    from curation.pipeline import Pipeline
    from curation.selection.select import Selected

_ROWS = 4096


@dataclass(frozen=True)
class TrainingSet:
    """Images uint8 N×H×W×C; labels int64 N, or float32 N×K where soft; weights float32 N, None: all equal.

    sample_ids: int64 N, of the source; counts: images of each family; classes: K names; showing: what
    each epoch shows of it, None: all.
    """

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None
    sample_ids: np.ndarray
    counts: dict[str, int]
    classes: list[str]
    showing: Showing | None = None

    def __len__(self) -> int:
        return len(self.images)

    def seen(self, epochs: int) -> int:
        """Return the number of images in all epochs of a training of so many."""
        return sum(counts_of(self.showing, len(self), epochs))

    @property
    def key(self) -> str:
        """Hash of all that a training sees, so that equal sets, however they were chosen, are trained on once."""
        weights = None if self.weights is None else digest(np.ascontiguousarray(self.weights).tobytes())
        contents = [digest(np.ascontiguousarray(part).view(np.uint8).data) for part in (self.images, self.labels)]
        sampled = [self.showing.key] if self.showing is not None and self.showing.key else []
        return fingerprint([*contents, weights, list(self.images.shape), *sampled])


def training_set(
    pipeline: Pipeline,
    selected: Selected | None = None,
    *,
    pool: pd.DataFrame | None = None,
    sampling: Sampler | None = None,
) -> TrainingSet:
    """Return the set that a recipe selects, or that is given.

    Args: pool: the recipe's, where it was read already; sampling: which of the images a training's epochs show.
    Raises: CurationError when a stage is missing, a family has too few candidates for its quota, or the disk is full.
    """
    pool = pipeline.pool() if pool is None else pool
    curated = pipeline.curated(pool, pipeline.select(pool) if selected is None else selected)
    parts = (curated.images(at, min(at + _ROWS, len(curated))) for at in range(0, len(curated), _ROWS))
    manifest = curated.manifest
    ids = manifest["sample_id"].to_numpy(np.int64)
    weights = manifest["weight"].to_numpy(np.float32)
    varied = sampling is not None and sampling.of_variants
    images = _mapped(parts, (len(curated), *curated.shape)) if varied else np.concatenate(list(parts))
    about = About(
        curated.labels,
        sample_ids=ids,
        kinds=manifest["kind"].astype(str).to_numpy(),
        clusters=manifest["cluster"].to_numpy() if "cluster" in manifest else None,
        space=Space(partial(_space_key, pipeline.plan), partial(embed, pipeline.plan, images)),
    )
    return TrainingSet(
        images=images,
        labels=curated.labels if curated.soft_labels is None else curated.label_rows,
        weights=None if (weights == 1).all() else weights,
        sample_ids=ids,
        counts={str(family): int(count) for family, count in manifest["family"].value_counts().items()},
        classes=curated.classes,
        showing=None if sampling is None else sampling.of(about),
    )


def _space_key(plan: Plan) -> str:
    """Return a hash of what places pictures in the recipe's space. Raises: CurationError: it is not there yet."""
    return fingerprint(plan.space_key or plan.digest_at(plan.epoch))


def _mapped(parts: Iterator[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Return images, part by part uint8, as one array in a temporary file that goes when nothing refers to it."""
    with clear_write_errors(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as file:
        for part in parts:
            file.write(np.ascontiguousarray(part).data)
        file.flush()
        return np.memmap(file, np.uint8, mode="r", shape=shape)
