"""Sources whose pixels are arrays: what shapes and types are accepted, and one ``Source`` for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from curation.errors import CurationError, some_of
from curation.readers.base import Chunk, Skipped, Source
from curation.readers.labels import NO_LABEL, UNLABELED, Labels, read_labels
from curation.readers.white_level import DARK, UnclearWhite, White, outside, to_bytes, white_of

_BLOCK_BYTES, _FIRST = 8 << 20, 64
"""What is looked at together for what is white: a few rows first, which most often tell it."""


class Rows(Protocol):
    """An array that is read by ranges of its rows, and can be pickled."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def __call__(self, start: int, stop: int) -> np.ndarray:
        """Return the rows start … stop − 1. Raises: CurationError."""


@dataclass
class ArraySource(Source):
    """Images that come as rows of an array.

    rows: a picklable function (start, stop) → array of the rows start … stop − 1, with or without a channel axis, of
    values from 0 (black) to ``white``; labels: int64 N, −1: none; name: what a row is called in names and errors, e.g.
    "cats.npz row"; white: see ``settle_white``; soft_labels, weights, remarks: as ``Source`` and ``Chunk`` have them.
    """

    rows: Callable[[int, int], np.ndarray] = field(repr=False)
    labels: np.ndarray = field(repr=False)
    classes: list[str]
    shape: tuple[int, int, int]
    name: str
    fingerprint: str
    white: float = 255.0
    soft_labels: np.ndarray | None = field(default=None, repr=False)
    weights: np.ndarray | None = field(default=None, repr=False)
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.white_level = None if self.white in (255, 1) else self.white

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, start: int, stop: int) -> Chunk:
        """Return the samples at positions start … stop − 1; see ``Source.read``."""
        positions = range(len(self))[start:stop]
        ids = np.arange(positions.start, positions.stop, dtype=np.int64)
        block = self.rows(positions.start, positions.stop).reshape(-1, *self.shape)
        images = as_pixels(block, white=self.white, row=f"{self.name} {{}}", start=positions.start)
        labels = self.labels[ids]
        kept = labels != UNLABELED
        names = [f"{self.name} {i}" for i in positions]
        return Chunk(
            images=images[kept],
            labels=labels[kept],
            sample_ids=ids[kept],
            names=[name for name, here in zip(names, kept.tolist(), strict=True) if here],
            skipped=[Skipped(int(i), names[i - positions.start], NO_LABEL) for i in ids[~kept]],
            soft_labels=None if self.soft_labels is None else self.soft_labels[ids[kept]],
            weights=None if self.weights is None else self.weights[ids[kept]],
        )


def open_split(
    split: str,
    pairs: Mapping[str, tuple[str, str]],
    *,
    rows: Callable[[str], Rows],
    names: Sequence[str] | None,
    white_level: float | None,
    unread: Sequence[str] = (),
    where: Callable[[str], str],
    name: Callable[[str], str],
    fingerprint: str,
) -> ArraySource:
    """Return one split of images and labels in arrays; all splits have the same classes, and the same white.

    Args:
        split: one of ``pairs``.
        pairs: by split, the names of its arrays of images and of labels.
        rows: opens an array by its name.
        names: of the classes, where they are known.
        white_level: what a person says is white.
        unread: what else there is, and is not read.
        where, name: how errors, and how samples, name an array's rows.

    Raises: CurationError naming the array and, where one is to blame, the row.
    """
    images, labels = pairs[split]
    pixels = rows(images)
    shape = image_shape(pixels.shape, pixels.dtype, where=where(images))
    values = {part: _whole(rows(array)) for part, (_, array) in pairs.items()}

    def labels_of(part: str) -> Labels:
        others = [value for other, value in values.items() if other not in (part, "train")]
        return read_labels(
            values[part],
            images=rows(pairs[part][0]).shape[0],
            where=where(pairs[part][1]),
            names=names,
            train=None if part == "train" else values.get("train"),
            others=others,
        )

    found = labels_of(split)
    if split != "train" and "train" in pairs:
        first, known = pairs["train"], rows(pairs["train"][0])
        theirs = image_shape(known.shape, known.dtype, where=where(first[0]))
        if shape != theirs:
            here, there = ("×".join(map(str, one)) for one in (shape, theirs))
            raise CurationError(
                f"{where(images)} has images of {here}, but {where(first[0])} of {there}; bring both to one size and "
                "number of channels"
            )
        if found.classes != (classes := labels_of("train").classes):
            raise CurationError(
                f"{where(labels)} tells the classes {some_of(found.classes, 8)}, but {where(first[1])} "
                f"{some_of(classes, 8)}; save labels of the same kind in both"
            )
    reference = pairs["train"][0] if "train" in pairs and rows(pairs["train"][0]).dtype == pixels.dtype else images
    known = rows(reference)
    white = settle_white(known, known.shape, known.dtype, asked=white_level, where=where(reference))
    return ArraySource(
        rows=pixels,
        labels=found.indices,
        classes=found.classes,
        shape=shape,
        name=name(images),
        fingerprint=fingerprint,
        white=white.level,
        soft_labels=found.soft,
        remarks=(
            *found.remarks,
            *([white.remark] if white.remark else []),
            *([f"beside the images and labels, not read: {some_of(unread, 8)}"] if unread else []),
        ),
    )


def arrays_not_read(arrays: Iterable[str], pairs: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return the arrays that are of no split's images or labels."""
    return [name for name in arrays if name not in {array for pair in pairs.values() for array in pair}]


def _whole(rows: Rows) -> np.ndarray:
    return rows(0, rows.shape[0]) if rows.shape else np.zeros((), rows.dtype)


def image_shape(shape: Sequence[int], dtype: np.dtype, *, where: str) -> tuple[int, int, int]:
    """Return (H, W, C) of an array of images.

    Raises: CurationError unless it is of booleans, integers or floats, N×H×W or N×H×W×C with C = 1 or 3, and not empty.
    """
    spelled = "×".join(map(str, shape)) or "a single number"
    expected = "expected N×H×W or N×H×W×C with C = 1 or 3"
    if dtype.kind == "O":
        raise CurationError(f"{where} holds Python objects, which are never loaded; save it as one uint8 array")
    if dtype.kind not in "buif":
        raise CurationError(f"{where} is {dtype}; expected pixels as integers or floats; convert it and save again")
    if len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3):
        raise CurationError(f"{where} is {spelled}, channels first; {expected}: use np.transpose(images, (0, 2, 3, 1))")
    if len(shape) == 4 and shape[3] == 4:
        raise CurationError(
            f"{where} is {spelled}, with transparency; {expected}: composite it on a color, and save 3 channels"
        )
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise CurationError(f"{where} is {spelled}; {expected}: reshape it and save again")
    if 0 in shape:
        raise CurationError(f"{where} is {spelled}, so it holds no images; save at least one for each of two classes")
    return int(shape[1]), int(shape[2]), int(shape[3]) if len(shape) == 4 else 1


def settle_white(
    rows: Callable[[int, int], np.ndarray], shape: Sequence[int], dtype: np.dtype, *, asked: float | None, where: str
) -> White:
    """Return what is white among images that come as rows of an array: where nothing is asked, by the brightest of all.

    Args: rows: as ``ArraySource`` has them; shape: N×…; asked: what a person says is white; where: names the array.
    Raises: CurationError: it cannot be told, or pixels are negative, NaN or infinite.
    """
    brightest, start = 0.0, 0
    many = max(1, _BLOCK_BYTES // (int(np.prod(shape[1:])) * dtype.itemsize))
    enough = DARK if dtype == np.uint8 else 2**15 if dtype.kind in "ui" else np.inf
    while asked is None and dtype.kind != "b" and start < shape[0] and brightest < enough:
        stop = min(start + (many if start else min(many, _FIRST)), shape[0])
        brightest = max(brightest, _brightest(rows(start, stop), f"{where} row {{}}", start))
        start = stop
    try:
        return white_of(brightest, dtype, what=where, asked=asked)
    except UnclearWhite as error:
        raise CurationError(str(error)) from None


def _brightest(block: np.ndarray, row: str, start: int) -> float:
    """Return the brightest pixel of some rows. Raises: CurationError naming a row that cannot be used."""
    if block.dtype.kind in "fi":
        for at, image in enumerate(block):
            if wrong := outside(image, np.inf):
                raise CurationError(f"{row.format(start + at)} {wrong}")
    return float(block.max(initial=0))


def as_pixels(block: np.ndarray, *, white: float = 255.0, row: str, start: int = 0) -> np.ndarray:
    """Return images as uint8: uint8 as they are where 255 is white, all else scaled so that white is 255, rounded.

    Args: block: N×H×W×C; row: names a row in errors, "{}" being its number; start: number of the block's first row.
    Raises: CurationError naming the row whose pixels are NaN, infinite, negative or above white.
    """
    if block.dtype == np.uint8 and white == 255:
        return block
    for at, image in enumerate(block):
        if wrong := outside(image, white):
            raise CurationError(f"{row.format(start + at)} {wrong}")
    return to_bytes(block, white)
