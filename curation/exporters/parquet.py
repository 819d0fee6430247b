"""One Parquet file in Hugging Face's layout: encoded images and class labels, features in the schema."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from curation.exporters.base import CuratedSet, Exporter, Images, OnProgress, png

_GROUP_ROWS = 100
"""Rows a row group, as ``datasets`` writes images: what reading one image at random must read at least."""


class _RowGroups(Images):
    """One row group at a time is kept, so that reading in order reads each once."""

    def open(self) -> _Opened:
        return _Opened(pq.ParquetFile(self.folder / "train.parquet"))

    def __len__(self) -> int:
        return int(self.opened.starts[-1])

    def __getitem__(self, index: int) -> np.ndarray:
        pixels = np.asarray(Image.open(io.BytesIO(self.opened.content(index))))
        return pixels[..., None] if pixels.ndim == 2 else pixels


class _Opened:
    """An open file and the row group read last."""

    def __init__(self, file: pq.ParquetFile) -> None:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        self.starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._file = file
        self._group, self._images = -1, pa.chunked_array([], pa.null())

    def content(self, index: int) -> bytes:
        group = int(np.searchsorted(self.starts, index, side="right") - 1)
        if group != self._group:
            self._images = self._file.read_row_group(group, columns=["image"])["image"]
            self._group = group
        content: bytes = self._images[index - int(self.starts[group])].as_py()["bytes"]
        return content


class Parquet(Exporter):
    """``train.parquet``: ``image`` {bytes (PNG), path}, ``label`` (ClassLabel) and, for soft labels, ``soft_label``.

    Source: the schema metadata that ``datasets`` writes and reads (key ``huggingface``).
    """

    name = "parquet"
    title = "Parquet (Hugging Face)"
    marker = "train.parquet"
    native = (
        "from datasets import load_dataset\n\n"
        'dataset = load_dataset("parquet", data_files={"train": "{path}/train.parquet"})\n'
    )

    def write(self, curated: CuratedSet, folder: Path, *, on_progress: OnProgress) -> None:
        """Write a hundred images a row group; see ``Exporter.write``."""
        soft = curated.soft_labels is not None
        schema = _schema(curated.classes, soft)
        names, labels = curated.names(), curated.labels
        with pq.ParquetWriter(folder / "train.parquet", schema) as writer:
            for start, images in curated.chunks(on_progress):
                stop = start + len(images)
                columns: dict[str, Any] = {
                    "image": [
                        {"bytes": png(image), "path": f"{name.replace('/', '_')}.png"}
                        for image, name in zip(images, names[start:stop], strict=True)
                    ],
                    "label": labels[start:stop],
                }
                if soft:
                    columns["soft_label"] = curated.label_rows[start:stop].tolist()
                writer.write_table(pa.table(columns, schema=schema), row_group_size=_GROUP_ROWS)

    @classmethod
    def reader(cls, folder: Path, manifest: pd.DataFrame) -> Images:
        """Read one row group at a time; see ``Exporter.reader``."""
        return _RowGroups(folder, manifest)


def _schema(classes: list[str], soft: bool) -> pa.Schema:
    features: dict[str, Any] = {"image": {"_type": "Image"}, "label": {"names": classes, "_type": "ClassLabel"}}
    fields = [
        pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        pa.field("label", pa.int64()),
    ]
    if soft:
        features["soft_label"] = {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "Sequence"}
        fields.append(pa.field("soft_label", pa.list_(pa.float32())))
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})
