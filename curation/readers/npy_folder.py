"""A folder of ``data.npy`` and ``label.npy``, mapped rather than loaded."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.errors import CurationError
from curation.readers.arrays import ArraySource, as_pixels, class_indices, image_shape
from curation.readers.base import Reader, choose_split
from curation.readers.files import existing, files_fingerprint, reading
from curation.readers.splits import arrays_by_split


class NpyFolder(Reader):
    """Images N×H×W(×C) in data.npy; labels in label.npy, integers N or rows N×K, of which the largest counts.

    The format in which curated sets are exported: uint8 pixels, or floats in [0, 1], which are multiplied by 255.
    """

    name: ClassVar[str] = "npy_folder"
    title: ClassVar[str] = "Folder of data.npy and label.npy"

    path: str = Field(
        min_length=1, description="the folder that holds data.npy and label.npy, or x_train.npy, y_train.npy, …"
    )

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
        arrays = pairs[choose_split(self.split, pairs, where=str(folder))]
        data, label = (existing(folder / f"{array}.npy", "file") for array in arrays)
        images = _mapped(data)
        shape = image_shape(images.shape, images.dtype, where=str(data))
        labels, classes = class_indices(_mapped(label), images=len(images), where=str(label))
        as_pixels(images[:1], row=f"{data} row {{}}")
        return ArraySource(
            rows=partial(_rows, data),
            labels=labels,
            classes=[str(index) for index in range(classes)],
            shape=shape,
            name=f"{data.name} row",
            fingerprint=files_fingerprint((file.name, file.stat()) for file in (data, label)),
        )


def _arrays(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.npy"))


def _rows(file: Path, start: int, stop: int) -> np.ndarray:
    """Copy rows out of a map that is dropped at once, so that no page of the file stays counted as ours."""
    return np.array(_mapped(file)[start:stop])


def _mapped(file: Path) -> np.ndarray:
    with reading(file):
        try:
            return np.lib.format.open_memmap(file, mode="r")
        except (ValueError, EOFError) as error:
            why = "it holds Python objects, which are never loaded" if "object" in str(error).lower() else str(error)
            raise CurationError(f"{file} is not a complete .npy array ({why}); save it again with np.save") from None
