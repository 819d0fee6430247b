"""Sources whose pixels are arrays: what shapes, types and labels are accepted, and one ``Source`` for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from curation.errors import CurationError
from curation.readers.base import Chunk, Source

MOST_CLASSES = 100_000
_BLOCK = 8192
_ROUNDING = 1e-6


@dataclass
class ArraySource(Source):
    """Images that come as rows of an array.

    rows: a picklable function (start, stop) → array of the rows start … stop − 1, uint8 or float in [0, 1], with or
    without a channel axis; labels: int64 N; name: what a row is called in names and errors, e.g. "cats.npz row".
    """

    rows: Callable[[int, int], np.ndarray] = field(repr=False)
    labels: np.ndarray = field(repr=False)
    classes: list[str]
    shape: tuple[int, int, int]
    name: str
    fingerprint: str

    def __len__(self) -> int:
        return len(self.labels)

    def class_counts(self) -> np.ndarray:
        """Return the rows of each class; see ``Source.class_counts``."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.classes))

    def read(self, start: int, stop: int) -> Chunk:
        """Return the samples at positions start … stop − 1; see ``Source.read``."""
        positions = range(len(self))[start:stop]
        ids = np.arange(positions.start, positions.stop, dtype=np.int64)
        block = self.rows(positions.start, positions.stop).reshape(-1, *self.shape)
        images = as_pixels(block, row=f"{self.name} {{}}", start=positions.start)
        return Chunk(images, self.labels[ids], ids, [f"{self.name} {i}" for i in positions])


def image_shape(shape: Sequence[int], dtype: np.dtype, *, where: str) -> tuple[int, int, int]:
    """Return (H, W, C) of an array of images.

    Raises: CurationError unless it is uint8 or float, N×H×W or N×H×W×C with C = 1 or 3, and not empty.
    """
    spelled = "×".join(map(str, shape)) or "a single number"
    expected = "expected N×H×W or N×H×W×C with C = 1 or 3"
    if dtype.kind == "O":
        raise CurationError(f"{where} holds Python objects, which are never loaded; save it as one uint8 array")
    if dtype != np.uint8 and dtype.kind != "f":
        raise CurationError(
            f"{where} is {dtype}; expected uint8 (0 … 255) or float in [0, 1]; convert it and save again"
        )
    if len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3):
        raise CurationError(f"{where} is {spelled}, channels first; {expected}: use np.transpose(images, (0, 2, 3, 1))")
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise CurationError(f"{where} is {spelled}; {expected}: reshape it and save again")
    if 0 in shape:
        raise CurationError(f"{where} is {spelled}, so it holds no images; save at least one for each of two classes")
    return int(shape[1]), int(shape[2]), int(shape[3]) if len(shape) == 4 else 1


def as_pixels(block: np.ndarray, *, row: str, start: int = 0) -> np.ndarray:
    """Return images as uint8: uint8 as they are, floats in [0, 1] times 255, rounded.

    Args: block: N×H×W×C; row: names a row in errors, "{}" being its number; start: number of the block's first row.
    Raises: CurationError naming the row whose floats are NaN, infinite or outside [0, 1].
    """
    if block.dtype == np.uint8:
        return block
    values = block.astype(np.float32).reshape(len(block), -1)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise CurationError(
            f"{row.format(start + int(finite.argmin()))} has NaN or infinite pixels; remove or repair it"
        )
    low, high = values.min(axis=1, initial=0), values.max(axis=1, initial=0)
    outside = (low < -_ROUNDING) | (high > 1 + _ROUNDING)
    if outside.any():
        at = int(outside.argmax())
        raise CurationError(
            f"{row.format(start + at)} has pixels from {low[at]:g} to {high[at]:g}; float images must be in [0, 1]: "
            "save them as uint8, or scale them"
        )
    return np.rint(values.clip(0, 1) * np.float32(255)).astype(np.uint8).reshape(block.shape)


def class_indices(labels: np.ndarray, *, images: int, where: str) -> tuple[np.ndarray, int]:
    """Return labels as int64 N and the number of classes K (the highest label + 1, or the row length).

    Args: labels: integers N or N×1, or N×K rows of non-negative weights, of which the largest counts.
    Raises: CurationError naming the row: wrong type or shape, another N than ``images``, out of range, one class only.
    """
    if labels.ndim == 0 or len(labels) != images:
        count = len(labels) if labels.ndim else "a single number"
        raise CurationError(f"{where} has {count} labels for {images} images; save one label for each image")
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "fiub":
        indices, classes = _largest(labels, where), labels.shape[1]
    elif labels.dtype.kind not in "iu" or labels.size != images:
        spelled = "×".join(map(str, labels.shape))
        raise CurationError(
            f"{where} is {labels.dtype} {spelled}; expected integers N, or N×K rows of non-negative weights"
        )
    else:
        highest = max(images, MOST_CLASSES)
        wrong = (labels.reshape(-1) < 0) | (labels.reshape(-1) >= highest)
        if wrong.any():
            at = int(wrong.argmax())
            raise CurationError(
                f"{where} row {at} is {labels.reshape(-1)[at]}, out of range; labels must be class indices 0 … K − 1"
            )
        indices = labels.reshape(-1).astype(np.int64)
        classes = int(indices.max()) + 1
    check_two_classes(np.unique(indices), where=where)
    return indices, classes


def check_two_classes(present: Sequence[object] | np.ndarray, *, where: str) -> None:
    """Raise CurationError unless there are at least two different classes."""
    if len(present) < 2:
        only = f"only one class, {present[0]!s}" if len(present) else "no class"
        raise CurationError(f"{where} has {only}; curation needs images of at least two classes")


def _largest(labels: np.ndarray, where: str) -> np.ndarray:
    """Argmax of N×K, in blocks, so that a memory-mapped file is never loaded as a whole."""
    indices = np.empty(len(labels), np.int64)
    for at in range(0, len(labels), _BLOCK):
        block = np.asarray(labels[at : at + _BLOCK], dtype=np.float64)
        wrong = ~np.isfinite(block).all(axis=1) | (block < 0).any(axis=1) | (block.sum(axis=1) <= 0)
        if wrong.any():
            row = at + int(wrong.argmax())
            raise CurationError(
                f"{where} row {row} is not a label: expected finite, non-negative weights, not all 0; correct that row"
            )
        indices[at : at + _BLOCK] = block.argmax(axis=1)
    return indices
