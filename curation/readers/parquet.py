"""Parquet files of encoded images and labels, as the Hugging Face hub keeps them, streamed by row group."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from curation.errors import CurationError
from curation.readers.arrays import MOST_CLASSES, check_two_classes
from curation.readers.base import Skipped, choose_split
from curation.readers.encoded import PROBES, Encoded, EncodedReader, EncodedSource
from curation.readers.files import existing, files_fingerprint, ignored
from curation.readers.splits import files_by_split

_IMAGE_COLUMNS = ("image", "img")
_LABEL_COLUMNS = ("label", "labels", "fine_label")
_ROWS_AT_ONCE = 64
_BUFFER_BYTES = 1 << 20


class Parquet(EncodedReader):
    """A column ``image`` or ``img`` of encoded bytes, plain or as {bytes, path}, and ``label`` (or ``fine_label``).

    One file, or a folder of files, sorted by name; splits are recognized by the names of the files or of
    their folders (``train-00000-of-00002``, ``Training_0``, ``test/0000``). Labels are integers or text; class names
    come from Hugging Face's metadata when there.
    """

    name: ClassVar[str] = "parquet"
    title: ClassVar[str] = "Parquet with images (Hugging Face)"

    path: str = Field(min_length=1, description="a .parquet file, or a folder of them")

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether it is a .parquet file or a folder with some."""
        return path.suffix.lower() == ".parquet" if path.is_file() else bool(_listed(path))

    def open(self) -> ParquetSource:
        """Read the labels and settle size and channels. Raises: CurationError naming the file and the row."""
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
        source = ParquetSource(chosen, _classes(parts, chosen, where=str(path)))
        source.fingerprint = files_fingerprint((part.name, part.file.stat()) for part in chosen)
        source.settle(self, range(min(len(source), PROBES)), where=str(path))
        return source


@dataclass(frozen=True)
class _Part:
    """One file: its columns, the rows of its row groups, its distinct labels and the class names it carries."""

    file: Path
    name: str
    image: str
    label: str
    group_rows: tuple[int, ...]
    text: bool
    values: frozenset[Any]
    class_names: tuple[str, ...]


@dataclass
class ParquetSource(EncodedSource):
    """The rows of one split, file after file: reading forward continues one scan, going back restarts a row group."""

    parts: list[_Part]
    classes: list[str]

    def __post_init__(self) -> None:
        self._groups = [(part, group) for part in self.parts for group in range(len(part.group_rows))]
        rows = [part.group_rows[group] for part, group in self._groups]
        self._firsts = list(accumulate(rows, initial=0))
        self._text = {name: index for index, name in enumerate(self.classes)}
        self._scan: Iterator[tuple[str, object, object]] | None = None
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
                name, content, label = next(self._scan)
            except CurationError:
                self._scan = None
                raise
            position, self._at = self._at, self._at + 1
            if position >= start:
                yield self._sample(position, name, content, label)

    def _group(self, position: int) -> int:
        return bisect_right(self._firsts, position, hi=len(self._groups)) - 1

    def _rows(self, first_group: int) -> Iterator[tuple[str, object, object]]:
        """Yield (name, image cell, label cell) from the start of a row group on."""
        for part, group in self._groups[first_group:]:
            row = sum(part.group_rows[:group])
            with _parquet(part.file) as opened:
                columns = [part.image, part.label]
                for batch in opened.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=columns):
                    cells = (batch.column(column).to_pylist() for column in columns)
                    for content, label in zip(*cells, strict=True):
                        yield f"{part.name} row {row}", content, label
                        row += 1

    def _sample(self, position: int, name: str, content: object, label: object) -> Encoded | Skipped:
        if isinstance(content, dict):
            path, content = content.get("path"), content.get("bytes")
            name = f"{name} ({path})" if path else name
        if not isinstance(content, bytes):
            return Skipped(position, name, "it has no image bytes (only a path, or nothing)")
        if label is None:
            return Skipped(position, name, "it has no label")
        return Encoded(position, name, label if isinstance(label, int) else self._text[str(label)], content)


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
    return [file for file in found if not any(ignored(part) for part in file.relative_to(folder).parts)]


def _inspect(file: Path, name: str) -> _Part:
    with _parquet(file) as opened:
        schema = opened.schema_arrow
        image = _column(schema, _IMAGE_COLUMNS, "encoded images", file)
        label = _column(schema, _LABEL_COLUMNS, "labels", file)
        cell, kind = schema.field(image).type, schema.field(label).type
        if not _is_bytes({f.name: f.type for f in cell}.get("bytes") if pa.types.is_struct(cell) else cell):
            raise CurationError(f"{file}: column {image!r} is {cell}; expected encoded image bytes, or {{bytes, path}}")
        text = any(check(kind) for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary))
        if not text and not pa.types.is_integer(kind):
            raise CurationError(f"{file}: column {label!r} is {kind}; expected integers from 0, or text")
        metadata = opened.metadata
        return _Part(
            file=file,
            name=name,
            image=image,
            label=label,
            group_rows=tuple(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)),
            text=text,
            values=frozenset(pc.unique(opened.read([label]).column(0)).drop_null().to_pylist()),
            class_names=_class_names(schema, label),
        )


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


def _classes(parts: list[_Part], chosen: list[_Part], *, where: str) -> list[str]:
    """Class names that hold for every split. Raises: CurationError for a label out of range, or for one class only."""
    if len({part.text for part in parts}) > 1:
        raise CurationError(
            f"{where} has text labels in some files and numbers in others; use the same kind in all of them"
        )
    values = {value for part in parts for value in part.values}
    check_two_classes(sorted({value for part in chosen for value in part.values}), where=where)
    if parts[0].text:
        return sorted(map(str, values))
    named = next((part.class_names for part in parts if part.class_names), ())
    highest = len(named) or max(MOST_CLASSES, sum(sum(part.group_rows) for part in parts))
    for part in chosen:
        for value in part.values:
            if not 0 <= value < highest:
                with _parquet(part.file) as opened:
                    row = pc.index(opened.read([part.label]).column(0), value).as_py()
                raise CurationError(
                    f"{part.file} row {row} has label {value}, out of range; labels must be class indices from 0"
                    + (f" to {highest - 1}" if named else "")
                )
    return list(named) or [str(index) for index in range(max(values) + 1)]
