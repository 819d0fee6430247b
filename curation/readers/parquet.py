"""Parquet files of encoded images and labels, as the Hugging Face hub keeps them, streamed by row group."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from curation.errors import CurationError
from curation.readers.base import Skipped, choose_split
from curation.readers.class_names import shown
from curation.readers.encoded import Encoded, EncodedReader, EncodedSource
from curation.readers.files import existing, files_fingerprint, ignored
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
from curation.readers.splits import files_by_split

_IMAGE_COLUMNS = ("image", "img")
_LABEL_COLUMNS = ("label", "labels", "fine_label")
_ROWS_AT_ONCE = 64
_BUFFER_BYTES = 1 << 20
_NAMED = 8
"""Class names in one sentence."""
_TABLES_BESIDE = ("manifest.parquet", "metadata.parquet")
"""Tables about images that lie elsewhere: exports of ours and Hugging Face's image folders have them."""


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
        return path.suffix.lower() == ".parquet" if path.is_file() else bool(_listed(path))

    def unsettled(self) -> tuple[ParquetSource, str, str | None]:
        """Read the labels; see ``EncodedReader.unsettled``. Raises: CurationError naming the file and the row."""
        path = existing(self.path, "any")
        root, files = (path, _listed(path)) if path.is_dir() else (path.parent, [path])
        if not files:
            raise CurationError(f"{path} holds no .parquet file; give the folder or the file that does")
        names = [file.relative_to(root).as_posix() for file in files]
        inspected = {name: _inspect(existing(root / name, "file"), name) for name in names}
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
        source.labels_are = _kind_of_labels(chosen)
        missing = sum(part.unlabeled for part in chosen)
        source.remarks = (*classes.remarks, *unlabeled_remarks(np.arange(len(source)) < missing))
        images = [(part.name, part.file) for part in chosen]
        images += [(f"{part.name}: {name}", found) for part in chosen for name, found in _files_beside(part, root)]
        source.fingerprint = files_fingerprint((name, file.stat()) for name, file in images)
        return source, str(path), None if chosen is splits.get("train", chosen) else "train"


@dataclass(frozen=True)
class _Part:
    """One file: its columns, the rows of its row groups, its distinct labels and the class names it carries.

    values: distinct labels, whole floats as integers, nothing for those that are missing; unlabeled: how many rows have
    none; paths: whether some rows have a path and no bytes.
    """

    file: Path
    name: str
    image: str
    label: str
    group_rows: tuple[int, ...]
    values: frozenset[Label]
    unlabeled: int
    class_names: tuple[str, ...]
    paths: bool


@dataclass
class ParquetSource(EncodedSource):
    """The rows of one split, file after file: reading forward continues one scan, going back restarts a row group."""

    root: Path
    parts: list[_Part]
    classes: list[str]
    index: dict[Label, int] = field(repr=False)

    def __post_init__(self) -> None:
        self._groups = [(part, group) for part in self.parts for group in range(len(part.group_rows))]
        rows = [part.group_rows[group] for part, group in self._groups]
        self._firsts = list(accumulate(rows, initial=0))
        self._scan: Iterator[tuple[_Part, str, object, object]] | None = None
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

    def _rows(self, first_group: int) -> Iterator[tuple[_Part, str, object, object]]:
        """Yield (part, name, image cell, label cell) from the start of a row group on."""
        for part, group in self._groups[first_group:]:
            row = sum(part.group_rows[:group])
            with _parquet(part.file) as opened:
                columns = [part.image, part.label]
                for batch in opened.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=columns):
                    cells = (batch.column(column).to_pylist() for column in columns)
                    for content, label in zip(*cells, strict=True):
                        yield part, f"{part.name} row {row}", content, label
                        row += 1

    def _sample(self, position: int, part: _Part, name: str, content: object, label: object) -> Encoded | Skipped:
        path = None
        if isinstance(content, dict):
            path, content = content.get("path"), content.get("bytes")
            name = f"{name} ({shown(path)})" if path else name
        at = self.index.get(_plain(label), UNLABELED)
        if at == UNLABELED:
            return Skipped(position, name, NO_LABEL)
        if isinstance(content, bytes):
            return Encoded(position, name, at, content)
        if not path:
            return Skipped(position, name, "it has no image: neither bytes nor a path")
        found = _beside(part, path, self.root)
        if isinstance(found, str):
            return Skipped(position, name, found)
        return Encoded(position, name, at, found)


def _labels(part: _Part, index: Mapping[Label, int]) -> np.ndarray:
    """Return the label of each row, int64, −1 where it has none."""
    with _parquet(part.file) as opened:
        rows = opened.read([part.label]).column(0).to_pylist()
    return np.array([index.get(_plain(label), UNLABELED) for label in rows], dtype=np.int64)


def _kind_of_labels(parts: list[_Part]) -> str:
    text = any(isinstance(value, str) for part in parts for value in part.values)
    names = "" if text or not any(part.class_names for part in parts) else ", with names in the metadata"
    return f"{'text' if text else 'numbers'} in the column {parts[0].label!r}{names}"


def _plain(label: object) -> Label:
    """Return a label as labels are told apart: whole floats as integers, booleans as text, −1 for a missing one."""
    if label is None or (isinstance(label, float) and not math.isfinite(label)):
        return UNLABELED
    if isinstance(label, bool):
        return str(label)
    if isinstance(label, bytes):
        return label.decode("utf-8", "backslashreplace")
    return int(label) if isinstance(label, int | float) else "" if not str(label).strip() else str(label)


def _beside(part: _Part, path: str, root: Path) -> Path | str:
    """Return the file that a path of a row names, or why it is not read, as a clause."""
    inside = root.resolve()
    for folder in dict.fromkeys((part.file.parent, root)):
        try:
            found = (folder / path).resolve()
        except (OSError, ValueError):
            return "its path cannot be a file's"
        if not found.is_relative_to(inside):
            return f"its path leads outside of {root}, where nothing is read"
        if found.is_file():
            return found
    return f"it has no bytes, and {root} has no file {shown(path)}"


def _files_beside(part: _Part, root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the paths that rows without bytes name, and their files, where these are there."""
    if part.paths:
        with _parquet(part.file) as opened:
            for cell in opened.read([f"{part.image}.path"]).column(0).to_pylist():
                found = _beside(part, cell["path"], root) if cell and cell["path"] else ""
                if isinstance(found, Path):
                    yield cell["path"], found


@contextmanager
def _parquet(file: Path) -> Iterator[pq.ParquetFile]:
    """Open a file so that a row group is streamed page by page; what Arrow says about it becomes one sentence."""
    try:
        with pq.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False) as opened:
            yield opened
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        raise CurationError(f"{file} is not a complete Parquet file ({why}); download or write it again") from None


def _listed(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder and of its sub-folders, in the order of their names."""
    found = sorted(folder.rglob("*.[pP][aA][rR][qQ][uU][eE][tT]"))
    return [
        file
        for file in found
        if file.name not in _TABLES_BESIDE and not any(ignored(part) for part in file.relative_to(folder).parts)
    ]


def _inspect(file: Path, name: str) -> _Part:
    with _parquet(file) as opened:
        schema = opened.schema_arrow
        image = _column(schema, _IMAGE_COLUMNS, "encoded images", file)
        label = _column(schema, _LABEL_COLUMNS, "labels", file)
        cell, kind = schema.field(image).type, schema.field(label).type
        if _is_list(cell):
            raise CurationError(
                f"{file}: column {image!r} holds a list of images in each row; expected one image a row: write a row "
                "for each image"
            )
        parts = {part.name: part.type for part in cell} if pa.types.is_struct(cell) else {"bytes": cell}
        only_paths = "path" in parts and pa.types.is_null(parts.get("bytes", pa.null()))
        if not only_paths and not _is_bytes(parts.get("bytes")):
            raise CurationError(f"{file}: column {image!r} is {cell}; expected encoded image bytes, or {{bytes, path}}")
        if _is_list(kind):
            raise CurationError(
                f"{file}: column {label!r} holds a list of labels in each row, and a set of several labels an image "
                "(multi-label) cannot be curated; choose one class for each image"
            )
        told = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not any(check(told) for check in _LABEL_TYPES):
            raise CurationError(f"{file}: column {label!r} is {kind}; expected class ids (whole numbers), or text")
        metadata, counts = opened.metadata, Counter[Label]()
        for entry in pc.value_counts(opened.read([label]).column(0)).to_pylist():
            counts[_whole(entry["values"], file, label)] += entry["counts"]
        return _Part(
            file=file,
            name=name,
            image=image,
            label=label,
            group_rows=tuple(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)),
            values=frozenset(counts.keys() - {UNLABELED, ""}),
            unlabeled=counts[UNLABELED] + counts[""],
            class_names=_class_names(schema, label),
            paths=pa.types.is_struct(cell) and _some_null(metadata, f"{image}.bytes"),
        )


_LABEL_TYPES = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null),
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary),
)


def _whole(value: object, file: Path, label: str) -> Label:
    if isinstance(value, float) and math.isfinite(value) and value != int(value):
        raise CurationError(
            f"{file}: column {label!r} has a label {value:g}; expected class ids (whole numbers), or text: is it the "
            "right column?"
        )
    return _plain(value)


def _some_null(metadata: pq.FileMetaData, path: str) -> bool:
    """Return whether a column of a struct may have missing values, from the statistics alone."""
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for at in range(row_group.num_columns):
            column = row_group.column(at)
            if column.path_in_schema == path and (not column.is_stats_set or column.statistics.null_count != 0):
                return True
    return False


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_bytes(kind: pa.DataType | None) -> bool:
    return kind is not None and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _column(schema: pa.Schema, names: tuple[str, ...], what: str, file: Path) -> str:
    for name in names:
        if name in schema.names:
            return name
    raise CurationError(
        f"{file} has no column {' or '.join(map(repr, names))} of {what}; it has: {', '.join(schema.names)}; rename one"
    )


def _class_names(schema: pa.Schema, label: str) -> tuple[str, ...]:
    """Class names from Hugging Face's metadata, or none."""
    try:
        about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        return tuple(str(name) for name in about["info"]["features"][label]["names"])
    except (ValueError, KeyError, TypeError):
        return ()


def _classes(splits: Mapping[str, list[_Part]], chosen: list[_Part], *, where: str) -> Classes:
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
            with _parquet(part.file) as opened:
                for row, value in enumerate(opened.read([part.label]).column(0).to_pylist()):
                    if _plain(value) == error.label:
                        raise CurationError(f"{part.file} row {row} has label {error.label!r}, {error.why}") from None
        raise
    check_two_classes([name for value, name in ((v, found.names[found.index[v]]) for v in values[own])], where=where)
    return found
