"""Parquet files of encoded images and labels, as the Hugging Face hub keeps them, streamed by row group."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.errors import CurationError, some_of
from curation.readers.base import Skipped, choose_split
from curation.readers.class_names import shown
from curation.readers.encoded import Encoded, EncodedReader, EncodedSource
from curation.readers.files import existing, files_fingerprint
from curation.readers.labels import (
    NO_LABEL,
    UNLABELED,
    Classes,
    Label,
    UnusableLabel,
    check_two_classes,
    classes_of,
    unlabeled_remarks,
)
from curation.readers.parquet_file import (
    Part,
    beside,
    files_beside,
    inspect_part,
    listed_parquet,
    opened_parquet,
    plain,
)
from curation.readers.splits import WORDS, files_by_split

_ROWS_AT_ONCE = 64
_NAMED = 8
"""Class names in one sentence."""


class Parquet(EncodedReader):
    """A column ``image`` or ``img`` of encoded bytes, plain or as {bytes, path}, and ``label`` (or ``fine_label``).

    One file, or a folder of files, sorted by name; splits are recognized by the names of the files or of
    their folders (``train-00000-of-00002``, ``Training_0``, ``test/0000``). Labels are integers or text; class names
    come from Hugging Face's metadata when there. Where a row has a path and no bytes, the image is the file of that
    path beside the Parquet file, never outside of the folder.
    """

    name: ClassVar[str] = "parquet"
    title: ClassVar[str] = "Parquet with images (Hugging Face)"
    version: ClassVar[int] = 2

    path: str = Field(min_length=1, description="a .parquet file, or a folder of them")

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether it is a .parquet file or a folder with some."""
        return path.suffix.lower() == ".parquet" if path.is_file() else bool(listed_parquet(path))

    def unsettled(self) -> tuple[ParquetSource, str, str | None]:
        """Read the labels; see ``EncodedReader.unsettled``. Raises: CurationError naming the file and the row."""
        path = existing(self.path, "any")
        root, files = (path, listed_parquet(path)) if path.is_dir() else (path.parent, [path])
        if not files:
            raise CurationError(f"{path} holds no .parquet file; give the folder or the file that does")
        names = [file.relative_to(root).as_posix() for file in files]
        inspected = {name: inspect_part(existing(root / name, "file"), name) for name in names}
        parts = list(inspected.values())
        if path.is_dir():
            by_split = files_by_split(names, where=str(path), kind=".parquet")
            splits = {split: [inspected[name] for name in some] for split, some in by_split.items()}
        else:
            splits = {"train": parts}
        chosen = splits[choose_split(self.split, splits, where=str(path))]
        classes = _classes(splits, chosen, where=str(path))
        source = ParquetSource(root, chosen, classes.names, dict(classes.index))
        source.labels = np.concatenate([_labels(part, classes.index) for part in chosen])
        source.layout = _layout(splits)
        source.labels_are = _kind_of_labels(chosen)
        missing = sum(part.unlabeled for part in chosen)
        source.remarks = (*classes.remarks, *unlabeled_remarks(np.arange(len(source)) < missing))
        images = [(part.name, part.file) for part in chosen]
        images += [(f"{part.name}: {name}", found) for part in chosen for name, found in files_beside(part, root)]
        source.fingerprint = files_fingerprint((name, file.stat()) for name, file in images)
        return source, str(path), None if chosen is splits.get("train", chosen) else "train"


@dataclass
class ParquetSource(EncodedSource):
    """The rows of one split, file after file: reading forward continues one scan, going back restarts a row group."""

    root: Path
    parts: list[Part]
    classes: list[str]
    index: dict[Label, int] = field(repr=False)

    def __post_init__(self) -> None:
        self._groups = [(part, group) for part in self.parts for group in range(len(part.group_rows))]
        rows = [part.group_rows[group] for part, group in self._groups]
        self._firsts = list(accumulate(rows, initial=0))
        self._scan: Iterator[tuple[Part, str, object, object]] | None = None
        self._at = 0

    def __len__(self) -> int:
        return self._firsts[-1]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_scan": None}

    def encoded(self, start: int, stop: int) -> Iterator[Encoded | Skipped]:
        """Yield the rows at positions start … stop − 1; see ``EncodedSource.encoded``."""
        group = self._group(start)
        if self._scan is None or start < self._at or group != self._group(self._at):
            self._scan, self._at = self._rows(group), self._firsts[group]
        while self._at < stop:
            try:
                part, name, content, label = next(self._scan)
            except CurationError:
                self._scan = None
                raise
            position, self._at = self._at, self._at + 1
            if position >= start:
                yield self._sample(position, part, name, content, label)

    def _group(self, position: int) -> int:
        return bisect_right(self._firsts, position, hi=len(self._groups)) - 1

    def _rows(self, first_group: int) -> Iterator[tuple[Part, str, object, object]]:
        """Yield (part, name, image cell, label cell) from the start of a row group on."""
        for part, group in self._groups[first_group:]:
            row = sum(part.group_rows[:group])
            with opened_parquet(part.file) as opened:
                columns = [part.image, part.label]
                for batch in opened.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=columns):
                    cells = (batch.column(column).to_pylist() for column in columns)
                    for content, label in zip(*cells, strict=True):
                        yield part, f"{part.name} row {row}", content, label
                        row += 1

    def _sample(self, position: int, part: Part, name: str, content: object, label: object) -> Encoded | Skipped:
        path = None
        if isinstance(content, dict):
            path, content = content.get("path"), content.get("bytes")
            name = f"{name} ({shown(path)})" if path else name
        at = self.index.get(plain(label), UNLABELED)
        if at == UNLABELED:
            return Skipped(position, name, NO_LABEL)
        if isinstance(content, bytes):
            return Encoded(position, name, at, content)
        if not path:
            return Skipped(position, name, "it has no image: neither bytes nor a path")
        found = beside(part, path, self.root)
        if isinstance(found, str):
            return Skipped(position, name, found)
        return Encoded(position, name, at, found)


def _layout(splits: Mapping[str, list[Part]]) -> str:
    """Return which files are of which split, in words."""
    said = {split: some_of([part.name for part in splits[split]]) for split in WORDS if split in splits}
    if list(said) == ["train"]:
        return f"rows of {said['train']}"
    return "splits " + "; ".join(f"{split} ({names})" for split, names in said.items())


def _labels(part: Part, index: Mapping[Label, int]) -> np.ndarray:
    """Return the label of each row, int64, −1 where it has none."""
    with opened_parquet(part.file) as opened:
        rows = opened.read([part.label]).column(0).to_pylist()
    return np.array([index.get(plain(label), UNLABELED) for label in rows], dtype=np.int64)


def _kind_of_labels(parts: list[Part]) -> str:
    text = any(isinstance(value, str) for part in parts for value in part.values)
    names = "" if text or not any(part.class_names for part in parts) else ", with names in the metadata"
    return f"{'text' if text else 'numbers'} in the column {parts[0].label!r}{names}"


def _classes(splits: Mapping[str, list[Part]], chosen: list[Part], *, where: str) -> Classes:
    """Return the classes that hold for every split.

    Raises: CurationError: names or kinds of labels that differ from file to file, a label out of range, one class only.
    """
    parts = [part for some in splits.values() for part in some]
    named = [part for part in parts if part.class_names]
    for part in named:
        if part.class_names != named[0].class_names:
            one, other = (", ".join(it.class_names[:_NAMED]) for it in (named[0], part))
            raise CurationError(f"{named[0].file} names the classes {one}, but {part.file} {other}; name them alike")
    if len({isinstance(value, str) for part in parts for value in part.values}) > 1:
        raise CurationError(f"{where} has text labels in some files and numbers in others; write them alike")
    values = {name: {value for part in some for value in part.values} for name, some in splits.items()}
    own = next(name for name, some in splits.items() if some is chosen)
    try:
        found = classes_of(
            values[own],
            where=where,
            samples=sum(sum(part.group_rows) for part in chosen),
            names=named[0].class_names if named else None,
            train=values.get("train"),
            others=list(values.values()),
        )
    except UnusableLabel as error:
        for part in parts:
            with opened_parquet(part.file) as opened:
                for row, value in enumerate(opened.read([part.label]).column(0).to_pylist()):
                    if plain(value) == error.label:
                        raise CurationError(f"{part.file} row {row} has label {error.label!r}, {error.why}") from None
        raise
    check_two_classes([name for value, name in ((v, found.names[found.index[v]]) for v in values[own])], where=where)
    return found
