"""A folder of PNGs, one sub-folder a class: what ``torchvision.datasets.ImageFolder`` reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from curation.exporters.base import CuratedSet, Exporter, OnProgress


def file_names(names: list[str], labels: np.ndarray, classes: list[str]) -> list[str]:
    """Return every image's path inside the export: ``images/<class>/<sample>_<kind>_<severity>.png``."""
    folders = [f"{index:0{len(str(len(classes)))}d}_{_safe(name)}" for index, name in enumerate(classes)]
    return [f"images/{folders[label]}/{name.replace('/', '_')}.png" for name, label in zip(names, labels, strict=True)]


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)


class Folder(Exporter):
    """``images/<class>/<candidate>.png``, lossless; classes are numbered so that their order is kept."""

    name = "folder"
    title = "Image folder of PNGs"
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
                Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / name, format="PNG")

    def files(self, curated: CuratedSet) -> list[str]:
        """See ``Exporter.files``."""
        return file_names(curated.names(), curated.labels, curated.classes)

    @classmethod
    def reader(cls, folder: Path, manifest: pd.DataFrame) -> Callable[[int], np.ndarray]:
        """Decode one file at a time; see ``Exporter.reader``."""
        files = manifest["file"].to_list()

        def image(index: int) -> np.ndarray:
            pixels = np.asarray(Image.open(folder / files[index]))
            return pixels[..., None] if pixels.ndim == 2 else pixels

        return image
