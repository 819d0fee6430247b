"""One vector for each image of a source, from a file of somebody's embeddings: ``.npy``, or a column of Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import CurationError, some_of
from curation.readers.files import existing, reading
from curation.readers.parquet_file import opened_parquet


def read_vectors(file: str, column: str | None, *, positions: np.ndarray, count: int) -> np.ndarray:
    """Return the vectors at some positions of a source, float32 M×D.

    Args:
        file: .npy N×D of any numbers, or Parquet.
        column: of Parquet: lists of numbers, all as long.
        positions: int64 M, rising.
        count: N, the positions that the source has.

    Raises: CurationError: the file is missing or no such file, has another number of rows or no such column; vectors
        are missing, differ in length, or hold what is no finite number: naming the row.
    """
    path = existing(file, "file")
    with reading(path):
        found = _npy(path, positions, count) if column is None else _parquet(path, column, positions, count)
    wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(wrong):
        raise CurationError(
            f"{path}: the vector in row {positions[wrong[0]]:,} holds NaN, infinity or what float32 cannot hold; "
            f"{len(wrong):,} of {len(found):,} vectors do: compute them again, or take the images out of the source"
        )
    return found


def _npy(path: Path, positions: np.ndarray, count: int) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        why = str(error).split(". ")[0].rstrip(".")
        raise CurationError(
            f"{path} is not a complete .npy file of numbers ({why}); write it with numpy.save"
        ) from None
    if array.ndim != 2 or not array.size or array.dtype.kind not in "fiu":
        shape = "×".join(f"{side:,}" for side in array.shape) or "one number"
        raise CurationError(
            f"{path}: expected numbers N×D, a row for each image of the source, got {array.dtype} {shape}"
        )
    _require_rows(path, len(array), count)
    with np.errstate(over="ignore"):
        return np.asarray(array[positions], dtype=np.float32)


def _parquet(path: Path, column: str, positions: np.ndarray, count: int) -> np.ndarray:
    out: np.ndarray | None = None
    first = 0
    with opened_parquet(path) as opened:
        schema = opened.schema_arrow
        lists = [field.name for field in schema if _of_numbers(field.type)]
        if column not in lists:
            there = (
                f"is {schema.field(column).type}, not lists of numbers" if column in schema.names else "is not there"
            )
            offers = f"lists of numbers are in {some_of(lists)}" if lists else "no column holds lists of numbers"
            raise CurationError(f"{path}: the column {column!r} {there}; {offers}")
        _require_rows(path, opened.metadata.num_rows, count)
        for batch in opened.iter_batches(columns=[column]):
            cells = batch.column(0)
            rows = positions[slice(*np.searchsorted(positions, (first, first + len(cells))))]
            cells, width = cells.take(pa.array(rows - first)), None if out is None else out.shape[1]
            values = _values(cells, rows, width, path)
            if out is None and len(rows):
                out = np.empty((len(positions), values.shape[1]), dtype=np.float32)
            if out is not None:
                start = int(np.searchsorted(positions, first))
                with np.errstate(over="ignore"):
                    out[start : start + len(rows)] = values
            first += len(batch)
    assert out is not None
    return out


def _values(cells: pa.Array, rows: np.ndarray, width: int | None, path: Path) -> np.ndarray:
    """Return the numbers in cells M×D. Args: rows: int64 M, theirs in the file; width: D, None: as the first has it."""

    def refuse(which: np.ndarray, what: str) -> NoReturn:
        raise CurationError(f"{path}: row {rows[np.flatnonzero(which)[0]]:,} {what}; every image needs a whole vector")

    missing = cells.is_null().to_numpy(zero_copy_only=False)
    if missing.any():
        refuse(missing, "has no vector")
    fixed = pa.types.is_fixed_size_list(cells.type)
    lengths = np.full(len(cells), cells.type.list_size) if fixed else pc.list_value_length(cells).to_numpy()
    width = int(lengths[0]) if width is None and len(lengths) else width or 0
    other = (lengths != width) | (lengths == 0)
    if other.any():
        refuse(other, f"has {lengths[other][0]:,} numbers, the rows before have {width:,}" if width else "is empty")
    values = cells.flatten()
    lacking = values.is_null().to_numpy(zero_copy_only=False).reshape(len(cells), width).any(axis=1)
    if lacking.any():
        refuse(lacking, "lacks some of its numbers")
    return values.to_numpy(zero_copy_only=False).reshape(len(cells), width)


def _of_numbers(kind: pa.DataType) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    return pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)


def _require_rows(path: Path, found: int, count: int) -> None:
    if found != count:
        raise CurationError(
            f"{path} has {found:,} vectors and the source {count:,} images; give one vector for each image of the "
            "source, in its order, also for images that are skipped or not drawn by source.limit"
        )
