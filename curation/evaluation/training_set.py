"""What a target model is trained on: a recipe's curated set, in memory, identified by its contents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.plugin import fingerprint
from curation.storage.files import digest

if TYPE_CHECKING:
    import pandas as pd

    from curation.pipeline import Pipeline
    from curation.selection.select import Selected

_ROWS = 4096


@dataclass(frozen=True)
class TrainingSet:
    """Images uint8 N×H×W×C; labels int64 N, or float32 N×K where soft; weights float32 N, None: all equal.

    sample_ids: int64 N, of the source; counts: images of each family; classes: K names.
    """

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None
    sample_ids: np.ndarray
    counts: dict[str, int]
    classes: list[str]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def key(self) -> str:
        """Hash of all that a training sees, so that equal sets, however they were chosen, are trained on once."""
        weights = None if self.weights is None else digest(np.ascontiguousarray(self.weights).tobytes())
        contents = [digest(np.ascontiguousarray(part).view(np.uint8).data) for part in (self.images, self.labels)]
        return fingerprint([*contents, weights, list(self.images.shape)])


def training_set(
    pipeline: Pipeline, selected: Selected | None = None, *, pool: pd.DataFrame | None = None
) -> TrainingSet:
    """Return the set that a recipe selects, or that is given.

    Args: pool: the recipe's, where it was read already.
    Raises: CurationError when a stage is missing, or a family has too few candidates for its quota.
    """
    pool = pipeline.pool() if pool is None else pool
    curated = pipeline.curated(pool, pipeline.select(pool) if selected is None else selected)
    parts = [curated.images(at, min(at + _ROWS, len(curated))) for at in range(0, len(curated), _ROWS)]
    weights = curated.manifest["weight"].to_numpy(np.float32)
    return TrainingSet(
        images=np.concatenate(parts),
        labels=curated.labels if curated.soft_labels is None else curated.label_rows,
        weights=None if (weights == 1).all() else weights,
        sample_ids=curated.manifest["sample_id"].to_numpy(np.int64),
        counts={str(family): int(count) for family, count in curated.manifest["family"].value_counts().items()},
        classes=curated.classes,
    )
