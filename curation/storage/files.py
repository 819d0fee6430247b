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
from typing import Any

from curation.errors import CurationError
from curation.storage.addresses import is_remote, reachable, store


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
    if is_remote(path):
        files, name = store(path)
        with reachable(path):
            files.pipe_file(name, content)  # object stores put a whole object or nothing
        return
    with clear_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
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


def read_bytes(path: Path) -> bytes:
    """Return a file's content; a remote one in one request. Raises: FileNotFoundError, NotADirectoryError."""
    if not is_remote(path):
        return path.read_bytes()
    files, name = store(path)
    with reachable(path):
        content: bytes = files.cat_file(name)
        return content


def read_json(path: Path) -> Any | None:
    """Return the JSON in a file, or None where there is none or it is broken."""
    try:
        return json.loads(read_bytes(path))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def digest(content: bytes | memoryview) -> str:
    """Return 16 hexadecimal digits (64 bits of BLAKE2b) of some bytes."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def digest_of_file(path: Path) -> str:
    """Return ``digest`` of a file's contents, which need not fit in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
