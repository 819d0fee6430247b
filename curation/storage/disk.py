"""What a workspace takes on disk, part by part, and freeing what is made again by itself where it is needed."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from curation.storage.addresses import below, is_remote
from curation.storage.files import read_json
from curation.storage.workspace import PARTS, Workspace

CORRUPTED = "corrupted copies"
"""The part of those that are kept as files for candidates."""

_POOLS = "tables of all candidates"
_MADE_AGAIN = (CORRUPTED, _POOLS)

_WORDS = {
    "models": "goal models",
    "pools": _POOLS,
    "targets": "targets",
    "recipes": "recipes",
    "suites": "test suites",
    "map": "maps",
    "labels": "label check",
    "orders": "orders of selection",
    "stages": "other stages",
}


class Part(NamedTuple):
    """What one part of a workspace takes; made_again: by itself, where it is needed, so that nothing is lost."""

    name: str
    bytes: int
    files: int
    made_again: bool


def parts(workspace: Workspace) -> list[Part]:
    """Return what each part of a workspace takes on disk, the largest first."""
    found: dict[str, list[int]] = defaultdict(list)
    for name, _, size in _every(workspace):
        found[name].append(size)
    every = (Part(name, sum(sizes), len(sizes), name in _MADE_AGAIN) for name, sizes in found.items())
    return sorted(every, key=lambda part: -part.bytes)


def clean(workspace: Workspace) -> int:
    """Remove what is made again by itself where it is needed; return how many bytes that freed."""
    freed = 0
    for name, path, size in _every(workspace):
        if name in _MADE_AGAIN:
            path.unlink(missing_ok=True)
            freed += size
    return freed


def _every(workspace: Workspace) -> Iterator[tuple[str, Path, int]]:
    """Yield every file of results and its size, with the name of the part that it belongs to."""
    for part in PARTS:
        if part != "images":
            name = _WORDS.get(part, part)
            yield from ((name, path, size) for path, size in _files(workspace.root / part))
            continue
        for key in workspace.kept(part):
            folder = workspace.root / part / key
            name = _images(read_json(folder / "set.json"))
            for path, size in _files(folder):  # what a set is stays, so that it is still listed
                yield "what variants there are" if path.name == "set.json" else name, path, size


def _images(about: dict[str, Any] | None) -> str:
    """Return of which part a set of images is, from its description; the samples have none."""
    if about is None:
        return "samples"
    if about.get("role") == "surrogate":
        return "test suites"
    return CORRUPTED if about["family"] == "corruption" else "adversarial copies"


def _files(folder: Path) -> list[tuple[Path, int]]:
    """Return every file below a folder and its size; none where there is no folder, or it went meanwhile."""
    if is_remote(folder):
        return [(folder / name, stat.st_size) for name, stat in below(folder).items()]
    found = []
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            try:
                found.append((path, path.stat().st_size))
            except FileNotFoundError:  # a partial file, written meanwhile
                continue
    return found
