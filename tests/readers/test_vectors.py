"""Vectors from files: the rows that are asked for, as float32; or one sentence on why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from curation.errors import CurationError
from curation.readers.vectors import read_vectors

VECTORS = np.arange(40).reshape(10, 4) / 8
SOME = np.array([1, 3, 4, 9])
FLOATS = pa.list_(pa.float32())


def npy(folder: Path, values: Any) -> str:
    np.save(folder / "vectors.npy", values, allow_pickle=True)
    return str(folder / "vectors.npy")


def table(folder: Path, cells: Any, kind: pa.DataType) -> str:
    columns = {"text": pa.array(["a"] * len(cells)), "vector": pa.array(list(cells), kind)}
    parquet.write_table(pa.table(columns), folder / "vectors.parquet", row_group_size=3)
    return str(folder / "vectors.parquet")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8"])
def test_an_array_gives_the_rows_asked_for(tmp_path: Path, dtype: str) -> None:
    whole = (8 * VECTORS).astype(dtype)
    found = read_vectors(npy(tmp_path, whole), None, positions=SOME, count=10)
    assert found.dtype == np.float32
    assert (found == whole[SOME]).all()


@pytest.mark.parametrize(
    "kind", [FLOATS, pa.large_list(pa.float64()), pa.list_(pa.float32(), 4), pa.list_(pa.int16())], ids=str
)
def test_a_column_gives_the_rows_asked_for_whatever_its_lists_are(tmp_path: Path, kind: pa.DataType) -> None:
    whole = 8 * VECTORS
    file = table(tmp_path, whole.astype(np.int64) if kind.value_type == pa.int16() else whole, kind)
    assert (read_vectors(file, "vector", positions=SOME, count=10) == whole[SOME]).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((3, 2)), "has 3 vectors and the source 2 images; give one vector for each image of the source"),
        (np.zeros(2), "expected numbers N×D, a row for each image of the source, got float64 2"),
        (np.array([["a"], ["b"]]), "expected numbers"),
        (np.array([[1, 2], [1]], dtype=object), "not a complete .npy file of numbers .*Python objects.*; write it"),
        (np.array([[1, 2], [1, np.inf]]), "the vector in row 1 holds NaN, infinity"),
        (np.array([[1e300], [1]]), "the vector in row 0 holds .* what float32 cannot hold"),
        (np.zeros((2, 0)), "expected numbers"),
    ],
)
def test_an_array_that_is_none_of_the_source_is_refused(tmp_path: Path, values: np.ndarray, said: str) -> None:
    with pytest.raises(CurationError, match=said):
        read_vectors(npy(tmp_path, values), None, positions=np.arange(2), count=2)


@pytest.mark.parametrize(
    ("cells", "kind", "said"),
    [
        ([[1, 2], [1, 2], [3]], FLOATS, "row 2 has 1 numbers, the rows before have 2"),
        ([[1], None, [1]], FLOATS, "row 1 has no vector"),
        ([[1], [None], [1]], FLOATS, "row 1 lacks some of its numbers"),
        ([[], [1], [1]], FLOATS, "row 0 is empty"),
        ([[1], [float("nan")], [1]], FLOATS, "the vector in row 1 holds NaN"),
        ([[1], [1]], FLOATS, "has 2 vectors and the source 3 images"),
        ([["a"], ["b"], ["c"]], pa.list_(pa.string()), "'vector' is list.*string.*; no column holds lists of numbers"),
        ([1, 2, 3], pa.float32(), "'vector' is float, not lists of numbers"),
    ],
)
def test_a_column_that_is_none_of_the_source_is_refused(tmp_path: Path, cells: Any, kind: Any, said: str) -> None:
    with pytest.raises(CurationError, match=said):
        read_vectors(table(tmp_path, cells, kind), "vector", positions=np.arange(3), count=3)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    def refuse(file: str, column: str | None, said: str) -> None:
        with pytest.raises(CurationError, match=said):
            read_vectors(file, column, positions=SOME, count=10)

    refuse(table(tmp_path, VECTORS, FLOATS), "vektor", "'vektor' is not there; lists of numbers are in vector")
    refuse(str(tmp_path / "gone.npy"), None, "does not exist")
    cut = Path(npy(tmp_path, VECTORS))
    cut.write_bytes(cut.read_bytes()[:200])
    refuse(str(cut), None, "not a complete .npy file")
    (tmp_path / "vectors.parquet").write_bytes(b"PAR1")
    refuse(str(tmp_path / "vectors.parquet"), "vector", "not a complete Parquet file")
