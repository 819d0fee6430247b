"""A folder of ``data.npy`` and ``label.npy``, mapped rather than loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.errors import CurationError, some_of
from curation.readers.arrays import ArraySource, arrays_not_read, open_split
from curation.readers.base import Reader, choose_split
from curation.readers.files import existing, files_fingerprint, ignored, reading
from curation.readers.splits import arrays_by_split
from curation.readers.white_level import white_level_field

_NAMES = "classes.json"


class NpyFolder(Reader):
    """Images N×H×W(×C) in data.npy; labels in label.npy, integers or text N, or soft labels N×K.

    Pixels are integers or floats, scaled so that white is 255. Class names are in classes.json, where it is there.
    """

    name: ClassVar[str] = "npy_folder"
    title: ClassVar[str] = "Folder of data.npy and label.npy"
    version: ClassVar[int] = 2

    path: str = Field(
        min_length=1, description="the folder that holds data.npy and label.npy, or x_train.npy, y_train.npy, …"
    )
    white_level: float | None = white_level_field()

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether a folder holds data.npy, x_train.npy or the like, with the labels."""
        names = _arrays(path)
        return "data" in names or bool(arrays_by_split(names, where=str(path)))

    def open(self) -> ArraySource:
        """Open the two files. Raises: CurationError naming the file and, where one is to blame, the row."""
        folder = existing(self.path, "folder")
        pairs = arrays_by_split(_arrays(folder), where=str(folder))
        if not pairs:
            there = ", ".join(f"{name}.npy" for name in _arrays(folder)) or "no .npy file"
            raise CurationError(
                f"{folder} has no images with labels; expected data.npy and label.npy, or x_train.npy, y_train.npy and "
                f"so on, but it has: {there}"
            )
        arrays = _arrays(folder)
        split = choose_split(self.split, pairs, where=f"{folder}, which holds {some_of(arrays, 8)},")
        files = [existing(folder / f"{array}.npy", "file") for array in pairs[split]]
        names = folder / _NAMES
        return open_split(
            split,
            pairs,
            rows=lambda array: NpyRows(folder / f"{array}.npy"),
            names=_class_names(names),
            unread=[*arrays_not_read(arrays, pairs), *_folders(folder)],
            white_level=self.white_level,
            where=lambda array: str(folder / f"{array}.npy"),
            name=lambda array: f"{array}.npy row",
            fingerprint=files_fingerprint(
                (file.name, file.stat()) for file in (*files, *([names] if names.is_file() else []))
            ),
        )


class NpyRows:
    """Rows of an array in a file, copied out of a map that is dropped at once: no page of the file stays ours."""

    def __init__(self, file: Path) -> None:
        """Raises: CurationError when the file is not a whole array."""
        self.file = file
        mapped = _mapped(file)
        self.shape, self.dtype = mapped.shape, mapped.dtype

    def __call__(self, start: int, stop: int) -> np.ndarray:
        """Return the rows start … stop − 1. Raises: CurationError."""
        return np.array(_mapped(self.file)[start:stop])


def _arrays(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.npy"))


def _folders(folder: Path) -> list[str]:
    return sorted(f"{inner.name}/" for inner in folder.iterdir() if inner.is_dir() and not ignored(inner.name))


def _class_names(file: Path) -> list[str] | None:
    """Return the names in a list in a JSON file, None where there is no file. Raises: CurationError."""
    if not file.is_file():
        return None
    with reading(file):
        try:
            names = _decoded(file.read_bytes())
        except ValueError:
            names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CurationError(f"{file} is not a JSON list of class names; repair it or take it away")
    return names


def _decoded(raw: bytes) -> object:
    """Return what is in JSON of any of Unicode's encodings; bytes of others stay, as Python keeps them in names."""
    try:
        return json.loads(raw)
    except UnicodeDecodeError:
        return json.loads(raw.decode("utf-8", "surrogateescape"))


def _mapped(file: Path) -> np.ndarray:
    with reading(file):
        try:
            return np.lib.format.open_memmap(file, mode="r")
        except (ValueError, EOFError) as error:
            why = "it holds Python objects, which are never loaded" if "object" in str(error).lower() else str(error)
            raise CurationError(f"{file} is not a complete .npy array ({why}); save it again with np.save") from None
