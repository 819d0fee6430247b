"""A curated set that was exported, in any format, as a source: images, labels, class names, soft labels and weights."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from curation.readers.base import Chunk, Reader, Skipped, Source, choose_split
from curation.readers.class_names import class_names
from curation.readers.files import existing
from curation.readers.labels import check_two_classes

if TYPE_CHECKING:
    from curation.exporters.base import Images

_PARTS = ("SHA256SUMS", "manifest.parquet", "classes.json")


class Export(Reader):
    """A folder that ``curation export`` wrote, of any format; every file is compared with its checksum first.

    Its images are samples, corrupted and adversarial ones too; soft labels and weights are kept.
    """

    name: ClassVar[str] = "export"
    title: ClassVar[str] = "Exported set"

    path: str = Field(min_length=1, description="the folder of the export")

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether a folder has the files that every export has."""
        return all((path / part).is_file() for part in _PARTS)

    def open(self) -> ExportSource:
        """Open the export. Raises: CurationError: it is none, or a file is missing, changed or damaged."""
        from curation.exporters.again import read_again

        folder = existing(self.path, "folder")
        choose_split(self.split, ("train",), where=str(folder))
        found = read_again(folder, check=True)
        manifest, labels = found.manifest, found.manifest["label"].to_numpy(np.int64)
        classes = class_names(found.classes, where=str(folder))
        check_two_classes([classes[label] for label in np.unique(labels)], where=str(folder))
        families = Counter(manifest["family"].astype(str))
        soft = np.stack(manifest["soft_label"].to_list()).astype(np.float32) if "soft_label" in manifest else None
        weights = manifest["weight"].to_numpy(np.float32) if "weight" in manifest else None
        remarks = [
            "an exported set: " + ", ".join(f"{count:,} {name}" for name, count in families.items()) + " images, all "
            "read as samples"
        ]
        if soft is not None:
            remarks.append("its soft labels are kept, and exported where the recipe says labels: {mode: source}")
        if weights is not None and (weights != 1).any():
            remarks.append("its weights are kept, and exported unless the recipe measures its own")
        height, width, channels = found.images[0].shape
        sums = (folder / _PARTS[0]).read_bytes()
        source = ExportSource(
            images=found.images,
            labels=labels,
            classes=classes,
            shape=(height, width, channels),
            names=[f"row {row} ({name})" for row, name in enumerate(found.names())],
            fingerprint=hashlib.blake2b(sums, digest_size=8).hexdigest(),
            soft_labels=soft,
            weights=weights if weights is not None and (weights != 1).any() else None,
        )
        source.remarks = tuple(remarks)
        return source


@dataclass
class ExportSource(Source):
    """The images of an export, in the order of its manifest; as ``ArraySource`` has them."""

    layout = "an export"
    labels_are = "names of classes"

    images: Images = field(repr=False)
    labels: np.ndarray = field(repr=False)
    classes: list[str]
    shape: tuple[int, int, int]
    names: list[str] = field(repr=False)
    fingerprint: str
    soft_labels: np.ndarray | None = field(default=None, repr=False)
    weights: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def class_counts(self) -> np.ndarray:
        """Return the images of each class; see ``Source.class_counts``."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def read(self, start: int, stop: int) -> Chunk:
        """Return the samples at positions start … stop − 1; see ``Source.read``."""
        positions = range(len(self))[start:stop]
        images = np.empty((len(positions), *self.shape), np.uint8)
        kept: list[int] = []
        skipped: list[Skipped] = []
        for position in positions:
            try:
                images[len(kept)] = self.images[position]
            except (OSError, ValueError, SyntaxError) as error:
                skipped.append(Skipped(position, self.names[position], f"it is damaged ({error})"))
            else:
                kept.append(position)
        ids = np.array(kept, np.int64)
        return Chunk(
            images=images[: len(kept)],
            labels=self.labels[ids],
            sample_ids=ids,
            names=[self.names[position] for position in kept],
            skipped=skipped,
            soft_labels=None if self.soft_labels is None else self.soft_labels[ids],
            weights=None if self.weights is None else self.weights[ids],
        )
