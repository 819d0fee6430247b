"""An image folder packed as ``.zip`` or ``.tar``: listed and read member by member, never unpacked into a folder."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import IO, Any, NamedTuple

from curation.errors import CurationError
from curation.readers.files import ignored
from curation.readers.listing import File, Listing
from curation.readers.pixels import Unreadable

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MOST_GB = 100
"""An archive that unpacks to more is refused: a small file may claim any size."""
MOST_MEMBER_MB = 1000
"""A larger member is no image."""
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError)
_COPIED_BYTES = 1 << 20
_KEPT_OPEN = 2
_INFLATE: dict[bytes, Callable[..., IO[bytes]]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}  # type: ignore[dict-item]
_tars: dict[tuple[str, int, int], IO[bytes]] = {}
_lock = RLock()


class Member(NamedTuple):
    """A file in an archive: where its bytes are in a tar (offset), and how many; in a zip it is found by its name."""

    name: str
    offset: int
    size: int


@dataclass
class Archive:
    """A packed folder, opened again in each process that reads it."""

    path: Path
    members: dict[str, Member] = field(default_factory=dict, repr=False)
    _opened: zipfile.ZipFile | None = field(default=None, repr=False)

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether a file is named like one."""
        return path.is_file() and path.name.lower().endswith(SUFFIXES)

    def listed(self) -> Listing:
        """Return what lies in it, as ``listing.listed`` does for a folder.

        Raises: CurationError: it is damaged, encrypted or claims to be too large, or holds a path that leads out of it.
        """
        found, links, total = Listing(), list[str](), 0
        with self._sentences():
            for member, name, modified_ns in self._zip() if self._is_zip else self._tar():
                path = self._inside(name)
                if member is None:
                    links.append(path)
                    continue
                total += member.size
                if total > MOST_GB * 10**9:
                    raise CurationError(
                        f"{self.path} claims to hold more than {MOST_GB} GB; unpack it yourself and give the folder"
                    )
                if path in self.members and not any(map(ignored, path.split("/"))):
                    raise CurationError(f"{self.path} holds {path} twice; pack the folder again")
                self.members[path] = member
                found.add(File(path, member.size, modified_ns))
        found.links = links
        return found.sorted()

    def content(self, path: str) -> bytes:
        """Return the bytes of a file in it. Raises: Unreadable with the reason."""
        member = self.members[path]
        if member.size > MOST_MEMBER_MB * 10**6:
            raise Unreadable(f"it claims to have more than {MOST_MEMBER_MB:,} MB")
        try:
            if self._is_zip:
                with self._zip_file().open(member.name) as stream:
                    content = stream.read(member.size + 1)
            else:
                with _lock:
                    file = _tar_of(self.path)
                    file.seek(member.offset)
                    content = file.read(member.size)
        except _BROKEN as error:
            raise Unreadable(f"it is damaged in the archive ({error})") from None
        if len(content) != member.size:
            raise Unreadable("its size is another than the archive says")
        return content

    @property
    def _is_zip(self) -> bool:
        return self.path.name.lower().endswith(".zip")

    def _inside(self, name: str) -> str:
        """Return a member's path below the root. Raises: CurationError: it leads out."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        if ".." in parts or name.startswith(("/", "\\")) or (parts and parts[0][1:2] == ":"):
            raise CurationError(
                f"{self.path} holds {name!r}, a path that leads out of it; nothing is read: pack the folder again"
            )
        return "/".join(parts)

    def _zip(self) -> Iterator[tuple[Member | None, str, int]]:
        for info in self._zip_file().infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                raise CurationError(f"{self.path} is encrypted; unpack it and give the folder")
            if stat.S_ISLNK(info.external_attr >> 16):
                yield None, info.filename, 0
                continue
            moment = time.mktime((*info.date_time, 0, 0, -1)) if info.date_time[0] >= 1980 else 0.0
            yield Member(info.filename, 0, info.file_size), info.filename, int(moment) * 10**9

    def _tar(self) -> Iterator[tuple[Member | None, str, int]]:
        with _lock, tarfile.open(fileobj=_from_the_start(_tar_of(self.path)), mode="r:") as tar:
            for info in tar:
                if info.isfile():
                    yield Member(info.name, info.offset_data, info.size), info.name, int(info.mtime) * 10**9
                elif not info.isdir():
                    yield None, info.name, 0

    def _zip_file(self) -> zipfile.ZipFile:
        if self._opened is None:
            self._opened = zipfile.ZipFile(self.path)
        return self._opened

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            self._opened = None
            raise CurationError(f"{self.path} is not a complete archive ({error}); get it or pack it again") from None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}


def _from_the_start(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    return file


def _tar_of(path: Path) -> IO[bytes]:
    """Return the plain tar of an archive, read with ``_lock`` held.

    A compressed one is inflated into a temporary file that has no name and goes with the process; the last ones are
    kept open, for a source is opened again and again. Raises: CurationError: it is too large.
    """
    about = path.stat()
    key = (str(path), about.st_size, about.st_mtime_ns)
    if key not in _tars:
        while len(_tars) >= _KEPT_OPEN:
            _tars.pop(next(iter(_tars))).close()
        file = path.open("rb")
        magic = file.read(6)
        file.seek(0)
        inflate = next((opener for start, opener in _INFLATE.items() if magic.startswith(start)), None)
        _tars[key] = file if inflate is None else _inflated(inflate(file), path)
    return _tars[key]


def _inflated(stream: IO[bytes], path: Path) -> IO[bytes]:
    file, copied = tempfile.TemporaryFile(), 0  # noqa: SIM115 kept open
    while block := stream.read(_COPIED_BYTES):
        copied += len(block)
        if copied > MOST_GB * 10**9:
            raise CurationError(f"{path} unpacks to more than {MOST_GB} GB; unpack it yourself and give the folder")
        file.write(block)
    return file
