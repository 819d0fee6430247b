"""Fashion-MNIST from its idx files: a system package's, a folder's, or downloaded."""

from __future__ import annotations

import gzip
import math
import zlib
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from curation.errors import CurationError
from curation.readers.arrays import ArraySource
from curation.readers.base import Reader, choose_split
from curation.readers.download import DATA_FOLDER, download
from curation.readers.files import existing, files_fingerprint
from curation.readers.labels import read_labels

_SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_PREFIXES = {"train": "train", "test": "t10k"}
_PARTS = ("images-idx3", "labels-idx1")

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


class FashionMnist(Reader):
    """70,000 gray 28×28 pictures of clothing in 10 classes; 60,000 to train on. Source: Xiao, Rasul & Vollgraf 2017."""

    name: ClassVar[str] = "fashion_mnist"
    title: ClassVar[str] = "Fashion-MNIST"

    path: str | None = Field(
        None,
        description="a folder of the idx or idx.gz files; None: Debian's dataset-fashion-mnist or ~/.cache/curation, "
        "downloaded when missing",
    )

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether a folder holds idx files; MNIST's have the same names, so the path must say "fashion"."""
        return path.is_dir() and "fashion" in str(path.resolve()).lower() and _pair(path, "train") is not None

    def open(self) -> ArraySource:
        """Open one split. Raises: CurationError naming the file."""
        split = choose_split(self.split, _PREFIXES, where=self.name)
        images, labels = self._files(split)
        stamp = files_fingerprint((file.name, file.stat()) for file in (images, labels))
        pixels, names = _idx(images, 3, stamp), _idx(labels, 1, stamp)
        found = read_labels(names, images=len(pixels), where=str(labels), names=CLASSES)
        return ArraySource(
            rows=partial(_rows, images, stamp),
            labels=found.indices,
            classes=found.classes,
            shape=(pixels.shape[1], pixels.shape[2], 1),
            name=f"fashion_mnist {split}",
            fingerprint=stamp,
        )

    def _files(self, split: str) -> tuple[Path, Path]:
        """The files of images and labels."""
        if self.path:
            found = _pair(existing(self.path, "folder"), split)
        else:
            kept = DATA_FOLDER.expanduser() / "fashion-mnist"
            found = _pair(_SYSTEM_FOLDER, split) or _pair(kept, split)
            if not found:
                from torchvision.datasets import FashionMNIST

                download(
                    [(FashionMNIST.mirrors[0] + file, md5) for file, md5 in FashionMNIST.resources], kept, self.title
                )
                found = _pair(kept, split)
        if not found:
            names = " and ".join(f"{_PREFIXES[split]}-{part}-ubyte" for part in _PARTS)
            raise CurationError(f"{self.path} does not hold {names} (or their .gz); put both there")
        return existing(found[0], "file"), existing(found[1], "file")


def _pair(folder: Path, split: str) -> tuple[Path, Path] | None:
    """Images and labels of a split in a folder, plain or compressed; None unless both are there."""
    names = [f"{_PREFIXES[split]}-{part}-ubyte" for part in _PARTS]
    found = [at for name in names for at in (folder / name, folder / f"{name}.gz") if at.is_file()]
    images, labels = ([at for at in found if part in at.name] for part in _PARTS)
    return (images[0], labels[0]) if images and labels else None


def _rows(file: Path, stamp: str, start: int, stop: int) -> np.ndarray:
    return _idx(file, 3, stamp)[start:stop]


@lru_cache(maxsize=8)
def _idx(file: Path, dimensions: int, stamp: str) -> np.ndarray:
    """Return the uint8 array of an idx file (LeCun's format): two zeros, type 8, number of dimensions, sizes, data."""
    try:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (EOFError, zlib.error, OSError) as error:
        raise CurationError(f"{file} is damaged or incomplete ({error}); download it again") from None
    head = 4 + 4 * dimensions
    if raw[:4] != bytes([0, 0, 8, dimensions]) or len(raw) < head:
        raise CurationError(f"{file} is not an idx file of bytes in {dimensions} dimension(s); download it again")
    shape = tuple(int(size) for size in np.frombuffer(raw[4:head], ">u4"))
    if len(raw) - head != math.prod(shape):
        spelled = "×".join(map(str, shape))
        raise CurationError(
            f"{file} declares {spelled} bytes but holds {len(raw) - head}; it is incomplete: download it again"
        )
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)
