"""The files of a source: are they there, may they be read, have they changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

from curation.errors import CurationError
from curation.storage.addresses import below, fetched, is_address, local_or_remote

_SYSTEM = frozenset(
    "thumbs.db ehthumbs.db desktop.ini icon\r @eadir #recycle $recycle.bin lost+found __macosx __pycache__".split(" ")
) | {"system volume information"}
"""What systems and network drives leave behind, in lower case."""


def ignored(name: str) -> bool:
    """Say whether a file or folder is hidden, or one that a system left behind: it is never read."""
    return name.startswith(".") or name.lower() in _SYSTEM


def is_file(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry of a folder is a file, or a link to one; a link that leads in a circle is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def is_folder(entry: os.DirEntry[str], *, follow_symlinks: bool = True) -> bool:
    """Say whether an entry of a folder is a folder, as ``is_file`` does."""
    try:
        return entry.is_dir(follow_symlinks=follow_symlinks)
    except OSError:
        return False


def existing(path: str | Path, kind: Literal["file", "folder", "any"]) -> Path:
    """Return ``path`` with ``~`` resolved; of what is at an fsspec address, the local copy, brought up to date.

    Raises: CurationError when it does not exist, is not of the kind, or may not be read.
    """
    found = fetched(path).expanduser()
    if not found.exists():
        parent = found.absolute().parent
        hint = "check the spelling" if parent.is_dir() else f"its folder {parent} does not exist either"
        raise CurationError(f"{found} does not exist; {hint}")
    if kind == "folder" and not found.is_dir():
        raise CurationError(f"{found} is a file, but a folder is expected here; give the folder that holds it")
    if kind == "file" and not found.is_file():
        raise CurationError(f"{found} is a folder, but a file is expected here; give one file in it")
    if not os.access(found, os.R_OK | os.X_OK if found.is_dir() else os.R_OK):
        raise CurationError(f"no permission to read {found}; allow it with: chmod -R u+rX {found}")
    return found


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system says about ``path`` inside the block into one sentence."""
    try:
        yield
    except PermissionError:
        raise CurationError(f"no permission to read {path}; allow it with: chmod -R u+rX {path}") from None
    except OSError as error:
        raise CurationError(f"{path} could not be read ({error.strerror or error}); is it complete?") from None


def is_lfs_pointer(start: bytes) -> bool:
    """Say whether bytes at the start of a file are those of one that stands for another, which Git has yet to fetch."""
    return start.startswith(b"version https://git-lfs.github.com/spec/")


class Stat(Protocol):
    """Of what the system says of a file: size in bytes, and time of the last change."""

    @property
    def st_size(self) -> int:
        """Bytes."""

    @property
    def st_mtime_ns(self) -> int:
        """Nanoseconds since 1970."""


def stamp(path: str | Path) -> str | None:
    """Return ``files_fingerprint`` of a file, or of all below a folder that may be read; None: nothing is there.

    Raises: CurationError: an address that cannot be reached.
    """
    if is_address(path):
        found = below(local_or_remote(path))
        return files_fingerprint(found.items()) if found else None
    root = Path(path).expanduser()
    if root.is_file():
        return files_fingerprint([("", root.stat())])
    if not root.is_dir():
        return None
    return files_fingerprint(_below(root, ""))


def _below(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    with reading(folder), os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if ignored(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(folder / entry.name, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.stat(follow_symlinks=is_file(entry))


def files_fingerprint(files: Iterable[tuple[str, Stat]]) -> str:
    """Return 16 hexadecimal digits of a hash over names, sizes and modification times."""
    digest = hashlib.blake2b(digest_size=8)
    for name, stat in files:
        digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
