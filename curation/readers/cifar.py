"""CIFAR-10 and CIFAR-100 from their "python version": downloaded, an archive, or a folder of batches."""

from __future__ import annotations

import io
import pickle
import tarfile
import zlib
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from curation.errors import CurationError
from curation.readers.arrays import ArraySource
from curation.readers.base import Reader, choose_split
from curation.readers.download import DATA_FOLDER, download
from curation.readers.files import existing, files_fingerprint, reading
from curation.readers.labels import read_labels

_LARGEST_BATCH_BYTES = 256 << 20


class _Layout(NamedTuple):
    """How one of the two sets names its files and their entries."""

    archive: str
    folder: str
    splits: dict[str, tuple[str, ...]]
    meta: str
    classes_key: str
    labels_key: str


class _Batches(NamedTuple):
    """One split on disk; the fingerprint makes a changed file another value."""

    path: Path
    names: tuple[str, ...]
    meta: str
    classes_key: str
    labels_key: str
    fingerprint: str


class _Cifar(Reader):
    layout: ClassVar[_Layout]

    path: str | None = Field(
        None, description="a folder of batches or the .tar.gz; None: ~/.cache/curation, downloaded when missing"
    )

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Say whether a path holds the batches of this set."""
        layout = cls.layout
        if path.is_file():
            return path.name == layout.archive
        needed = (layout.splits["train"][0], layout.meta)
        return any(all((at / name).is_file() for name in needed) for at in (path, path / layout.folder))

    def open(self) -> ArraySource:
        """Open one split. Raises: CurationError naming the file; a pickle that is not a CIFAR batch is not executed."""
        layout = self.layout
        names = layout.splits[choose_split(self.split, layout.splits, where=self.name)]
        path = self._found()
        files = [path] if path.is_file() else [path / name for name in (*names, layout.meta)]
        for file in files:
            if not file.is_file():
                raise CurationError(f"{file} is missing; unpack {layout.archive} again, or give the archive's path")
        stamp = files_fingerprint((file.name, existing(file, "file").stat()) for file in files)
        batches = _Batches(path, names, layout.meta, layout.classes_key, layout.labels_key, stamp)
        _, labels, classes = _load(batches)
        return ArraySource(partial(_rows, batches), labels, classes, (32, 32, 3), f"{self.name} {self.split}", stamp)

    def _found(self) -> Path:
        """The archive, or the folder that holds the batches."""
        layout = self.layout
        root = existing(self.path, "any") if self.path else DATA_FOLDER.expanduser()
        if root.is_file():
            return root
        for folder in (root, root / layout.folder):
            if (folder / layout.splits["train"][0]).exists():
                return folder
        if not (root / layout.archive).exists():
            from torchvision import datasets

            official = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[self.name]
            download([(official.url, official.tgz_md5)], root, self.title)
        return root / layout.archive


class Cifar10(_Cifar):
    """60,000 color 32×32 photographs in 10 classes; 50,000 to train on. Source: Krizhevsky 2009."""

    name: ClassVar[str] = "cifar10"
    title: ClassVar[str] = "CIFAR-10"
    layout: ClassVar[_Layout] = _Layout(
        archive="cifar-10-python.tar.gz",
        folder="cifar-10-batches-py",
        splits={"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)},
        meta="batches.meta",
        classes_key="label_names",
        labels_key="labels",
    )


class Cifar100(_Cifar):
    """60,000 color 32×32 photographs in 100 classes; 50,000 to train on. Source: Krizhevsky 2009."""

    name: ClassVar[str] = "cifar100"
    title: ClassVar[str] = "CIFAR-100"
    layout: ClassVar[_Layout] = _Layout(
        archive="cifar-100-python.tar.gz",
        folder="cifar-100-python",
        splits={"train": ("train",), "test": ("test",)},
        meta="meta",
        classes_key="fine_label_names",
        labels_key="fine_labels",
    )


def _rows(batches: _Batches, start: int, stop: int) -> np.ndarray:
    return np.ascontiguousarray(_load(batches)[0][start:stop].transpose(0, 2, 3, 1))


@lru_cache(maxsize=2)
def _load(batches: _Batches) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return images uint8 N×3×32×32, labels int64 N, class names."""
    contents = _contents(batches)
    classes = contents[batches.meta].get(batches.classes_key)
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise CurationError(
            f"{batches.path}: {batches.meta} has no list {batches.classes_key!r}; download the file again"
        )
    images, labels = [], []
    for name in batches.names:
        where = f"{batches.path}: {name}"
        data, batch_labels = contents[name].get("data"), contents[name].get(batches.labels_key)
        pixels = data.values if isinstance(data, _Array) else None
        if pixels is None or pixels.ndim != 2 or pixels.shape[1] != 3072 or not isinstance(batch_labels, list):
            raise CurationError(f"{where} is not a CIFAR batch: expected 'data' N×3072 and {batches.labels_key!r}")
        if len(batch_labels) != len(pixels):
            raise CurationError(
                f"{where} has {len(batch_labels)} labels for {len(pixels)} images; download the file again"
            )
        images.append(pixels.reshape(-1, 3, 32, 32))
        labels += batch_labels
    found = read_labels(np.array(labels), images=len(labels), where=f"{batches.path}: labels", names=classes)
    return np.concatenate(images), found.indices, found.classes


def _contents(batches: _Batches) -> dict[str, dict[str, Any]]:
    wanted = (*batches.names, batches.meta)
    if batches.path.is_dir():
        raw = {}
        for name in wanted:
            with reading(batches.path / name):
                raw[name] = (batches.path / name).read_bytes()
    else:
        raw = _members(batches.path, wanted)
    return {name: _unpickle(raw[name], f"{batches.path}: {name}") for name in wanted}


def _members(archive: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    """Read members by base name, without unpacking anything to disk."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                name = member.name.rpartition("/")[2]
                if name in wanted and member.isreg() and member.size <= _LARGEST_BATCH_BYTES:
                    stream = tar.extractfile(member)
                    found[name] = stream.read() if stream else b""
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise CurationError(f"{archive} is damaged or incomplete ({error}); delete it and download it again") from None
    missing = [name for name in wanted if name not in found]
    if missing:
        raise CurationError(f"{archive} does not hold {', '.join(missing)}; is it the CIFAR python version?")
    return found


class _Array:
    """Stands in for a NumPy array while unpickling: accepts the bytes of a uint8 array and nothing else."""

    values: np.ndarray

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_column, raw = state
        if dtype.code not in ("u1", "|u1") or by_column:
            raise ValueError("its array is not uint8, row by row")
        self.values = np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, np.uint8).reshape(shape)


class _Dtype:
    def __init__(self, code: str, *_: Any) -> None:
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        pass


_HARMLESS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Array(),
    ("numpy._core.multiarray", "_reconstruct"): lambda *_: _Array(),
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): lambda text, _: text.encode("latin1"),
}


class _Forbidden(Exception):
    pass


class _BatchUnpickler(pickle.Unpickler):
    """A pickle may call anything; this one reaches only stand-ins for what CIFAR batches hold."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _HARMLESS[module, name]
        except KeyError:
            raise _Forbidden(f"{module}.{name}") from None


def _unpickle(raw: bytes, where: str) -> dict[str, Any]:
    try:
        value = _BatchUnpickler(io.BytesIO(raw), encoding="latin1").load()
    except _Forbidden as error:
        raise CurationError(
            f"{where} asks to call {error}, which no CIFAR batch does; refused: use a file from a trusted source"
        ) from None
    except Exception as error:  # a broken pickle fails in any way: it is a program
        raise CurationError(f"{where} is not a readable CIFAR batch ({error}); download the file again") from None
    if not isinstance(value, dict):
        raise CurationError(f"{where} is not a CIFAR batch: expected a dictionary, got {type(value).__name__}")
    return value
