"""The contract of an exporter: write images and labels into a folder; everything else is added around it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from curation.plugin import Plugin
from curation.selection.pool import candidate_name

CHUNK = 1024
"""Images read and written at a time."""

OnProgress = Callable[[int], None]
"""Told how many images are written; may raise to stop."""


@dataclass(frozen=True)
class CuratedSet:
    """A curated set, its pixels still to be read.

    manifest: one row an image: sample_id, family, kind, severity, scores, label in [0, K), weight, …;
    images: (start, stop) → uint8 M×H×W×C of those rows; soft_labels: float32 N×K, rows sum to 1, or None: one-hot;
    classes: K names; shape: (H, W, C); recipe_yaml: the recipe that made it; about: plain data for the datasheet.
    """

    manifest: pd.DataFrame
    images: Callable[[int, int], np.ndarray]
    soft_labels: np.ndarray | None
    classes: list[str]
    shape: tuple[int, int, int]
    recipe_yaml: str
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.manifest)

    @property
    def labels(self) -> np.ndarray:
        """int64 N."""
        return self.manifest["label"].to_numpy(np.int64)

    @property
    def label_rows(self) -> np.ndarray:
        """float32 N×K, rows sum to 1."""
        if self.soft_labels is not None:
            return self.soft_labels.astype(np.float32, copy=False)
        return np.eye(len(self.classes), dtype=np.float32)[self.labels]

    def names(self) -> list[str]:
        """Return every image's candidate name, ``17`` or ``17/fog/3``."""
        columns = (self.manifest[name] for name in ("sample_id", "kind", "severity"))
        return [
            candidate_name(int(sample), str(kind), int(severity))
            for sample, kind, severity in zip(*columns, strict=True)
        ]

    def chunks(self, on_progress: OnProgress) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, images) a chunk at a time, and tell how many are done after each."""
        for start in range(0, len(self), CHUNK):
            stop = min(start + CHUNK, len(self))
            yield start, self.images(start, stop)
            on_progress(stop)


class Exporter(Plugin):
    """One file format. A member writes ``write`` and says in ``snippet`` how the result is opened elsewhere."""

    native: ClassVar[str]
    """Python that opens the export with other people's tools, ``{path}`` standing for the folder."""

    @classmethod
    def snippet(cls, path: str) -> str:
        """Return Python that loads an export, with this library and with others."""
        ours = f'from curation import load\n\ndataset = load("{path}")   # float32 C×H×W in [0, 1], label\n'
        return ours + "\n# or without curation:\n" + cls.native.replace("{path}", path)

    @abstractmethod
    def write(self, curated: CuratedSet, folder: Path, *, on_progress: OnProgress) -> None:
        """Write images and labels into an empty folder, same set → same bytes."""

    def files(self, curated: CuratedSet) -> list[str] | None:
        """Return every image's file inside the export, for the manifest; None where images share one file."""
        return None

    @classmethod
    @abstractmethod
    def reader(cls, folder: Path, manifest: pd.DataFrame) -> Callable[[int], np.ndarray]:
        """Return how ``curation.load`` gets image ``i`` of an export: uint8 H×W×C. Raises: OSError, ValueError."""
