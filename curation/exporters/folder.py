"""A folder of PNGs, one sub-folder a class: what ``torchvision.datasets.ImageFolder`` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from curation.exporters.base import CuratedSet, Exporter, Images, OnProgress, png


def file_names(names: list[str], labels: np.ndarray, classes: list[str]) -> list[str]:
    """Return every image's path inside the export: ``images/<class>/<sample>_<kind>_<severity>.png``."""
    folders = [f"{index:0{len(str(len(classes)))}d}_{_safe(name)}" for index, name in enumerate(classes)]
    return [f"images/{folders[label]}/{name.replace('/', '_')}.png" for name, label in zip(names, labels, strict=True)]


def _safe(name: str) -> str:
    """Return a class name as part of a file name that any system takes (at most 255 bytes of UTF-8)."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:48]


class _Files(Images):
    def open(self) -> None: ...

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> np.ndarray:
        with Image.open(self.folder / self.files[index]) as image:
            pixels = np.asarray(image)
        return pixels[..., None] if pixels.ndim == 2 else pixels


class Folder(Exporter):
    """``images/<class>/<candidate>.png``, lossless; classes are numbered so that their order is kept."""

    name = "folder"
    title = "Image folder of PNGs"
    marker = "images"
    native = (
        "from torchvision.datasets import ImageFolder\n\n"
        'dataset = ImageFolder("{path}/images")               # soft labels: manifest.parquet\n'
    )

    def write(self, curated: CuratedSet, folder: Path, *, on_progress: OnProgress) -> None:
        """Write one PNG an image; see ``Exporter.write``."""
        names = self.files(curated)
        for parent in sorted({str(Path(name).parent) for name in names}):
            (folder / parent).mkdir(parents=True)
        for start, images in curated.chunks(on_progress):
            for name, image in zip(names[start : start + len(images)], images, strict=True):
                (folder / name).write_bytes(png(image))

    def files(self, curated: CuratedSet) -> list[str]:
        """See ``Exporter.files``."""
        return file_names(curated.names(), curated.labels, curated.classes)

    @classmethod
    def reader(cls, folder: Path, manifest: pd.DataFrame) -> Images:
        """Decode one file at a time; see ``Exporter.reader``."""
        return _Files(folder, manifest)
