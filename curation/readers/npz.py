"""An ``.npz`` archive of images and labels, read as a stream: it is never unpacked as a whole."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from pydantic import Field

from curation.errors import CurationError
from curation.readers.arrays import ArraySource, as_pixels, class_indices, image_shape
from curation.readers.base import Reader, choose_split
from curation.readers.files import existing, files_fingerprint
from curation.readers.splits import arrays_by_split


class Npz(Reader):
    """Arrays ``images`` and ``labels`` (or x and y, data and label), upper or lower case, in one .npz.

    Splits are ``x_train``, ``y_train``, ``x_test``, … or ``train_images``, ``train_labels``, …; optional class names
    are an array of text, ``classes``. Pixels are uint8, or floats in [0, 1], which are multiplied by 255.
    """

    name: ClassVar[str] = "npz"
    title: ClassVar[str] = "NumPy archive (.npz)"

    path: str = Field(min_length=1, description="the .npz file")

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
        images, labels = pairs[choose_split(self.split, pairs, where=str(path))]
        pixels = ZipRows(path, images)
        shape = image_shape(pixels.shape, pixels.dtype, where=f"{path}: {images}")
        label_rows = ZipRows(path, labels)
        values = label_rows(0, label_rows.shape[0] if label_rows.shape else 0)
        indices, highest = class_indices(values, images=pixels.shape[0], where=f"{path}: {labels}")
        as_pixels(pixels(0, 1).reshape(1, *shape), row=f"{path}: {images} row {{}}")
        stat = path.stat()
        return ArraySource(
            rows=pixels,
            labels=indices,
            classes=_classes(path, members, pairs, highest),
            shape=shape,
            name=f"{path.name} {images} row",
            fingerprint=files_fingerprint([(path.name, stat)]),
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
            raise CurationError(f"{path}: {array} holds Python objects, which are never loaded; save a plain array")
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


def _classes(path: Path, members: list[str], pairs: dict[str, tuple[str, str]], highest: int) -> list[str]:
    """Names from the array ``classes``, else numbers up to the highest label of any split."""
    by_name = {name.lower(): name for name in members}
    if "classes" in by_name:
        rows = ZipRows(path, by_name["classes"])
        names = [str(name) for name in rows(0, rows.shape[0])] if rows.shape and rows.dtype.kind == "U" else []
        if len(names) < highest or len(set(names)) != len(names):
            raise CurationError(
                f"{path}: classes must be an array of at least {highest} different strings, one for each label"
            )
        return names
    for _, labels in pairs.values():
        rows = ZipRows(path, labels)
        values = rows(0, rows.shape[0]) if rows.shape else np.zeros(0)
        if values.dtype.kind in "iu" and values.size == len(values) and len(values) and values.max() < 100_000:
            highest = max(highest, int(values.max()) + 1)
    return [str(index) for index in range(highest)]
