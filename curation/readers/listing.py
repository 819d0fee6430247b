"""What lies in a folder, or in an archive of one: every file by its path, without what systems left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from curation.readers.files import ignored, is_file, is_folder, reading

IMAGE_SUFFIXES = frozenset(
    ".png .jpg .jpeg .jpe .jfif .jp2 .webp .bmp .dib .gif .tif .tiff .ppm .pgm .pbm .pnm .tga .avif .heic .ico".split()
)
_LINKS_FOLLOWED = 2
"""Links to folders are followed down to this depth: that of splits, and of classes in splits."""


class File(NamedTuple):
    """A file: its POSIX path below the root, size in bytes and time of the last change; the latter as ``stat`` has."""

    path: str
    st_size: int
    st_mtime_ns: int

    @property
    def is_image(self) -> bool:
        """Whether its suffix is an image's."""
        return os.path.splitext(self.path)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 a path would be slow

    @property
    def may_be_image(self) -> bool:
        """Whether its suffix is an image's, or it has none."""
        return self.is_image or not os.path.splitext(self.path)[1]  # noqa: PTH122


@dataclass
class Node:
    """A folder: its own files, and the folders in it by name, both in the order of their names."""

    files: list[File] = field(default_factory=list)
    folders: dict[str, Node] = field(default_factory=dict)

    def all_files(self) -> Iterator[File]:
        """Yield the files at any depth, in the order of the names at each."""
        own = {file.path.rpartition("/")[2]: file for file in self.files}
        for name in sorted([*own, *self.folders]):
            if name in own:
                yield own[name]
            if name in self.folders:
                yield from self.folders[name].all_files()

    def has_images(self) -> bool:
        """Whether there is an image at any depth, by its suffix."""
        return any(file.is_image for file in self.files) or any(node.has_images() for node in self.folders.values())

    def may_hold_images(self) -> bool:
        """Whether there is a file at any depth whose suffix does not tell that it is no image."""
        return any(file.may_be_image for file in self.all_files())


@dataclass
class Listing:
    """A tree of files; the paths of what is ignored in it; and those of links and special files that are not read."""

    root: Node = field(default_factory=Node)
    ignored: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def add(self, file: File) -> None:
        """Add a file by its path; what is ignored is only noted."""
        *parents, _ = parts = file.path.split("/")
        for depth, part in enumerate(parts, 1):
            if ignored(part):
                self.ignored.append("/".join(parts[:depth]))
                return
        self.folder("/".join(parents)).files.append(file)

    def folder(self, path: str) -> Node:
        """Return the folder of a path, made where it was not known."""
        node = self.root
        for part in path.split("/") if path else []:
            node = node.folders.setdefault(part, Node())
        return node

    def sorted(self) -> Listing:
        """Return it with everything in the order of names."""
        _sort(self.root)
        self.ignored = sorted(set(self.ignored))
        self.links.sort()
        return self


def _sort(node: Node) -> None:
    node.files.sort()
    node.folders = {name: node.folders[name] for name in sorted(node.folders)}
    for inner in node.folders.values():
        _sort(inner)


def listed(root: Path) -> Listing:
    """Return what lies in a folder. Raises: CurationError naming a folder that may not be read."""
    found = Listing()
    _list(root, "", 0, found.root, found, {_identity(root)})
    return found.sorted()


def _list(folder: Path, prefix: str, depth: int, node: Node, found: Listing, above: set[tuple[int, int]]) -> None:
    with reading(folder), os.scandir(folder) as entries:
        ordered = list(entries)
    for entry in ordered:
        path = f"{prefix}{entry.name}"
        if ignored(entry.name):
            found.ignored.append(path)
        elif is_folder(entry, follow_symlinks=depth < _LINKS_FOLLOWED):
            identity = _identity(Path(entry.path))
            if identity in above:  # a link to a folder that it lies in
                found.links.append(path)
                continue
            inner = node.folders.setdefault(entry.name, Node())
            _list(Path(entry.path), f"{path}/", depth + 1, inner, found, above | {identity})
        elif is_file(entry) or (entry.is_symlink() and not is_folder(entry)):
            stat = entry.stat(follow_symlinks=is_file(entry))
            node.files.append(File(path, stat.st_size, stat.st_mtime_ns))
        else:
            found.links.append(path)


def _identity(folder: Path) -> tuple[int, int]:
    stat = folder.stat()
    return stat.st_dev, stat.st_ino
