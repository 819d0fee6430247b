"""A folder of images with one sub-folder a class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from curation.errors import CurationError
from curation.readers.arrays import check_two_classes
from curation.readers.base import Skipped, choose_split
from curation.readers.encoded import Encoded, EncodedReader, EncodedSource, spread
from curation.readers.files import existing, files_fingerprint, reading

_SPLITS = ("train", "test", "val", "valid", "validation")
_LITTER = frozenset({"thumbs.db", "desktop.ini"})


class Folder(EncodedReader):
    """Images in one sub-folder a class, at any depth below it; also inside ``train/`` and ``test/`` (or ``val/``).

    Classes and files are sorted by name, as in torchvision's ImageFolder. Every file is a sample:
    one that is not an image is skipped and listed; only hidden files, Thumbs.db and desktop.ini are ignored.
    Files of a class whose names differ only in case or suffix (``a.png``, ``a.PNG``, ``a.jpg``) are all kept and noted.
    """

    name: ClassVar[str] = "folder"
    title: ClassVar[str] = "Image folder"

    path: str = Field(min_length=1, description="the folder that holds one sub-folder a class, or train/ and test/")

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether it is a folder: any that no other reader knows."""
        return path.is_dir()

    def open(self) -> FolderSource:
        """List the files and settle size and channels. Raises: CurationError naming the folder."""
        root = existing(self.path, "folder")
        splits = [name for name in _SPLITS if name in _sub_folders(root) and _sub_folders(root / name)]
        if "train" in splits:
            folder, reference = root / choose_split(self.split, splits, where=str(root)), root / "train"
        else:
            choose_split(self.split, ("train",), where=str(root))
            folder = reference = root
        classes, present = _sub_folders(reference), _sub_folders(folder)
        if not classes:
            what = "holds files but no sub-folders" if any(root.iterdir()) else "is empty"
            raise CurationError(f"{root} {what}; put the images of each class into a sub-folder with the class's name")
        if unknown := [name for name in present if name not in classes]:
            raise CurationError(
                f"{folder} has a class {unknown[0]!r} that {reference} does not have; add it there or remove it here"
            )
        check_two_classes(present, where=str(folder))

        source = FolderSource(folder, classes)
        stats: list[tuple[str, os.stat_result]] = []
        for name in present:
            files = list(_files(folder / name, f"{name}/"))
            if not files:
                raise CurationError(f"class folder {folder / name} has no files; add images or remove the folder")
            source.add(classes.index(name), [file for file, _ in files])
            stats += files
        source.fingerprint = files_fingerprint(stats)
        source.settle(self, spread(len(source)), where=str(folder))
        return source


@dataclass
class FolderSource(EncodedSource):
    """The files of one split, by class."""

    folder: Path
    classes: list[str]
    files: list[str] = field(default_factory=list, repr=False)
    labels: list[int] = field(default_factory=list, repr=False)
    notes: dict[int, str] = field(default_factory=dict, repr=False)

    def add(self, label: int, files: list[str]) -> None:
        """Append the files of one class, noting those whose names differ only in case or suffix."""
        first: dict[str, str] = {}
        for file in files:
            twin = first.setdefault(os.path.splitext(file)[0].casefold(), file)  # noqa: PTH122 a path would be slow
            if twin != file:
                self.notes[len(self.files)] = f"has the same name as {twin} except for case or suffix"
            self.files.append(file)
            self.labels.append(label)

    def __len__(self) -> int:
        return len(self.files)

    def encoded(self, start: int, stop: int) -> Iterator[Encoded | Skipped]:
        """Yield the files at positions start … stop − 1; see ``EncodedSource.encoded``."""
        for i in range(start, stop):
            name = self.files[i].encode("utf-8", "backslashreplace").decode()
            yield Encoded(i, name, self.labels[i], self.folder / self.files[i], self.notes.get(i, ""))


def _sub_folders(folder: Path) -> list[str]:
    with reading(folder), os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith((".", "__MACOSX")))


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield (name from the class folder on, stat) of every file at any depth, in the order of names."""
    with reading(folder), os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.name.startswith(".") or entry.name.lower() in _LITTER:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(folder / entry.name, f"{prefix}{entry.name}/")
        elif entry.is_file() or entry.is_symlink():
            yield f"{prefix}{entry.name}", entry.stat(follow_symlinks=entry.is_file())
