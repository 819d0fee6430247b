"""The whole export: images, labels, recipe, manifest, datasheet and checksums, in a folder that appears when whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.exporters.base import CuratedSet, Exporter, OnProgress
from curation.exporters.datasheet import datasheet
from curation.exporters.environment import ENVIRONMENT
from curation.exporters.remote import SUMS, UNFINISHED, put
from curation.storage.addresses import below, is_remote, local_or_remote
from curation.storage.files import clear_write_errors, read_json

PROVENANCE = "provenance.json"
"""Which samples and which goal model an export was made from, by their digests."""


def provenance(folder: Path) -> dict[str, Any]:
    """Return what an export was made from, as plain data; empty where there is none, or of an earlier version."""
    return read_json(folder / PROVENANCE) or {}


def export(
    curated: CuratedSet,
    exporter: Exporter,
    destination: Path | str,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = lambda done: None,
) -> Path:
    """Write a curated set; the same set gives the same bytes.

    Args:
        destination: the folder to make; its parents are made too. At an fsspec address its checksums appear last.
        overwrite: replace an earlier export there, as a whole; at an address it is removed before the new one is whole.
        on_progress: told how many images are written; may raise to stop.

    Returns: destination.
    Raises: CurationError: nothing to write, the folder is in use, the disk is full or refuses; no half export is left.
    """
    destination = local_or_remote(destination)
    curated.check()
    remote = is_remote(destination)
    partial = destination.with_name(f".{destination.name[:100]}.partial-{uuid.uuid4().hex[:8]}")
    try:
        with clear_write_errors(destination):
            _check_place(destination, overwrite)
            if remote:
                partial = Path(tempfile.mkdtemp(prefix="curation-export-"))
            else:
                partial.mkdir(parents=True)
            exporter.write(curated, partial, on_progress=on_progress)
            _write_about(curated, exporter, partial)
            _write_sums(partial)
            put(partial, destination) if remote else _swap(partial, destination)
    except OSError as error:
        raise CurationError(f"cannot write {destination}: {error}; nothing was left behind") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return destination


def _check_place(destination: Path, overwrite: bool) -> None:
    if is_remote(destination):
        there = below(destination)
        free, ours = not there or UNFINISHED in there, SUMS in there
    else:
        free = not os.path.lexists(destination) or (destination.is_dir() and not any(destination.iterdir()))
        ours = (destination / SUMS).is_file()
    if free:
        return
    if not ours:
        raise CurationError(
            f"{destination} exists and is not an export; choose a new folder (this one was left unchanged)"
        )
    if not overwrite:
        raise CurationError(f"{destination} holds an earlier export; choose another folder or allow overwriting it")


def _write_about(curated: CuratedSet, exporter: Exporter, folder: Path) -> None:
    manifest = curated.manifest.copy()
    for name in ("family", "kind"):
        manifest[name] = manifest[name].astype(str)
    files = exporter.files(curated)
    if files is not None:
        manifest["file"] = files
    if curated.soft_labels is not None:
        manifest["soft_label"] = list(curated.label_rows)
    manifest.attrs = {}
    manifest.to_parquet(folder / "manifest.parquet", index=False)
    (folder / "classes.json").write_text(json.dumps(curated.classes, indent=1) + "\n", encoding="utf-8")
    (folder / "recipe.yaml").write_text(curated.recipe_yaml, encoding="utf-8")
    (folder / "datasheet.md").write_text(datasheet(curated, exporter), encoding="utf-8")
    for name, path in curated.files.items():
        (folder / name).write_bytes(path.read_bytes())
    for name, about in ((PROVENANCE, curated.provenance), (ENVIRONMENT, curated.environment)):
        if about:
            (folder / name).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _write_sums(folder: Path) -> None:
    """Write checksums as ``sha256sum`` does, and make sure that all is on the disk."""
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if path.name != ENVIRONMENT:  # the same set from another machine has the same checksums
                lines.append(f"{found}  {path.relative_to(folder).as_posix()}\n")
            os.fsync(file.fileno())
    with (folder / SUMS).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    for inner in [*(path for path in folder.rglob("*") if path.is_dir()), folder]:
        _sync_folder(inner)


def _sync_folder(folder: Path) -> None:
    """Make sure that a folder's list of files is on the disk, where the system lets one."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _swap(partial: Path, destination: Path) -> None:
    """Put the finished folder in place; an earlier export is there until the new one is."""
    old = destination.with_name(f".{destination.name[:100]}.old-{uuid.uuid4().hex[:8]}")
    if destination.exists():
        destination.rename(old)
    try:
        partial.rename(destination)
    except OSError as error:
        if old.exists():
            old.rename(destination)
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise CurationError(
                f"{destination} was created by another process in the meantime; choose another folder"
            ) from error
        raise
    _sync_folder(destination.parent)
    shutil.rmtree(old, ignore_errors=True)


def verify(folder: Path) -> None:
    """Check every file of an export against its checksums. Raises: CurationError naming the first that differs."""
    sums = folder / SUMS
    if not sums.exists():
        raise CurationError(f"{folder} is not an export: it has no {SUMS}")
    for line in sums.read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file():
            raise CurationError(f"{path} is missing from the export; export the recipe again")
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise CurationError(f"{path} was changed or damaged since the export; export the recipe again")
