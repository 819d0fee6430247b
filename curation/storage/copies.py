"""Local copies of remote files that are named by their digest: fetched once, mapped from disk, the oldest dropped.

Environment: CURATION_COPIES_GB: how much they may take (20).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from curation.storage.addresses import copies_folder
from curation.storage.files import digest, read_bytes, write_bytes

_CHECKED_BYTES = 256 << 20
"""After so many new bytes a process looks whether the copies take too much."""
_new_bytes = _CHECKED_BYTES


def copy_of(path: Path, of: str) -> Path:
    """Return the local copy of a remote file.

    Args: of: the digest of its content. Raises: ValueError: its content is another; FileNotFoundError; CurationError.
    """
    place = _place(path, of)
    try:
        os.utime(place)  # used now
    except FileNotFoundError:
        content = read_bytes(path)
        if digest(content) != of:
            raise ValueError(f"the content of {path} is not what its name says") from None
        keep_copy(path, of, content)
    return place


def keep_copy(path: Path, of: str, content: bytes) -> None:
    """Keep the content of a remote file, that was just read or written, here too."""
    global _new_bytes
    place = _place(path, of)
    write_bytes(place, content)
    _new_bytes += len(content)
    if _new_bytes > _CHECKED_BYTES:
        _new_bytes = 0
        _make_room(place.parent)


def copied_size(path: Path, of: str) -> int | None:
    """Return the size of the local copy, which was checked when it was made; None: there is none."""
    try:
        return _place(path, of).stat().st_size
    except FileNotFoundError:
        return None


def _place(path: Path, of: str) -> Path:
    return copies_folder() / "objects" / f"{of}{path.suffix}"


def _make_room(folder: Path) -> None:
    """Remove the copies that were not used for longest, until the others take nine tenths of what they may."""
    most = float(os.environ.get("CURATION_COPIES_GB", "20")) * 1e9
    with os.scandir(folder) as found:
        stats = sorted((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path) for entry in found)
    total = sum(size for _, size, _ in stats)
    if total <= most:
        return
    for _, size, path in stats:
        if total <= 0.9 * most:
            break
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
        total -= size
