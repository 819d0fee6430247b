"""NumPy arrays: ``data.npy`` and ``label.npy``, with the contest's ``config.py`` where the contest takes the set."""

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

MOST_IMAGES, SHAPE, CLASSES = 50_000, (32, 32, 3), 10
"""What the contest takes, as its template asserts it: uint8 N×32×32×3 and labels N×10, at least 0."""


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

    A set that the contest takes also has its ``config.py``. Source: the template of the Security AI Challenger VIII.
    """

    name = "npy"
    title = "NumPy arrays"
    marker = "data.npy"
    native = (
        "import numpy as np\n\n"
        'images = np.load("{path}/data.npy", mmap_mode="r")   # uint8 N×H×W×C\n'
        'labels = np.load("{path}/label.npy")                 # float32 N×K, rows sum to 1\n'
    )

    def write(self, curated: CuratedSet, folder: Path, *, on_progress: OnProgress) -> None:
        """Write the arrays, and ``config.py`` where the contest takes them; see ``Exporter.write``."""
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(curated), *curated.shape)}
        # Written through, not mapped: on a full disk a mapped file ends the process without a word.
        with (folder / "data.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for _, images in curated.chunks(on_progress):
                file.write(images.tobytes())
        np.save(folder / "label.npy", curated.label_rows)
        if misfit(curated) is None:
            (folder / "config.py").write_text(CONFIG, encoding="utf-8")

    def bytes_of(self, images: np.ndarray, classes: int) -> float:
        """Return the pixels' and the label row's bytes; see ``Exporter.bytes_of``."""
        return float(images[0].nbytes + 4 * classes)

    @classmethod
    def remark(cls, curated: CuratedSet) -> str:
        """Say whether the contest takes it; see ``Exporter.remark``."""
        why = misfit(curated)
        if why is None:
            return "The set passes the checks of the contest's template; `config.py` has the contest's schedule."
        return f"Not a submission to the AAAI-2022 Security AI Challenger, so without its `config.py`: {why}."

    @classmethod
    def reader(cls, folder: Path, manifest: pd.DataFrame) -> Images:
        """Read from the memory-mapped array; see ``Exporter.reader``."""
        return _Mapped(folder, manifest)


def misfit(curated: CuratedSet) -> str | None:
    """Return why the contest would not take a set, as a clause, or None; see ``MOST_IMAGES``."""
    if curated.shape != SHAPE:
        height, width, channels = curated.shape
        return f"its images are {height}×{width}×{channels}, the contest takes 32×32×3"
    if len(curated.classes) != CLASSES:
        return f"it has {len(curated.classes)} classes, the contest takes 10"
    if len(curated) > MOST_IMAGES:
        return f"it has {len(curated):,} images, the contest takes at most {MOST_IMAGES:,}"
    return None
