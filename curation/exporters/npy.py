"""The contest's format: ``data.npy``, ``label.npy``, ``config.py``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from curation.errors import CurationError
from curation.exporters.base import CuratedSet, Exporter, OnProgress

CONFIG = '''"""The fixed schedule of the AAAI-2022 Security AI Challenger VIII, in which the set is judged."""

args_resnet = {
    "epochs": 200,
    "optimizer_name": "SGD",
    "optimizer_hyperparameters": {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4},
    "scheduler_name": "CosineAnnealingLR",
    "scheduler_hyperparameters": {"T_max": 200},
    "batch_size": 256,
}
args_wideresnet = {
    "epochs": 200,
    "optimizer_name": "SGD",
    "optimizer_hyperparameters": {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
    "scheduler_name": "CosineAnnealingLR",
    "scheduler_hyperparameters": {"T_max": 200},
    "batch_size": 256,
}
'''


class Npy(Exporter):
    """``data.npy`` uint8 N×H×W×C (grey images as N×H×W×1) and ``label.npy`` float32 N×K, rows sum to 1.

    A set of at most 50,000 images of 32×32×3 is what the contest takes; others have the same files.
    Source: the contest's template (reference: AAAI-2022 Security AI Challenger VIII).
    """

    name = "npy"
    title = "NumPy arrays (contest format)"
    native = (
        "import numpy as np\n\n"
        'images = np.load("{path}/data.npy", mmap_mode="r")   # uint8 N×H×W×C\n'
        'labels = np.load("{path}/label.npy")                 # float32 N×K, rows sum to 1\n'
    )

    def write(self, curated: CuratedSet, folder: Path, *, on_progress: OnProgress) -> None:
        """Write the three files; see ``Exporter.write``."""
        shape = (len(curated), *curated.shape)
        data = np.lib.format.open_memmap(folder / "data.npy", mode="w+", dtype=np.uint8, shape=shape)
        for start, images in curated.chunks(on_progress):
            data[start : start + len(images)] = images
        data.flush()
        del data
        labels = curated.label_rows
        if (labels < 0).any() or not np.allclose(labels.sum(1), 1, atol=1e-4):
            raise CurationError("labels must be non-negative and every row must sum to 1; check the recipe's labels")
        np.save(folder / "label.npy", labels)
        (folder / "config.py").write_text(CONFIG)

    @classmethod
    def reader(cls, folder: Path, manifest: pd.DataFrame) -> Callable[[int], np.ndarray]:
        """Read from the memory-mapped array; see ``Exporter.reader``."""
        images = np.load(folder / "data.npy", mmap_mode="r", allow_pickle=False)
        return lambda index: np.array(images[index])
