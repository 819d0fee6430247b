"""Labels of any kind, brought to class indices and names; what is not one class a sample is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curation.errors import CurationError
from curation.readers.class_names import class_names, no_label_remark, number_order_remark, ordered

UNLABELED = -1
"""What stands for "no label" among integers, and among class indices."""
NO_LABEL = "it has no label"
"""Why a sample is skipped."""

_MOST_CLASSES = 100_000
_FEW = 64
"""So many classes may have one sample each."""
_NAMED = 8
"""Labels named in one sentence."""
_BLOCK = 8192
_ROUNDING = 1e-2
"""Soft labels in float16, of many classes, sum to 1 within this."""

Label = int | str


class UnusableLabel(Exception):
    """label: one that tells no class; why: as a clause: "out of range"."""

    def __init__(self, label: Label, why: str) -> None:
        super().__init__(label, why)
        self.label, self.why = label, why


@dataclass(frozen=True)
class Classes:
    """names: K, in order; index: of every label that occurs, but for those that mean "none"; remarks: sentences."""

    names: list[str]
    index: Mapping[Label, int]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Labels:
    """Labels of N samples.

    indices: int64 N in [0, K), −1: none; classes: K names; soft: float32 N×K, rows sum to 1, or None: one class each;
    remarks: what a person should know, a sentence each.
    """

    indices: np.ndarray
    classes: list[str]
    soft: np.ndarray | None = None
    remarks: tuple[str, ...] = ()


def read_labels(
    labels: np.ndarray,
    *,
    images: int,
    where: str,
    names: Sequence[str] | None = None,
    train: np.ndarray | None = None,
    others: Sequence[np.ndarray] = (),
) -> Labels:
    """Return the labels in an array.

    Args:
        labels: N or N×1 integers, whole floats, booleans or texts, where −1, NaN and empty text mean "none"; or N×K
            weights, each row one-hot or summing to 1, of which the largest is taken.
        images: N.
        names: of the classes, where they are known: integers are indices into them, texts are among them.
        train: labels of the split train, where another one is read; others: of all other splits.

    Raises: CurationError naming the row: another N, wrong type or shape, several labels a row, one class only.
    """
    if labels.ndim == 0 or len(labels) != images:
        count = len(labels) if labels.ndim else "a single number"
        raise CurationError(f"{where} has {count} labels for {images} images; save one label for each image")
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "fiub":
        return _from_rows(labels, where, names)
    values = _column(labels, where)
    splits = [_column(part, where) for part in ([] if train is None else [train]) + [*others] if _is_column(part)]
    if len({part.dtype.kind for part in (values, *splits)}) > 1:
        raise CurationError(f"{where} has text labels in one split and numbers in another; write them alike")
    distinct = [np.unique(part).tolist() for part in (values, *splits)]
    try:
        classes = classes_of(
            distinct[0], names=names, where=where, samples=images,
            train=None if train is None or not splits else distinct[1], others=distinct[1:],
        )  # fmt: skip
    except UnusableLabel as error:
        row = np.flatnonzero(values == error.label)
        at = f"row {row[0]}" if len(row) else "another split"
        raise CurationError(f"{where} {at} is {error.label!r}, {error.why}") from None
    unique, inverse = np.unique(values, return_inverse=True)
    found = np.array([classes.index.get(value, UNLABELED) for value in unique.tolist()], np.int64)
    indices = found[inverse.reshape(-1)]
    present = np.unique(indices[indices != UNLABELED])
    if len(present) == 1 and UNLABELED in indices:
        raise CurationError(
            f"{where} has only one class, {classes.names[present[0]]}, and −1, which means that there is no label; "
            "where −1 is a class, save it as 0"
        )
    check_two_classes([classes.names[index] for index in present], where=where)
    return Labels(indices, classes.names, remarks=(*classes.remarks, *unlabeled_remarks(indices == UNLABELED)))


def classes_of(
    labels: Iterable[Label],
    *,
    where: str,
    samples: int,
    names: Sequence[str] | None = None,
    train: Iterable[Label] | None = None,
    others: Sequence[Iterable[Label]] = (),
) -> Classes:
    """Return the classes that labels tell.

    Args: labels: the different ones of ``samples`` samples, those that mean "none" included; train, others, names: as
        ``read_labels`` has them.
    Raises: UnusableLabel; CurationError.
    """
    read, known, all_of = (
        {label for part in parts for label in part if label not in (UNLABELED, "")}
        for parts in ([labels], [labels if train is None else train], [labels, *others])
    )
    for label in all_of:
        if isinstance(label, int) and label < 0:
            raise UnusableLabel(label, "out of range; labels are class ids of 0 or more, or −1 where there is none")
    if names is not None:
        return _named(all_of, class_names(names, where=where))
    if len(all_of) > _MOST_CLASSES or len(read) > max(_FEW, samples // 2):
        raise CurationError(
            f"{where} has {len(read):,} different labels for {samples:,} images, so they tell no classes; give images "
            "of one class the same label"
        )
    if not any(isinstance(label, str) for label in all_of):
        ids = sorted(int(label) for label in all_of)
        return Classes([str(one) for one in ids], {one: at for at, one in enumerate(ids)}, tuple(_id_remarks(ids)))
    if strange := all_of - known:
        raise CurationError(
            f"{where}: a split has a class {min(map(str, strange))!r} that train does not have, which has: "
            f"{_some(sorted(map(str, known)))}; name the class alike in all splits"
        )
    texts = ordered(str(label) for label in all_of)
    spelled = class_names(texts, where=where)
    remarks = tuple(filter(None, (number_order_remark(spelled), no_label_remark(spelled))))
    return Classes(spelled, {text: at for at, text in enumerate(texts)}, remarks)


def _named(labels: Iterable[Label], names: list[str]) -> Classes:
    """Return classes whose names are known."""
    by_name = {name: at for at, name in enumerate(names)}
    index: dict[Label, int] = {}
    for label in sorted(labels, key=str):
        if isinstance(label, int) and label >= len(names):
            bound = f"from 0 to {len(names) - 1}, for there are {len(names)} class names"
            raise UnusableLabel(label, f"out of range; labels must be class indices {bound}")
        at = label if isinstance(label, int) else by_name.get(class_names([label], where="a label")[0])
        if at is None:
            raise UnusableLabel(label, f"which is no name of a class: {_some(names)}")
        index[label] = at
    return Classes(names, index)


def _id_remarks(ids: list[int]) -> Iterator[str]:
    if ids != list(range(len(ids))):
        yield f"labels are {_some(map(str, ids))}, not 0 … K − 1: they are the names of {len(ids):,} classes"


def unlabeled_remarks(missing: np.ndarray) -> Iterator[str]:
    """Yield what is said of samples without a label, where there are some. Args: missing: bool N."""
    if missing.any():
        yield f"{int(missing.sum()):,} of {len(missing):,} samples have no label (−1 or empty): they are left out"


def check_two_classes(present: Sequence[object], *, where: str) -> None:
    """Raise CurationError unless there are at least two different classes."""
    if len(present) < 2:
        only = f"only one class, {present[0]!s}" if len(present) else "no class"
        raise CurationError(f"{where} has {only}; curation needs images of at least two classes")


def _some(names: Iterable[str]) -> str:
    first = list(names)
    return ", ".join(first[:_NAMED]) + (", …" if len(first) > _NAMED else "")


def _is_column(labels: np.ndarray) -> bool:
    return labels.ndim == 1 or labels.shape[1:] == (1,)


def _column(labels: np.ndarray, where: str) -> np.ndarray:
    """Return labels as int64 or text N; −1 or empty: none."""
    spelled = "×".join(map(str, labels.shape))
    kind = labels.dtype.kind
    if not _is_column(labels) or kind not in "iufbUS":
        raise CurationError(
            f"{where} is {labels.dtype} {spelled}; expected one label an image, integers or text N, or soft labels N×K"
        )
    values = labels.reshape(-1)
    if kind == "b":
        return np.where(values, "True", "False")
    if kind == "S":
        values, kind = np.array([text.decode("utf-8", "backslashreplace") for text in values.tolist()]), "U"
    if kind == "U":
        return np.where(np.char.strip(values) == "", "", values)
    if kind == "f":
        missing = np.isnan(values)
        whole = np.where(missing, UNLABELED, values)
        wrong = ~np.isfinite(whole) | (whole != np.rint(whole)) | (np.abs(whole) >= 2**53)
        if wrong.any():
            row = int(wrong.argmax())
            raise CurationError(
                f"{where} row {row} is {values[row]:g}; labels are whole numbers or text, one for each class: is it "
                "the right array?"
            )
        return whole.astype(np.int64)
    if kind == "u" and labels.dtype.itemsize > 1:
        # −1, saved as an unsigned number, is the largest one.
        values = np.where(values == np.iinfo(labels.dtype).max, -1, values.astype(np.int64))
    return values.astype(np.int64)


def _from_rows(labels: np.ndarray, where: str, names: Sequence[str] | None) -> Labels:
    """Return labels of N×K weights, in blocks so that a mapped file is never in memory at once."""
    count, classes = labels.shape
    known = [str(at) for at in range(classes)] if names is None else class_names(names, where=where)
    if len(known) != classes:
        raise CurationError(f"{where} has rows of {classes} weights for {len(known)} class names; give one for each")
    indices, soft, torn, kept = np.empty(count, np.int64), False, 0, []
    for at in range(0, count, _BLOCK):
        block = np.asarray(labels[at : at + _BLOCK], dtype=np.float64)
        good = np.isfinite(block).all(axis=1) & (block >= 0).all(axis=1)
        good &= abs(np.where(good, block.sum(axis=1), 0) - 1) <= _ROUNDING
        if not good.all():
            # A row that can be of nothing else tells more than one of zeros: a column of ids starts with 0, too.
            telling = ~good & (block > 1).any(axis=1)
            row = int((telling if telling.any() else ~good).argmax())
            raise CurationError(f"{where} row {at + row} is not the label of one class: {_why_not(block[row])}")
        largest = block.max(axis=1)
        indices[at : at + _BLOCK] = block.argmax(axis=1)
        soft |= bool((largest < 1).any())
        torn += int(((block == largest[:, None]).sum(axis=1) > 1).sum())
        kept.append((block / block.sum(axis=1, keepdims=True)).astype(np.float32))
    check_two_classes([known[index] for index in np.unique(indices)], where=where)
    if not soft:
        return Labels(indices, known)
    remarks = [
        "labels are soft: the likeliest class is each image's label; the soft labels are kept, and exported where the "
        "recipe says labels: {mode: source}"
    ]
    if torn:
        remarks.append(f"{torn:,} of {count:,} soft labels have two likeliest classes: the first one is the label")
    return Labels(indices, known, np.concatenate(kept), tuple(remarks))


def _why_not(row: np.ndarray) -> str:
    """Return what is wrong with a row of weights, and what to do."""
    if not np.isfinite(row).all():
        return "it has NaN or infinite weights; repair that row"
    if (row < 0).any():
        return (
            f"it has a weight {row.min():.4g}, and weights are at least 0 and sum to 1: save the column of class "
            "labels alone, or the softmax of logits"
        )
    if not row.any():
        return "all its weights are 0; repair that row, or leave the image out"
    if np.isin(row, (0, 1)).all():
        both = " and ".join(map(str, np.flatnonzero(row)[:2]))
        return (
            f"it has {int(row.sum())} classes at once ({both}, …), and a set of several labels an image (multi-label) "
            "cannot be curated; choose one class for each image"
        )
    if (row == np.rint(row)).all():
        return (
            f"it is {', '.join(f'{value:g}' for value in row[:_NAMED])}, neither one-hot nor summing to 1: save the "
            "column of class labels alone, or divide counts by their sum"
        )
    return f"its weights sum to {row.sum():.4g}, not to 1; divide each row by its sum, if its weights are of one label"
