"""The contract of an exporter: write images and labels into a folder; everything else is added around it."""

from __future__ import annotations

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from PIL import Image

from curation.errors import CurationError
from curation.plugin import Plugin
from curation.selection.pool import candidate_name
from curation.storage.addresses import is_address

CHUNK_BYTES = 16 * 2**20
"""Pixels read and written at a time."""

_COLUMNS = ("sample_id", "family", "kind", "severity", "label")

OnProgress = Callable[[int], None]
"""Told how many images are written; may raise to stop."""


@dataclass(frozen=True)
class CuratedSet:
    """A curated set, its pixels still to be read.

    manifest: one row an image: sample_id, family, kind, severity, scores, label in [0, K), weight, …;
    images: (start, stop) → uint8 M×H×W×C of those rows; soft_labels: float32 N×K, rows sum to 1, or None: one-hot;
    classes: K names; shape: (H, W, C); recipe_yaml: the recipe that reproduces it; about: plain data for the
    datasheet; files: what else lies in the export, by name, the goal model's weights above all; provenance: digests of
    samples and goal model; environment: see ``exporters.environment``.
    """

    manifest: pd.DataFrame
    images: Callable[[int, int], np.ndarray]
    soft_labels: np.ndarray | None
    classes: list[str]
    shape: tuple[int, int, int]
    recipe_yaml: str
    about: dict[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

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
        rows = max(1, min(1000, CHUNK_BYTES // math.prod(self.shape)))
        for start in range(0, len(self), rows):
            stop = min(start + rows, len(self))
            images = self.images(start, stop)
            if images.dtype != np.uint8 or images.shape != (stop - start, *self.shape):
                expected, got = ("×".join(map(str, shape)) for shape in ((stop - start, *self.shape), images.shape))
                raise CurationError(f"images {start} … {stop - 1} must be uint8 {expected}, got {images.dtype} {got}")
            yield start, images
            on_progress(stop)

    def check(self) -> None:
        """Raises: CurationError when there is nothing to write, or a table or label is not what it must be."""
        if not len(self):
            raise CurationError("the curated set is empty; raise the budget or lower the offset")
        for column in _COLUMNS:
            if column not in self.manifest:
                raise CurationError(f"the manifest has no column {column!r}; it needs {', '.join(_COLUMNS)}")
        labels, classes = self.labels, len(self.classes)
        if labels.min() < 0 or labels.max() >= classes:
            raise CurationError(f"labels must be in [0, {classes}), got {labels.min()} … {labels.max()}")
        soft = self.soft_labels
        if soft is None:
            return
        if soft.shape != (len(self), classes):
            expected, got = f"{len(self)}×{classes}", "×".join(map(str, soft.shape))
            raise CurationError(
                f"soft labels must have one row per image and one column per class, {expected}, got {got}"
            )
        wrong = np.flatnonzero(~((soft >= 0).all(1) & (abs(soft.sum(1) - 1) < 1e-4)))
        if len(wrong):
            raise CurationError(
                f"the soft label of image {wrong[0]} must be non-negative and sum to 1; check the labels"
            )


class Images(ABC):
    """The images of an export, by position; what is open stays in its process, so that workers can be given them."""

    def __init__(self, folder: Path, manifest: pd.DataFrame) -> None:
        """Args: folder: the export; manifest: its table."""
        self.folder = folder
        self.files = manifest["file"].to_list() if "file" in manifest else []

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "opened"}

    @cached_property
    def opened(self) -> Any:
        """What ``open`` returned, once a process."""
        return self.open()

    @abstractmethod
    def open(self) -> Any:
        """Open the export's file. Raises: OSError, ValueError."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> np.ndarray:
        """Return one image, uint8 H×W×C. Raises: OSError, ValueError, SyntaxError (a broken PNG)."""


def png(image: np.ndarray) -> bytes:
    """Return an image, uint8 H×W×C, as the bytes of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, format="PNG")
    return buffer.getvalue()


class Exporter(Plugin):
    """One file format. A member writes ``write`` and says in ``snippet`` how the result is opened elsewhere."""

    family = "exporter"
    marker: ClassVar[str]
    """The file or folder by which ``curation.load`` knows this format."""
    native: ClassVar[str]
    """Python that opens the export with other people's tools, ``{path}`` standing for the folder."""

    @classmethod
    def snippet(cls, path: str) -> str:
        """Return Python that loads an export, with this library and, from a local disk, with others."""
        ours = f'from curation import load\n\ndataset = load("{path}")   # float32 C×H×W in [0, 1], label\n'
        if is_address(path):
            return ours
        return ours + "\n# or without curation:\n" + cls.native.replace("{path}", path)

    @abstractmethod
    def write(self, curated: CuratedSet, folder: Path, *, on_progress: OnProgress) -> None:
        """Write images and labels into an empty folder, same set → same bytes."""

    def bytes_of(self, images: np.ndarray, classes: int) -> float:
        """Return about how many bytes an image and its label take, told from some: uint8 N×H×W×C; by default a PNG."""
        return sum(len(png(image)) for image in images) / len(images)

    @classmethod
    def remark(cls, curated: CuratedSet) -> str:
        """Return a sentence for the datasheet about a set in this format, or nothing."""
        return ""

    def files(self, curated: CuratedSet) -> list[str] | None:
        """Return every image's file inside the export, for the manifest; None where images share one file."""
        return None

    @classmethod
    @abstractmethod
    def reader(cls, folder: Path, manifest: pd.DataFrame) -> Images:
        """Return an export's images, for ``curation.load``. Raises: OSError, ValueError."""
