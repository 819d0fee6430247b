"""Shards on disk: whole or absent, named by their own digest, noticed when altered, written twice without harm."""

from __future__ import annotations

import contextlib
import copy
import io
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from curation.errors import CurationError
from curation.plugin import fingerprint
from curation.storage.addresses import entries, is_remote
from curation.storage.copies import copied_size, copy_of, keep_copy
from curation.storage.files import digest, write_bytes

FEW_ROWS = 16

_SHARD = re.compile(r"shard-(\d{5,})-(?:[0-9a-f]{16}-)?([0-9a-f]{16})\.(npy|parquet|zst)")
_verified: set[tuple[str, int, int]] = set()


class Shards:
    """The shards of one result: ``shard-00017-<digest>.npy`` or ``.parquet``, ``count`` of them in one folder."""

    earlier: ClassVar[tuple[str, ...]] = ()
    """Kinds as which earlier versions kept the same."""

    def __init__(self, folder: Path, count: int, kind: str) -> None:
        """Args: folder: theirs alone, may not exist yet; count: how many make the whole; kind: npy, parquet or zst."""
        self.folder = folder
        self.count = count
        self.kind = kind
        self._known: dict[int, str] | None = None

    def present(self) -> dict[int, str]:
        """Return the file names of the shards on disk by index, contents unchecked."""
        found: dict[int, str] = {}
        for name in sorted(_names(self.folder)):
            match = _SHARD.fullmatch(name)
            if match and match[3] in (self.kind, *self.earlier) and int(match[1]) < self.count:
                found.setdefault(int(match[1]), name)
        return found

    def known(self) -> list[int]:
        """Return the indices of the shards on disk, or of those that were there when it was frozen."""
        return sorted(self.present() if self._known is None else self._known)

    def missing(self, *, verify: bool = False) -> list[int]:
        """Return the indices still to be computed; with ``verify`` a shard whose bytes do not match is removed."""
        present = self.present()
        if verify:
            sizes = {entry.name: entry.stat.st_size for entry in entries(self.folder)} if is_remote(self.folder) else {}
            for name in present.values():
                path = self.folder / name
                if not (_intact_there(path, sizes[name]) if name in sizes else _intact(path)):
                    path.unlink(missing_ok=True)
            present = self.present()
        return [index for index in range(self.count) if index not in present]

    def complete(self) -> bool:
        """Whether every shard is there, contents unchecked."""
        return not self.missing()

    def digest(self) -> str:
        """Return a hash of all contents. Raises: CurationError when a shard is missing."""
        frozen = self.freeze()
        return fingerprint([frozen._name(index) for index in range(self.count)])

    def write(self, index: int, value: np.ndarray | pd.DataFrame) -> None:
        """Write one shard: an array as ``.npy``, a table as Parquet. Raises: CurationError."""
        buffer = io.BytesIO()
        if isinstance(value, pd.DataFrame):
            value.to_parquet(buffer, index=False)
        else:
            np.save(buffer, value, allow_pickle=False)
        self._keep(f"shard-{index:05d}", buffer.getvalue())

    def _keep(self, name: str, content: bytes) -> None:
        path = self.folder / f"{name}-{digest(content)}.{self.kind}"
        write_bytes(path, content)
        if is_remote(path):
            keep_copy(path, digest(content), content)  # it will soon be read

    def array(self, index: int) -> np.ndarray:
        """Return a shard's array, memory-mapped. Raises: CurationError."""
        path = self._path(index)
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise self._damaged(path) from error

    def table(self, index: int) -> pd.DataFrame:
        """Return a shard's table. Raises: CurationError."""
        return self._table(index).to_pandas()

    def whole_array(self) -> np.ndarray:
        """Return all shards' arrays, one after the other. Raises: CurationError."""
        frozen = self.freeze()
        return np.concatenate([frozen.array(index) for index in range(self.count)])

    def whole_table(self) -> pd.DataFrame:
        """Return all shards' tables, one under the other. Raises: CurationError."""
        frozen = self.freeze()
        return pyarrow.concat_tables([frozen._table(index) for index in range(self.count)]).to_pandas()

    def _table(self, index: int) -> pyarrow.Table:
        path = self._path(index)
        try:
            # A third of the time of parquet.read_table, which prepares for many files.
            return parquet.ParquetFile(pyarrow.BufferReader(path.read_bytes())).read(use_threads=False)
        except (ValueError, OSError) as error:
            raise self._damaged(path) from error

    def gather(self, rows: np.ndarray, starts: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return chosen rows of the whole array.

        Args:
            rows: int64 M, positions in the whole, any order.
            starts: int64 count + 1, the first row of each shard, and the number of rows.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if not len(rows):
            return self.array(0)[:0]
        owner = np.searchsorted(starts, rows, side="right") - 1
        out: np.ndarray | None = None
        for index in np.unique(owner):
            mine = np.flatnonzero(owner == index)
            order = mine[np.argsort(rows[mine], kind="stable")]
            some = self._rows(int(index), rows[order] - starts[index])
            if out is None:
                out = np.empty((len(rows), *some.shape[1:]), dtype=some.dtype)
            out[order] = some
        assert out is not None
        return out

    def _rows(self, index: int, rows: np.ndarray) -> np.ndarray:
        """Return some rows of a shard; a few are read one by one, for mapping a file costs more than they do."""
        path = self._path(index)
        if len(rows) > FEW_ROWS:
            return self.array(index)[rows]
        try:
            with path.open("rb") as file:
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                start = file.tell()
                out = np.empty((len(rows), *shape[1:]), dtype=dtype)
                for place, row in enumerate(rows.tolist()):
                    file.seek(start + row * out[0].nbytes)
                    if file.readinto(out[place : place + 1].data.cast("B")) != out[0].nbytes:
                        raise EOFError
                return out
        except (ValueError, EOFError, OSError) as error:
            raise self._damaged(path) from error

    def _path(self, index: int) -> Path:
        """Return where a shard lies on the local disk: itself, or the copy of a remote one."""
        path = self.folder / self._name(index)
        if not is_remote(path):
            return path
        try:
            return copy_of(path, _digest_in(path))
        except (ValueError, OSError) as error:
            raise self._damaged(path) from error

    def _name(self, index: int) -> str:
        name = (self.present() if self._known is None else self._known).get(index)
        if name is None:
            raise CurationError(f"{self.folder} lacks shard {index}; run the recipe again to compute it")
        return name

    def freeze(self) -> Self:
        """Return the same shards with their file names looked up once, for many reads of a finished result."""
        frozen = copy.copy(self)
        frozen._known = self.present()
        return frozen

    def _damaged(self, path: Path) -> CurationError:
        return CurationError(f"{path} is damaged; delete it, or run the recipe again, and it is computed again")


class Rows:
    """The whole array over its shards, read where it is indexed: serves where an array does, but not in memory."""

    def __init__(self, shards: Shards, starts: np.ndarray) -> None:
        """Args: shards: all there; starts: int64 count + 1, the first row of each, and the number of rows."""
        self._shards, self._starts = shards.freeze(), starts
        first = self._shards.array(0)
        self.dtype = first.dtype
        self.shape = (int(starts[-1]), *first.shape[1:])
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """What all of it would take in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return some rows, in the order asked."""
        picked = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        return self._shards.gather(picked, self._starts)


def _names(folder: Path) -> list[str]:
    """Return the names of the files in a folder, none where there is none."""
    if is_remote(folder):
        return [entry.name for entry in entries(folder)]
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return os.listdir(folder)  # noqa: PTH208  a thousand path objects take longer to make than their names to list
    return []


def _digest_in(path: Path) -> str:
    match = _SHARD.fullmatch(path.name)
    assert match is not None
    return match[2]


def _intact_there(path: Path, size: int) -> bool:
    """Whether a remote shard is what its name says: read once, and then as long as there is a copy of its size."""
    of = _digest_in(path)
    if copied_size(path, of) == size:
        return True
    try:
        return copied_size(path, of) is None and copy_of(path, of).stat().st_size == size
    except (ValueError, FileNotFoundError):
        return False


def _intact(path: Path) -> bool:
    stat = path.stat()
    seen = (str(path), int(stat.st_size), int(getattr(stat, "st_mtime_ns", 0)))
    if seen not in _verified:
        match = _SHARD.fullmatch(path.name)
        if match is None or digest(path.read_bytes()) != match[2]:
            return False
        _verified.add(seen)
    return True
