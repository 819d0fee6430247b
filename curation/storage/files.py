"""Files that appear whole or not at all, locally or at an fsspec address."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from upath import UPath

from curation.errors import CurationError


@contextlib.contextmanager
def clear_write_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into sentences. Raises: CurationError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = "the disk is full; free some space and run again, everything finished so far is kept"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            why = "no permission to write there; choose another folder or change its permissions"
        elif error.errno == errno.ENOTDIR:
            why = "a part of that path is a file, not a folder; choose another folder"
        else:
            raise
        raise CurationError(f"cannot write {path}: {why}") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it exists whole or not at all, whatever happens. Raises: CurationError."""
    with clear_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(path, os.PathLike):
            path.write_bytes(content)  # object stores put a whole object or nothing
            return
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON as ``write_bytes`` does."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any | None:
    """Return the JSON in a file, or None where there is none or it is broken."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def digest(content: bytes | memoryview) -> str:
    """Return 16 hexadecimal digits (64 bits of BLAKE2b) of some bytes."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def digest_of_file(path: Path) -> str:
    """Return ``digest`` of a file's contents, which need not fit in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def local_or_remote(root: str | os.PathLike[str]) -> Path:
    """Return a path object for a local folder or an fsspec address such as ``s3://bucket/folder``."""
    return cast(Path, UPath(root))
