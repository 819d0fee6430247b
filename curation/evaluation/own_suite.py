"""Your own test suite P: a folder or archive with its parts, each in any format that a reader opens."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from curation.engine import Engine
from curation.errors import CurationError, UsageError
from curation.evaluation.left_out import find_left_out, ids_of, make_left_out
from curation.evaluation.part import Part, Suite, part_of, suite_of
from curation.evaluation.settings import SuiteSettings
from curation.pipeline import Pipeline
from curation.plugin import fingerprint
from curation.progress import Progress, Report
from curation.readers import READERS, recognize
from curation.readers.arrays import ArraySource, image_shape, settle_white
from curation.readers.base import Reader
from curation.readers.class_names import are_numbers
from curation.readers.encoded import EncodedReader
from curation.readers.files import existing, files_fingerprint
from curation.readers.labels import read_labels
from curation.readers.npz import ZipRows
from curation.recipe import Recipe, Source, Variants
from curation.storage.workspace import Workspace

NAMES = {
    "clean": ("clean",),
    "adversarial": ("adversarial",),
    "corruption": ("corruption", "corrupted"),
    "held_out": ("held_out",),
}
"""The parts, and what their folders, files or arrays may be called; all but held_out must be there."""

FILES = (".npz", ".parquet")


class NpzPart(Reader):
    """Two arrays of an .npz: the images and labels of one part."""

    name: ClassVar[str] = "npz_part"
    title: ClassVar[str] = "Two arrays of a NumPy archive"

    path: str = Field(min_length=1, description="the .npz file")
    arrays: str = Field(description="the arrays are images_<this> and labels_<this>")

    def open(self) -> ArraySource:
        """Open the part. Raises: CurationError naming the array."""
        path, names = existing(self.path, "file"), [f"{what}_{self.arrays}" for what in ("images", "labels")]
        images, labels = (ZipRows(path, name) for name in names)
        values = labels(0, labels.shape[0] if labels.shape else 0)
        found = read_labels(values, images=images.shape[0], where=f"{path}: {names[1]}")
        where = f"{path}: {names[0]}"
        shape = image_shape(images.shape, images.dtype, where=where)
        return ArraySource(
            rows=images,
            labels=found.indices,
            classes=found.classes,
            shape=shape,
            name=f"{path.name} {names[0]} row",
            fingerprint=files_fingerprint([(path.name, path.stat())]),
            white=settle_white(images, images.shape, images.dtype, asked=None, where=where).level,
        )


class Member(NamedTuple):
    """One source of P: its part, kind and severity, what reads it, and its classes' indices among the training's."""

    part: str
    kind: str
    severity: int
    pipeline: Pipeline
    classes: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """Training classes, int64 N."""
        return self.classes[self.pipeline.samples.labels]


class OwnSuite:
    """P as it lies in ``settings.path``; its images are read into the workspace once."""

    def __init__(self, settings: SuiteSettings, recipe: Recipe, workspace: Workspace, *, engine: Engine) -> None:
        """Raises: CurationError when there is nothing at the path."""
        self.recipe, self.workspace, self.engine = recipe, workspace, engine
        self.path = existing(str(settings.path), "any")
        self.train = Pipeline(recipe, workspace, engine=engine)

    def make(self, report: Report) -> Suite:
        """Read what is not read yet. Raises: CurationError; Cancelled."""
        self.train.run(
            ("ingest",), report=lambda _: report(Progress("suite", 0, 1, note="reading the training images"))
        )
        total = len(self._members)
        for done, member in enumerate(self._members):
            progress = Progress("suite", done, total, "sources", note=f"reading {member.part} {member.kind}")
            member.pipeline.run(("ingest",), report=partial(_instead, report, progress))
            report(replace(progress, note=f"comparing {member.part} {member.kind} with the training images"))
            samples, train = member.pipeline.samples, self.train.samples
            make_left_out(self.workspace, samples, train, labels=member.labels, device=self.engine.device)
        report(Progress("suite", total, total, "sources"))
        return self.find()

    def find(self) -> Suite:
        """Return P as it was read. Raises: CurationError when some of it is not read, or what is wrong with it."""
        train = self.train.samples
        clean = next(member.labels for member in self._members if member.part == "clean")
        ids: list[np.ndarray] = []
        gone: set[int] = set()
        left_out = []
        first = 0
        for member in self._members:
            samples = member.pipeline.samples
            ids.append(_test_ids(member.labels, clean, first=first))
            first = max(first, int(ids[-1].max()) + 1)
            found = find_left_out(self.workspace, samples, train)
            left_out += [{"part": member.part, "kind": member.kind, **entry} for entry in found]
            gone |= set(ids[-1][samples.rows(ids_of(found))].tolist())
        return suite_of(
            [_part(member, mine, gone) for member, mine in zip(self._members, ids, strict=True)],
            classes=train.classes,
            shape=train.shape,
            about={"path": str(self.path), "left_out": left_out},
        )

    @cached_property
    def _members(self) -> list[Member]:
        train = self.train.samples
        members = []
        for part, kind, severity, reader in _found(self.path, train.classes):
            where = f"{part} {kind}" if kind != part else part
            reader, source = _opened(self._alike(reader))
            if source.shape != train.shape:
                raise CurationError(
                    f"{self.path}: {where} has images of {_size(source.shape)}, the training images are "
                    f"{_size(train.shape)}; give the test suite in the same size"
                )
            classes = _classes(source.classes, train.classes, where=f"{self.path}: {where}")
            home = self.workspace.inner(fingerprint([reader.identity(), source.fingerprint]))
            changes = {"source": Source(reader=reader), "variants": Variants(corruption=None, adversarial=())}
            pipeline = Pipeline(self.recipe.model_copy(update=changes), home, engine=self.engine)
            members.append(Member(part, kind, severity, pipeline, classes))
        return members

    def _alike(self, reader: Reader) -> Reader:
        """Return a reader that makes of encoded images what the recipe's makes of the training images."""
        if not isinstance(reader, EncodedReader):
            return reader
        header = self.train.samples.header
        height, width, channels = header.shape
        side_px = height if height == width else None
        alike = {"side_px": side_px, "channels": "gray" if channels == 1 else "rgb", "white_level": header.white_level}
        return reader.model_copy(update=alike)


def _instead(report: Report, progress: Progress, _: Progress) -> None:
    report(progress)


def _found(path: Path, classes: list[str]) -> Iterator[tuple[str, str, int, Reader]]:
    """Yield part, kind, severity and reader of every source. Raises: UsageError naming the part that is missing."""
    entries = _arrays(path) if path.is_file() else _entries(path)
    for part, names in NAMES.items():
        name = next((name for name in names if name in entries), None)
        if name is None:
            if part == "held_out":
                continue
            what = f"arrays images_{part} and labels_{part}" if path.is_file() else f"a folder or file {part}"
            raise UsageError(
                f"the test suite in {path} lacks its part {part}: add {what}; it holds: "
                f"{', '.join(entries) or 'nothing'}"
            )
        found = entries[name]
        if found is None:
            yield part, part, 0, NpzPart(path=str(path), arrays=name)
        elif _is_set(found, classes):
            yield part, part, 0, _reader(found)
        else:
            kinds = {kind: entry for kind, entry in _entries(found).items() if entry and _is_set(entry, classes)}
            if not kinds:
                raise UsageError(
                    f"{found} holds no images: expected data.npy and label.npy, .npz, Parquet, a folder for each of "
                    f"the classes {', '.join(classes[:3])} …, or a folder of these for each kind"
                )
            for kind, entry in kinds.items():
                spelled = re.fullmatch(r"(.+)-([1-5])", kind)
                yield part, spelled[1] if spelled else kind, int(spelled[2]) if spelled else 0, _reader(entry)


def _entries(folder: Path) -> dict[str, Path | None]:
    """Return the sub-folders and data files by name."""
    found = sorted(entry for entry in folder.iterdir() if entry.is_dir() or entry.suffix.lower() in FILES)
    return {entry.stem if entry.is_file() else entry.name: entry for entry in found if not entry.name.startswith(".")}


def _arrays(path: Path) -> dict[str, Path | None]:
    """Return what stands after ``images_`` in the names of an archive's arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError):
        raise UsageError(f"the test suite in {path} cannot be opened: expected a folder or an .npz file") from None
    return {
        n.removeprefix("images_"): None for n in names if n.replace("images_", "labels_", 1) in names and "images_" in n
    }


def _is_set(source: Path, classes: list[str]) -> bool:
    """Whether a file or folder is one set of images, not a folder of such."""
    if source.is_file():
        return True
    if (source / "data.npy").exists() or any(source.glob("*.parquet")):
        return True
    return any((source / name).is_dir() for name in classes)


def _reader(path: Path) -> Reader:
    found = recognize(str(path.resolve()))
    return READERS.build(found["reader"], {"path": found["path"]})


def _opened(reader: Reader) -> tuple[Reader, Any]:
    """Return the reader of the split test, or where there is none of the only one, and its source."""
    test = reader.model_copy(update={"split": "test"})
    try:
        return test, test.open()
    except CurationError:
        return reader, reader.open()


def _classes(names: list[str], wanted: list[str], *, where: str) -> np.ndarray:
    """Return the index among the training classes of each class, int64; numbers that are no names are indices."""
    if not set(names) <= set(wanted) and are_numbers(names) and max(map(int, names)) < len(wanted):
        return np.array([int(name) for name in names])
    unknown = [name for name in names if name not in wanted]
    if unknown:
        raise CurationError(
            f"{where} has a class {unknown[0]!r} that the training images have not; they have: {', '.join(wanted[:20])}"
        )
    return np.array([wanted.index(name) for name in names])


def _test_ids(labels: np.ndarray, clean: np.ndarray, *, first: int) -> np.ndarray:
    """Return ids by which copies of one test image are known, int64.

    A source whose labels are those of the clean part, once or several times over, is of the same images in the same
    order; the images of any other are counted on from ``first``.
    """
    times, rest = divmod(len(labels), len(clean))
    if not rest and np.array_equal(labels, np.tile(clean, times)):
        return np.arange(len(labels)) % len(clean)
    return np.arange(len(labels)) + first


def _part(member: Member, ids: np.ndarray, gone: set[int]) -> Part:
    rows = np.flatnonzero(~np.isin(ids, list(gone)))
    part = part_of(member.part, member.kind, member.pipeline.samples, member.pipeline.plan.clean, rows)
    return replace(part, severity=member.severity, sample_ids=ids[rows], labels=member.labels[rows])


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
