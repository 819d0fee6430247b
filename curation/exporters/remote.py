"""An export at an fsspec address: put there whole, the checksums last, so that what has them is complete."""

from __future__ import annotations

from pathlib import Path

from curation.storage.addresses import below, remove, upload
from curation.storage.files import write_bytes

SUMS = "SHA256SUMS"
UNFINISHED = ".unfinished"
"""There while an export is put to an address; one that a killed process left may be replaced."""


def put(folder: Path, destination: Path) -> None:
    """Put a finished folder at an address, in place of an earlier export there.

    Raises: CurationError: it cannot be reached or written; what is there is then no export, and may be replaced.
    """
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    sums = {SUMS: files.pop(SUMS)}
    earlier = below(destination)
    write_bytes(destination / UNFINISHED, b"")
    remove(destination, [SUMS] if SUMS in earlier else [])
    upload(files, destination)
    remove(destination, sorted(earlier.keys() - files.keys() - {SUMS, UNFINISHED}))
    upload(sums, destination)
    remove(destination, [UNFINISHED])
