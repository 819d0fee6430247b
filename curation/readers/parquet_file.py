"""One Parquet file of images and labels: its columns, what its labels are, and files that its rows name."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.errors import CurationError
from curation.readers.class_names import shown
from curation.readers.files import ignored, is_lfs_pointer
from curation.readers.labels import UNLABELED, Label

_IMAGE_COLUMNS = ("image", "img")
_LABEL_COLUMNS = ("label", "labels", "fine_label")
_BUFFER_BYTES = 1 << 20
_TABLES_BESIDE = ("manifest.parquet", "metadata.parquet")
"""Tables about images that lie elsewhere: exports of ours and Hugging Face's image folders have them."""


@dataclass(frozen=True)
class Part:
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


@contextmanager
def opened_parquet(file: Path) -> Iterator[pq.ParquetFile]:
    """Open a file so that a row group is streamed page by page; what Arrow says about it becomes one sentence."""
    try:
        with pq.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False) as opened:
            yield opened
    except (pa.ArrowException, OSError) as error:
        with file.open("rb") as raw:
            if is_lfs_pointer(raw.read(100)):
                raise CurationError(
                    f"{file} is a pointer of Git LFS, not the file: get the files with git lfs pull"
                ) from None
        why = str(error).splitlines()[0]
        raise CurationError(f"{file} is not a complete Parquet file ({why}); download or write it again") from None


def listed_parquet(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder and of its sub-folders, in the order of their names."""
    found = sorted(folder.rglob("*.[pP][aA][rR][qQ][uU][eE][tT]"))
    return [
        file
        for file in found
        if file.name not in _TABLES_BESIDE and not any(ignored(part) for part in file.relative_to(folder).parts)
    ]


def inspect_part(file: Path, name: str) -> Part:
    """Return what a file is. Args: name: how it is called. Raises: CurationError naming the column."""
    with opened_parquet(file) as opened:
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
        if _is_list(kind) and pa.types.is_floating(kind.value_type):
            raise CurationError(
                f"{file}: column {label!r} holds a list of weights in each row (soft labels), which this reader does "
                "not take: save each image's likeliest class in a column of its own, or the set as .npz with labels N×K"
            )
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
        return Part(
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
    return plain(value)


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


def plain(label: object) -> Label:
    """Return a label as labels are told apart: whole floats as integers, booleans as text, −1 for a missing one."""
    if label is None or (isinstance(label, float) and not math.isfinite(label)):
        return UNLABELED
    if isinstance(label, bool):
        return str(label)
    if isinstance(label, bytes):
        return label.decode("utf-8", "backslashreplace")
    return int(label) if isinstance(label, int | float) else "" if not str(label).strip() else str(label)


def beside(part: Part, path: str, root: Path) -> Path | str:
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


def files_beside(part: Part, root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the paths that rows without bytes name, and their files, where these are there."""
    if part.paths:
        with opened_parquet(part.file) as opened:
            for cell in opened.read([f"{part.image}.path"]).column(0).to_pylist():
                found = beside(part, cell["path"], root) if cell and cell["path"] else ""
                if isinstance(found, Path):
                    yield cell["path"], found
