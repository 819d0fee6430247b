"""The contest's format: ``data.npy``, ``label.npy``, ``config.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from curation.exporters.base import CuratedSet, Exporter, Images, OnProgress

CONFIG = """# The fixed schedule of the AAAI-2022 Security AI Challenger VIII, stage 2.
args_wideresnet = {
    "epochs": 200,
    "optimizer_name": "SGD",
    "optimizer_hyperparameters": {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
    "scheduler_name": "CosineAnnealingLR",
    "scheduler_hyperparameters": {"T_max": 200},
    "batch_size": 256,
}
args_preactresnet18 = {
    "epochs": 200,
    "optimizer_name": "SGD",
    "optimizer_hyperparameters": {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4},
    "scheduler_name": "CosineAnnealingLR",
    "scheduler_hyperparameters": {"T_max": 200},
    "batch_size": 256,
}
"""


class _Mapped(Images):
    def open(self) -> np.ndarray:
        images = np.load(self.folder / "data.npy", mmap_mode="r", allow_pickle=False)
        if images.ndim != 4 or images.dtype != np.uint8:
            raise ValueError(f"data.npy is {images.dtype} with {images.ndim} axes, not uint8 N×H×W×C")
        return images

    def __len__(self) -> int:
        return len(self.opened)

    def __getitem__(self, index: int) -> np.ndarray:
        return np.array(self.opened[index])


class Npy(Exporter):
    """``data.npy`` uint8 N×H×W×C (gray images as N×H×W×1) and ``label.npy`` float32 N×K, rows sum to 1.

    A set of at most 50,000 images of 32×32×3 is what the contest takes; others have the same files.
    Source: the contest's template (reference: AAAI-2022 Security AI Challenger VIII).
    """

    name = "npy"
    title = "NumPy arrays (contest format)"
    marker = "data.npy"
    native = (
        "import numpy as np\n\n"
        'images = np.load("{path}/data.npy", mmap_mode="r")   # uint8 N×H×W×C\n'
        'labels = np.load("{path}/label.npy")                 # float32 N×K, rows sum to 1\n'
    )

    def write(self, curated: CuratedSet, folder: Path, *, on_progress: OnProgress) -> None:
        """Write the three files; see ``Exporter.write``."""
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(curated), *curated.shape)}
        # Written through, not mapped: on a full disk a mapped file ends the process without a word.
        with (folder / "data.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for _, images in curated.chunks(on_progress):
                file.write(images.tobytes())
        np.save(folder / "label.npy", curated.label_rows)
        (folder / "config.py").write_text(CONFIG, encoding="utf-8")

    @classmethod
    def reader(cls, folder: Path, manifest: pd.DataFrame) -> Images:
        """Read from the memory-mapped array; see ``Exporter.reader``."""
        return _Mapped(folder, manifest)
