"""Whether an export is what was written, and whether it can be made again here to the byte: four checks in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from curation.errors import CurationError, some_of
from curation.exporters.environment import ENVIRONMENT
from curation.exporters.export import PROVENANCE, SUMS
from curation.storage.files import digest

SHOWN = 5
"""Files named in one sentence."""
MATTER = ("instructions", "limits", "device")
"""Differences in these may round differently; those in versions too, where a library changed its arithmetic."""


@dataclass(frozen=True)
class Check:
    """of: files, source, weights or environment; words: what was found, one sentence.

    state: equal; differs; unknown: it cannot be told here, and the words say why.
    """

    of: Literal["files", "source", "weights", "environment"]
    state: Literal["equal", "differs", "unknown"]
    words: str


def verification(folder: Path, *, samples: str | None, here: Mapping[str, Any]) -> list[Check]:
    """Compare an export with its checksums, with a source as it is now, and with this machine.

    Args:
        folder: the export; older ones without provenance and environment are fine.
        samples: the digest of the recipe's samples in a workspace, or None where they are not read.
        here: ``environment`` of this machine.

    Raises: CurationError when the folder is not an export.
    """
    if not (folder / SUMS).is_file():
        raise CurationError(f"{folder} is not an export: it has no {SUMS}")
    provenance = _json(folder / PROVENANCE)
    return [
        _files(folder),
        _source(provenance, samples),
        _weights(folder, provenance),
        _environment(_json(folder / ENVIRONMENT), here),
    ]


def _files(folder: Path) -> Check:
    """Compare every file with its checksum, and look for files that have none."""
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    expected = {name: found for found, _, name in (line.partition("  ") for line in lines)}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    missing = sorted(expected.keys() - there)
    changed = sorted(name for name in expected.keys() & there if _sum(folder / name) != expected[name])
    added = sorted(there - expected.keys() - {SUMS, ENVIRONMENT})
    found = {"missing": missing, "changed or damaged": changed, "not part of the export": added}
    words = [f"{what}: {some_of(names, SHOWN)}" for what, names in found.items() if names]
    if missing or changed:
        return Check("files", "differs", f"{'; '.join(words)}; export the recipe again")
    return Check("files", "equal", "; ".join([f"all {len(expected):,} files are as they were written", *words]))


def _source(provenance: Mapping[str, Any] | None, samples: str | None) -> Check:
    if provenance is None:
        return Check("source", "unknown", f"this export is of an earlier version: it has no {PROVENANCE}")
    if samples is None:
        words = "not compared: give the workspace in which the source is read (--workspace)"
        return Check("source", "unknown", words)
    if samples != provenance["samples"]["digest"]:
        return Check("source", "differs", "the source's images or labels are not those that the set was made from")
    return Check("source", "equal", f"the same {provenance['samples']['count']:,} samples")


def _weights(folder: Path, provenance: Mapping[str, Any] | None) -> Check:
    if provenance is None:
        return Check("weights", "unknown", "this export is of an earlier version, which did not include the goal model")
    goal = provenance["goal_model"]
    if goal["file"] is None:
        words = (
            "the recipe uses earlier epochs of the goal model, so it trains it again; the weights are the same only on "
        )
        return Check("weights", "unknown", words + "the same kind of processor")
    path = folder / goal["file"]
    if not path.is_file() or digest(path.read_bytes()) != goal["digest"]:
        return Check("weights", "differs", f"{goal['file']} is not the goal model that chose this set")
    return Check("weights", "equal", f"{goal['file']} is the goal model that chose this set, and the recipe uses it")


def _environment(then: Mapping[str, Any] | None, here: Mapping[str, Any]) -> Check:
    if then is None:
        return Check("environment", "unknown", f"the export has no {ENVIRONMENT}")
    differ = list(_differing(then, here))
    if not differ:
        return Check("environment", "equal", "the same versions, processor, device and threads")
    names = [name for name, _ in differ]
    told = "; ".join(words for _, words in differ)
    if any(name in MATTER for name in names):
        told += ": other instructions round differently, which may change a few adversarial images and the last digits "
        told += "of scores"
    return Check("environment", "differs", told)


def _differing(then: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, sentence) of what is not as it was; the training's settings travel with the recipe."""
    for name in dict.fromkeys([*then, *here]):
        before, now = then.get(name), here.get(name)
        if name != "training" and before != now:
            yield name, f"{name} {_text(before)} then, {_text(now)} here"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={part}" for name, part in value.items()) or "none"
    return "unknown" if value is None else str(value)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json(path: Path) -> Any | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
