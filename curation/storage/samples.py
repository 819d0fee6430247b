"""The ingested samples of a workspace: their pixels in shards, and the table that ties them to their source."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from curation.errors import CurationError
from curation.plugin import fingerprint
from curation.storage.files import digest
from curation.storage.shards import Rows
from curation.storage.workspace import Workspace

IN_MEMORY_BYTES = 2 << 30
"""Pixels up to this size are held in memory while a goal model is trained."""


class Samples:
    """The ingested samples: dense rows 0 … N − 1 over pixel shards, and a table that ties rows to the source."""

    def __init__(self, workspace: Workspace, key: str) -> None:
        """Raises: CurationError when the samples are not all there."""
        self.key = key
        header = workspace.sample_header(key)
        self.pixels = workspace.pixels(key, header.shards if header else 0)
        self._tables = workspace.sample_tables(key, header.shards if header else 0)
        if header is None or not (self.pixels.complete() and self._tables.complete()):
            raise CurationError(f"the samples of {workspace.root} are not ingested yet; run `curation ingest` first")
        self.header = header
        self.pixels = self.pixels.freeze()

    @property
    def content(self) -> str:
        """Hash of images, labels and ids alone; unlike ``digest`` whatever version of a library wrote the tables."""
        columns = (self.sample_ids, self.labels)
        return fingerprint([self.pixels.digest(), *(digest(column.astype("<i8").tobytes()) for column in columns)])

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Every position read: sample_id, label, name, note (why it was skipped or how converted, or empty), read."""
        return self._tables.whole_table()

    @cached_property
    def table(self) -> pd.DataFrame:
        """The samples that could be read, by row: sample_id int64, label int64, name, note; soft_label, weight."""
        read = self.positions[self.positions["read"]]
        return read.drop(columns="read").reset_index(drop=True)

    @cached_property
    def starts(self) -> np.ndarray:
        """First row of each shard, and the number of rows; int64 shards + 1."""
        ends = np.cumsum(self.header.positions_per_shard)
        return np.concatenate([[0], np.cumsum(self.positions["read"].to_numpy(bool))])[np.concatenate([[0], ends])]

    @cached_property
    def digest(self) -> str:
        """Hash of all pixels and labels."""
        return self.pixels.digest() + self._tables.digest()

    @property
    def classes(self) -> list[str]:
        """Class names, K of them."""
        return self.header.classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.header.shape

    def __len__(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def labels(self) -> np.ndarray:
        """int64 N."""
        return self.table["label"].to_numpy(np.int64)

    def labels_with(self, relabel: Mapping[int, int]) -> np.ndarray:
        """Return the labels, int64 N, some of them given anew by sample id; ids that are not here change nothing."""
        labels: np.ndarray = self.labels.copy()
        rows, here = self.known(list(relabel))
        labels[rows] = np.array(list(relabel.values()), np.int64)[here]
        return labels

    @property
    def truly_wrong(self) -> np.ndarray | None:
        """Where label noise was put in: which labels it made wrong, bool N; else None."""
        if "true_label" not in self.table:
            return None
        return self.table["true_label"].to_numpy() != self.table["label"].to_numpy()

    @cached_property
    def soft_labels(self) -> np.ndarray | None:
        """The source's own soft labels, float32 N×K, rows sum to 1; None where it has none."""
        column = self.table.get("soft_label")
        return None if column is None else np.stack(column.to_list()).astype(np.float32)

    @cached_property
    def weights(self) -> np.ndarray | None:
        """How much the source counts each sample, float32 N; None where it does not say."""
        column = self.table.get("weight")
        return None if column is None else column.to_numpy(np.float32)

    @cached_property
    def sample_ids(self) -> np.ndarray:
        """int64 N, rising."""
        return self.table["sample_id"].to_numpy(np.int64)

    def rows(self, sample_ids: np.ndarray) -> np.ndarray:
        """Return the rows of some sample ids. Raises: CurationError naming an id that is not there."""
        rows, here = self.known(sample_ids)
        if not here.all():
            raise CurationError(f"there is no sample {int(np.asarray(sample_ids)[~here][0])} in this workspace")
        return rows

    def known(self, sample_ids: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of those of M sample ids that are here, int64, and which ones these are, bool M."""
        wanted = np.asarray(sample_ids, dtype=np.int64)
        rows = np.searchsorted(self.sample_ids, wanted).clip(max=len(self) - 1)
        here: np.ndarray = self.sample_ids[rows] == wanted
        return rows[here], here

    def around(self, sample_id: int) -> list[int]:
        """Return a sample id alone where it is here, else the one or two nearest that are, below and above."""
        at = int(np.searchsorted(self.sample_ids, sample_id))
        if at < len(self) and self.sample_ids[at] == sample_id:
            return [sample_id]
        return self.sample_ids[max(at - 1, 0) : at + 1].tolist()

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Return pixels, uint8 M×H×W×C, of some rows in any order."""
        return self.pixels.gather(rows, self.starts)

    def image(self, row: int) -> np.ndarray:
        """Return the pixels, uint8 H×W×C, of one row."""
        found: np.ndarray = self.images(np.array([row]))[0]
        return found

    def row_of(self, sample_id: int) -> int:
        """Return the row of one sample. Raises: CurationError: it is not here."""
        return int(self.rows(np.array([sample_id]))[0])

    def image_of(self, sample_id: int) -> np.ndarray:
        """Return the pixels, uint8 H×W×C, of one sample. Raises: CurationError: it is not here."""
        return self.image(self.row_of(sample_id))

    def label_of(self, sample_id: int) -> int:
        """Return the label of one sample. Raises: CurationError: it is not here."""
        return int(self.labels[self.row_of(sample_id)])

    def shard_images(self, index: int) -> np.ndarray:
        """Return the pixels, uint8 M×H×W×C, of one shard."""
        return self.pixels.array(index)

    def shard_table(self, index: int) -> pd.DataFrame:
        """Return the rows of ``positions`` of one shard."""
        return self._tables.table(index)

    def array(self) -> np.ndarray:
        """Return all pixels, uint8 N×H×W×C: in memory up to ``IN_MEMORY_BYTES``, else read where they are indexed."""
        rows = Rows(self.pixels, self.starts)
        return rows[:] if int(np.prod(rows.shape)) <= IN_MEMORY_BYTES else cast(np.ndarray, rows)
