"""An export as it is read again: its images, manifest and class names, whatever its format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from curation.errors import CurationError
from curation.exporters import EXPORTERS
from curation.exporters.base import Images
from curation.exporters.export import SUMS, verify
from curation.selection.pool import candidate_name
from curation.storage.addresses import fetched


@dataclass(frozen=True)
class Again:
    """images: N, read by index; manifest: N rows, see ``CuratedSet``; classes: K names."""

    images: Images
    manifest: pd.DataFrame
    classes: list[str]

    def names(self) -> list[str]:
        """Return every image's candidate name, ``17`` or ``17/fog/3``."""
        columns = (self.manifest[name] for name in ("sample_id", "kind", "severity"))
        return [candidate_name(int(one), str(kind), int(level)) for one, kind, level in zip(*columns, strict=True)]


def read_again(folder: Path | str, *, check: bool) -> Again:
    """Open an exported set of any format.

    Args: folder: a folder, or an fsspec address, of which a local copy is read; check: compare every file with its
        checksum first.
    Raises: CurationError: not an export, or damaged.
    """
    folder = fetched(folder)
    if not (folder / SUMS).exists():
        raise CurationError(
            f"{folder} is not an export: it has no {SUMS}; give the folder that `curation export` wrote"
        )
    if check:
        verify(folder)
    exporter = next((member for member in EXPORTERS if (folder / member.marker).exists()), None)
    if exporter is None:
        names = ", ".join(member.marker for member in EXPORTERS)
        raise CurationError(f"the export {folder} has none of {names}; export the recipe again")
    try:
        manifest = pd.read_parquet(folder / "manifest.parquet")
        classes = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
        images = exporter.reader(folder, manifest)
        if len(images) != len(manifest):
            raise ValueError(f"{len(images)} images for {len(manifest)} rows of manifest.parquet")
    except (OSError, ValueError, KeyError) as error:
        raise CurationError(f"the export {folder} is damaged ({error}); export the recipe again") from error
    return Again(images, manifest, classes)
