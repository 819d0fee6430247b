"""What a target model is trained on: a recipe's curated set, identified by its contents.

It is in memory, or, where its images are sampled and may be a whole database of variants, in a temporary file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curation.plugin import fingerprint
from curation.storage.files import clear_write_errors, digest
from curation.training.dynamic import DynamicSampling, Wheel

if TYPE_CHECKING:
    import pandas as pd

    from curation.pipeline import Pipeline
    from curation.selection.select import Selected

_ROWS = 4096


@dataclass(frozen=True)
class TrainingSet:
    """Images uint8 N×H×W×C; labels int64 N, or float32 N×K where soft; weights float32 N, None: all equal.

    sample_ids: int64 N, of the source; counts: images of each family; classes: K names; wheel: draws each epoch's
    images, None: all are in it.
    """

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None
    sample_ids: np.ndarray
    counts: dict[str, int]
    classes: list[str]
    wheel: Wheel | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def seen(self) -> int:
        """The number of images in an epoch."""
        return len(self if self.wheel is None else self.wheel)

    @property
    def key(self) -> str:
        """Hash of all that a training sees, so that equal sets, however they were chosen, are trained on once."""
        weights = None if self.weights is None else digest(np.ascontiguousarray(self.weights).tobytes())
        contents = [digest(np.ascontiguousarray(part).view(np.uint8).data) for part in (self.images, self.labels)]
        sampled = [] if self.wheel is None else [self.wheel.key]
        return fingerprint([*contents, weights, list(self.images.shape), *sampled])


def training_set(
    pipeline: Pipeline,
    selected: Selected | None = None,
    *,
    pool: pd.DataFrame | None = None,
    sampling: DynamicSampling | None = None,
) -> TrainingSet:
    """Return the set that a recipe selects, or that is given.

    Args: pool: the recipe's, where it was read already; sampling: how a training draws from the set.
    Raises: CurationError when a stage is missing, a family has too few candidates for its quota, or the disk is full.
    """
    pool = pipeline.pool() if pool is None else pool
    curated = pipeline.curated(pool, pipeline.select(pool) if selected is None else selected)
    parts = (curated.images(at, min(at + _ROWS, len(curated))) for at in range(0, len(curated), _ROWS))
    manifest = curated.manifest
    ids = manifest["sample_id"].to_numpy(np.int64)
    weights = manifest["weight"].to_numpy(np.float32)
    return TrainingSet(
        images=np.concatenate(list(parts)) if sampling is None else _mapped(parts, (len(curated), *curated.shape)),
        labels=curated.labels if curated.soft_labels is None else curated.label_rows,
        weights=None if (weights == 1).all() else weights,
        sample_ids=ids,
        counts={str(family): int(count) for family, count in manifest["family"].value_counts().items()},
        classes=curated.classes,
        wheel=None if sampling is None else sampling.wheel(ids, manifest["kind"].astype(str).to_numpy()),
    )


def _mapped(parts: Iterator[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Return images, part by part uint8, as one array in a temporary file that goes when nothing refers to it."""
    with clear_write_errors(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as file:
        for part in parts:
            file.write(np.ascontiguousarray(part).data)
        file.flush()
        return np.memmap(file, np.uint8, mode="r", shape=shape)
