"""An exported set as a torch ``Dataset``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from curation.errors import CurationError
from curation.exporters import EXPORTERS
from curation.exporters.export import SUMS, verify
from curation.recipe import Recipe


class CuratedDataset(Dataset[tuple[Tensor, Tensor]]):
    """Images, float32 C×H×W in [0, 1], and labels: int64, or float32 K where they are soft.

    ``classes``: K names; ``manifest``: one row an image (sample_id, family, kind, severity, entropy, label, weight, …).
    """

    def __init__(
        self,
        image: Callable[[int], np.ndarray],
        manifest: pd.DataFrame,
        classes: list[str],
        transform: Callable[[Tensor], Tensor] | None,
    ) -> None:
        """Args: image: index → uint8 H×W×C; transform: applied to every image."""
        self._image = image
        self.manifest = manifest
        self.classes = classes
        self.transform = transform
        soft = "soft_label" in manifest
        labels = np.stack(manifest["soft_label"].to_list()) if soft else manifest["label"].to_numpy(np.int64)
        self.labels = torch.from_numpy(np.array(labels))

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        pixels = torch.from_numpy(np.array(self._image(index % len(self))))
        image = pixels.permute(2, 0, 1).float() / 255
        return (image if self.transform is None else self.transform(image)), self.labels[index]


def load(
    path: str | Path, *, transform: Callable[[Tensor], Tensor] | None = None, check: bool = False
) -> CuratedDataset:
    """Open an exported set of any format.

    Args:
        path: the export's folder.
        transform: applied to every image.
        check: compare every file with its checksum first.

    Raises: CurationError: not an export, or damaged.
    """
    folder = Path(path)
    if not (folder / SUMS).exists():
        raise CurationError(
            f"{folder} is not an export: it has no {SUMS}; give the folder that `curation export` wrote"
        )
    if check:
        verify(folder)
    try:
        manifest = pd.read_parquet(folder / "manifest.parquet")
        classes = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
        exporter = EXPORTERS[Recipe.load(folder / "recipe.yaml").export.name]
        image = exporter.reader(folder, manifest)
    except (OSError, ValueError, KeyError) as error:
        raise CurationError(f"the export {folder} is damaged ({error}); export the recipe again") from error
    return CuratedDataset(image, manifest, classes, transform)
