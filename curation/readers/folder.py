"""A folder of images with one sub-folder a class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from curation.errors import CurationError
from curation.readers.archive import Archive
from curation.readers.base import Skipped, choose_split
from curation.readers.class_names import class_names, no_label_remark, number_order_remark, ordered, shown
from curation.readers.encoded import Encoded, EncodedReader, EncodedSource
from curation.readers.files import existing, files_fingerprint
from curation.readers.labels import check_two_classes
from curation.readers.layout import Choice, Part, layout_of
from curation.readers.listing import File, listed
from curation.readers.pixels import Unreadable


def has_class_folders(path: Path) -> bool:
    """Say whether two sub-folders of a folder, or of its splits, hold images, by their names."""
    node = listed(path).root
    inside = [child for folder in node.folders.values() for child in folder.folders.values()]
    for folders in (list(node.folders.values()), inside):
        if sum(any(file.is_image for file in folder.files) for folder in folders) >= 2:
            return True
    return False


class Folder(EncodedReader):
    """Images in one sub-folder a class, at any depth below it; also inside ``train/`` and ``test/`` (or ``val/``).

    Splits are told by their names, however they are spelled (``Training``, ``seg_test``, ``valid``), also inside the
    classes. Classes and files are sorted by name, as in torchvision's ImageFolder, but for classes whose names are all
    numbers: 2 goes before 10. A class folder without images is a class without images. Every file is a sample: one that
    is not an image is skipped and listed; hidden files and what systems leave behind (``Thumbs.db``, ``@eaDir``) are
    ignored.
    Files of a class whose names differ only in case or suffix (``a.png``, ``a.PNG``, ``a.jpg``) are all kept and noted.
    """

    name: ClassVar[str] = "folder"
    title: ClassVar[str] = "Image folder"
    version: ClassVar[int] = 2

    path: str = Field(
        min_length=1,
        description="the folder that holds one sub-folder a class, or train/ and test/; or a .zip or .tar of it",
    )

    layout: Choice = Field(
        "auto",
        description="classes: every folder is a class; splits: folders named train, test, … are splits; "
        "auto: told by names, asked where it can be either",
    )

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether it is a folder, or an archive of one: any that no other reader knows."""
        return path.is_dir() or Archive.recognizes(path)

    def unsettled(self) -> tuple[FolderSource, str, str | None]:
        """List the files; see ``EncodedReader.unsettled``. Raises: CurationError naming the folder."""
        root = existing(self.path, "any")
        archive = Archive(root) if Archive.recognizes(root) else None
        listing = archive.listed() if archive else listed(existing(root, "folder"))
        layout = layout_of(listing, self.layout, where=str(root), packed=archive is not None)
        split = choose_split(self.split, layout.parts, where=str(root))
        part = layout.parts[split]
        # Labels of all splits are counted by the classes of one.
        reference = next(name for name in ("train", "val", "test") if name in layout.parts)
        first = layout.parts[reference]
        where = str(root / part.called)
        files = _by_class(part, where)
        classes = ordered(_by_class(first, str(root / first.called)))
        if unknown := [name for name in files if name not in classes]:
            raise CurationError(
                f"{where} has a class {unknown[0]!r} that {root / first.called} does not have, which has: "
                f"{', '.join(classes[:20])}; give the class the same name in both"
            )
        check_two_classes([name for name in classes if files.get(name)], where=where)
        source = FolderSource(root, classes, archive)
        for label, name in enumerate(classes):
            source.add(label, [file.path for file in files.get(name, [])])
        empty = [name for name, some in files.items() if not some]
        source.layout, source.remarks = layout.words, (*layout.remarks, *_remarks(classes, empty))
        source.fingerprint = files_fingerprint((file.path, file) for some in part.classes.values() for file in some)
        return source, where, None if split == reference else reference


@dataclass
class FolderSource(EncodedSource):
    """The files of one split, by class."""

    labels_are = "names of folders"

    folder: Path
    classes: list[str]
    archive: Archive | None = None
    files: list[str] = field(default_factory=list, repr=False)
    labels: list[int] = field(default_factory=list, repr=False)
    notes: dict[int, str] = field(default_factory=dict, repr=False)
    spelled: dict[int, str] = field(default_factory=dict, repr=False)

    def add(self, label: int, files: list[str]) -> None:
        """Append the files of one class, noting those whose names differ only in case, suffix or Unicode form."""
        first: dict[str, str] = {}
        for file in files:
            name = shown(file)
            twin = first.setdefault(os.path.splitext(name)[0].casefold(), file)  # noqa: PTH122 a path would be slow
            if name == shown(twin) and twin != file:
                self.spelled[len(self.files)] = ascii(file)[1:-1]
                self.notes[len(self.files)] = f"has the same name as {name} in another Unicode form"
            elif twin != file:
                self.notes[len(self.files)] = f"has the same name as {shown(twin)} except for case or suffix"
            self.files.append(file)
            self.labels.append(label)

    def __len__(self) -> int:
        return len(self.files)

    def encoded(self, start: int, stop: int) -> Iterator[Encoded | Skipped]:
        """Yield the files at positions start … stop − 1; see ``EncodedSource.encoded``."""
        for i in range(start, stop):
            name = self.spelled.get(i) or shown(self.files[i])
            content: bytes | Path = self.folder / self.files[i]
            if self.archive is not None:
                try:
                    content = self.archive.content(self.files[i])
                except Unreadable as error:
                    yield Skipped(i, name, str(error))
                    continue
            yield Encoded(i, name, self.labels[i], content, self.notes.get(i, ""))


def _by_class(part: Part, where: str) -> dict[str, list[File]]:
    """Return the files of each class by its name as it is shown. Raises: CurationError naming two that are the same."""
    return dict(zip(class_names(list(part.classes), where=where), part.classes.values(), strict=True))


def _remarks(classes: list[str], empty: list[str]) -> Iterator[str]:
    for name in empty:
        yield f"the folder of class {name!r} has no image: it is kept as a class without images"
    yield from filter(None, (number_order_remark(classes), no_label_remark(classes)))
