"""An exported set as a torch ``Dataset``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from curation.errors import CurationError, UsageError, unknown_name
from curation.exporters.again import read_again
from curation.exporters.base import Images
from curation.training.samplers.clusters import members_of, one_of_each
from curation.training.samplers.dynamic import CLEAN, DynamicSampling, Wheel


class CuratedDataset(Dataset[tuple[Tensor, Tensor]]):
    """Images, float32 C×H×W in [0, 1], and labels: int64, or float32 K where they are soft.

    ``classes``: K names; ``manifest``: one row an image (sample_id, family, kind, severity, entropy, label, weight, …);
    ``weights``: float32 N, how much each image counts in training.
    """

    def __init__(
        self,
        images: Images,
        manifest: pd.DataFrame,
        classes: list[str],
        transform: Callable[[Tensor], Tensor] | None,
    ) -> None:
        """Args: images: of an export; manifest, classes: its tables; transform: applied to every image."""
        self._images = images
        self.manifest = manifest
        self.classes = classes
        self.transform = transform
        soft = "soft_label" in manifest
        labels = np.stack(manifest["soft_label"].to_list()) if soft else manifest["label"].to_numpy(np.int64)
        self.labels = torch.from_numpy(np.array(labels))
        weights = manifest["weight"] if "weight" in manifest else np.ones(len(manifest))
        self.weights = torch.from_numpy(np.array(weights, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        try:
            pixels = torch.from_numpy(np.array(self._images[index % len(self)]))
        except (OSError, ValueError, SyntaxError) as error:
            raise CurationError(
                f"image {index} of {self._images.folder} is damaged ({error}); export it again"
            ) from error
        image = pixels.permute(2, 0, 1).float() / 255
        return (image if self.transform is None else self.transform(image)), self.labels[index]


class ClusterSampler(Sampler[int]):
    """One image of each cluster, another one each epoch: for ``torch.utils.data.DataLoader(dataset, sampler=…)``.

    Clusters are those of the export (``weights.radius`` of its recipe). With weights by cluster size, each image stands
    for its whole cluster.
    Source: Cai, Cao & Liu, "An Empirical Study of Robust Deep Models", training with clusters.
    """

    def __init__(self, dataset: CuratedDataset, *, seed: int = 0) -> None:
        """Args: seed: of the draws; epochs differ. Raises: CurationError when the set was exported without clusters."""
        if "cluster" not in dataset.manifest:
            raise CurationError(
                "this set was exported without clusters; set weights.radius in its recipe and export it again"
            )
        self._members = members_of(dataset.manifest["cluster"].to_numpy())
        self._seed, self._epoch = seed, 0

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[int]:
        draws = np.random.default_rng([self._seed, self._epoch])
        self._epoch += 1
        yield from one_of_each(self._members, draws).tolist()


class DynamicSampler(Sampler[int]):
    """One image of each sample, its clean one or one of its variants: for ``DataLoader(dataset, sampler=…)``.

    Each epoch a probability is drawn between the bounds, and with it every sample is shown as a variant, of a kind that
    is drawn by weight from those that the set has of it. Samples without variants always give their clean image, those
    without a clean image always a variant, those of which only kinds of weight 0 are there none.
    Source: Tan, Gao & Li 2022, "A Simple Structure for Building a Robust Model"; see ``training.dynamic``.
    """

    def __init__(
        self,
        dataset: CuratedDataset,
        *,
        ratio: tuple[float, float] = (0.25, 0.75),
        weights: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        """Args: ratio: bounds in [0, 1]; weights: of kinds, others 1; seed: of the draws; epochs differ.

        Raises: UsageError: bounds that are none, a kind that the set has not, no sample to choose an image of.
        """
        settings = DynamicSampling.parse({"ratio": ratio, "weights": weights or {}}, where="DynamicSampler")
        kinds = dataset.manifest["kind"].astype(str).to_numpy()
        known = set(kinds) - {CLEAN}
        unknown = next((name for name in settings.weights if name not in known), None)
        if known and unknown is not None:
            raise UsageError(f"DynamicSampler: weights: {unknown_name('kind', unknown, known)}")
        self._wheel = Wheel(dataset.manifest["sample_id"].to_numpy(np.int64), kinds, settings)
        self._wheel.require()
        self._seed, self._epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be this epoch, counted from 0; without it every pass is the next one."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._wheel)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self._seed, self._epoch])
        self._epoch += 1
        yield from random.permutation(self._wheel.draw(random)).tolist()


def load(
    path: str | Path, *, transform: Callable[[Tensor], Tensor] | None = None, check: bool = False
) -> CuratedDataset:
    """Open an exported set of any format.

    Args:
        path: the export's folder, or its fsspec address.
        transform: applied to every image.
        check: compare every file with its checksum first.

    Raises: CurationError: not an export, or damaged.
    """
    found = read_again(path if isinstance(path, str) else Path(path), check=check)
    try:
        return CuratedDataset(found.images, found.manifest, found.classes, transform)
    except (ValueError, KeyError) as error:
        raise CurationError(f"the export {path} is damaged ({error}); export the recipe again") from error
