"""Which positions of a source are read, and the samples at them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curation.label_errors.noise import noisy
from curation.readers.base import Chunk, Source
from curation.recipe import LabelNoise
from curation.sampling import subset


def positions(source: Source, limit: int | None) -> np.ndarray:
    """Return the positions of a source that are read, int64, rising: all, or ``limit`` of them, see ``subset``.

    Where labels are known beforehand each class has its share, and none is left out that there is room for.
    """
    count = len(source) if limit is None else limit
    return subset(np.arange(len(source)), count, labels=source.labels, every_class=True)


def read(source: Source, at: np.ndarray, noise: LabelNoise | None) -> tuple[np.ndarray, pd.DataFrame]:
    """Return pixels, uint8 M×H×W×C, and a row for each position: sample_id, label, name, note, read.

    Soft labels and weights of the source stand beside them. With noise, wrong labels are put in instead, and the right
    ones stand beside them. Args: at: int64, rising.
    """
    chunk = source.read_at(at)
    rows = [(line.sample_id, -1, line.name, line.reason, False) for line in chunk.skipped]
    for sample_id, label, name in zip(chunk.sample_ids.tolist(), chunk.labels.tolist(), chunk.names, strict=True):
        rows.append((sample_id, label, name, chunk.notes.get(sample_id, ""), True))
    table = pd.DataFrame(sorted(rows), columns=["sample_id", "label", "name", "note", "read"])
    table = table.astype({"sample_id": np.int64, "label": np.int64, "name": str, "note": str, "read": bool})
    if noise is None:
        table = _with_own(table, chunk)
    else:
        table["true_label"] = table["label"]
        known, ids = table["read"].to_numpy(), table["sample_id"].to_numpy()
        wrong = noisy(
            table["label"].to_numpy()[known],
            classes=source.classes,
            share=noise.share,
            kind=noise.kind,
            seed=noise.seed,
            sample_ids=ids[known],
        )
        table.loc[known, "label"] = wrong
    return chunk.images, table


def _with_own(table: pd.DataFrame, chunk: Chunk) -> pd.DataFrame:
    """Return the table with soft labels and weights, where the source has them; those of skipped samples are empty."""
    for column, values in (("soft_label", chunk.soft_labels), ("weight", chunk.weights)):
        if values is not None:
            by_id = pd.Series(list(values), index=chunk.sample_ids)
            table[column] = by_id.reindex(table["sample_id"]).to_numpy()
    return table
