"""An ``.npz`` archive of images and labels, read as a stream: it is never unpacked as a whole."""

from __future__ import annotations

import math
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from pydantic import Field

from curation.errors import CurationError, some_of
from curation.readers.arrays import ArraySource, arrays_not_read, open_split
from curation.readers.base import Reader, choose_split
from curation.readers.files import existing, files_fingerprint
from curation.readers.splits import arrays_by_split
from curation.readers.white_level import white_level_field

_NAMES = ("class_names", "classes", "label_names", "target_names")


class Npz(Reader):
    """Arrays ``images`` and ``labels`` (or x and y, data and label), upper or lower case, in one .npz.

    Splits are ``x_train``, ``y_train``, ``x_test``, … or ``train_images``, ``train_labels``, …; optional class names
    are an array of text, ``class_names`` or ``classes``. Pixels are integers or floats, scaled so that white is 255.
    """

    name: ClassVar[str] = "npz"
    title: ClassVar[str] = "NumPy archive (.npz)"
    version: ClassVar[int] = 2

    path: str = Field(min_length=1, description="the .npz file")
    white_level: float | None = white_level_field()

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether a file is named .npz."""
        return path.is_file() and path.suffix.lower() == ".npz"

    def open(self) -> ArraySource:
        """Open the archive. Raises: CurationError naming the array and, where one is to blame, the row."""
        path = existing(self.path, "file")
        members = _members(path)
        pairs = arrays_by_split(members, where=str(path))
        if not pairs:
            held = f"it holds {', '.join(members)}" if members else "it holds no array"
            raise CurationError(f"{path} has no arrays named images and labels (or x and y); {held}: rename them")
        return open_split(
            choose_split(self.split, pairs, where=f"{path}, which holds {some_of(members, 8)},"),
            pairs,
            rows=partial(ZipRows, path),
            names=_class_names(path, members),
            unread=[name for name in arrays_not_read(members, pairs) if name.lower() not in _NAMES],
            white_level=self.white_level,
            where=lambda array: f"{path}: {array}",
            name=lambda array: f"{path.name} {array} row",
            fingerprint=files_fingerprint([(path.name, path.stat())]),
        )


class ZipRows:
    """Rows of one array in an archive: forward reads continue the stream, going back starts it again."""

    def __init__(self, path: Path, array: str) -> None:
        """Raises: CurationError when the header is damaged or promises what cannot be streamed."""
        self.path, self.array = path, array
        self._stream: IO[bytes] | None = None
        try:
            with zipfile.ZipFile(path) as archive, archive.open(f"{array}.npy") as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                self.shape, by_column, self.dtype = read(stream)
                self._offset = stream.tell()
        except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            raise self._damaged(error) from None
        if self.dtype.hasobject:
            kind = f"a plain array ({array}.astype(str) for text)"
            raise CurationError(f"{path}: {array} holds Python objects, which are never loaded; save {kind}")
        if by_column and len(self.shape) > 1:
            raise CurationError(
                f"{path}: {array} is stored column by column, so it cannot be streamed; save np.ascontiguousarray of it"
            )

    def __call__(self, start: int, stop: int) -> np.ndarray:
        """Return the rows start … stop − 1. Raises: CurationError when the archive ends or breaks before them."""
        row_bytes = self.dtype.itemsize * math.prod(self.shape[1:])
        wanted = (stop - start) * row_bytes
        try:
            if self._stream is None:
                self._stream = zipfile.ZipFile(self.path).open(f"{self.array}.npy")  # noqa: SIM115 kept open
            self._stream.seek(self._offset + start * row_bytes)
            raw = self._stream.read(wanted)
        except (EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
            self._stream = None
            raise self._damaged(error, start) from None
        if len(raw) < wanted:
            raise self._damaged("its data ends too early", start)
        return np.frombuffer(raw, self.dtype).reshape(stop - start, *self.shape[1:])

    def _damaged(self, error: object, row: int | None = None) -> CurationError:
        where = f"{self.path}: {self.array}" + (f" from row {row} on" if row is not None else "")
        return CurationError(f"{where} is damaged or incomplete ({error}); download or save the file again")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_stream": None}


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise CurationError(f"{path} is not a complete .npz ({error}); download or save it again") from None


def _class_names(path: Path, members: list[str]) -> list[str] | None:
    """Return the names in the archive. Raises: CurationError: no list of text, or two lists that differ."""
    by_name = {name.lower(): name for name in members}
    lists: dict[str, list[str]] = {}
    for array in (by_name[name] for name in _NAMES if name in by_name):
        rows = ZipRows(path, array)
        names = rows(0, rows.shape[0]) if rows.shape else np.zeros(())
        if names.ndim != 1 or names.dtype.kind not in "US":
            spelled = "×".join(map(str, names.shape))
            raise CurationError(
                f"{path}: {array} is {names.dtype} {spelled}; expected the class names, an array of text"
            )
        lists[array] = [
            one.decode("utf-8", "backslashreplace") if isinstance(one, bytes) else str(one) for one in names
        ]
    if len({tuple(names) for names in lists.values()}) > 1:
        told = "; ".join(f"{array}: {', '.join(names[:4])} …" for array, names in lists.items())
        raise CurationError(f"{path} names its classes twice, and differently ({told}); keep one of the arrays")
    return next(iter(lists.values()), None)
