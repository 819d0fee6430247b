"""Sources that are wrong in one way each, and the sentence that must answer; run this file to print the table."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 9, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3
Case = Callable[[Path], dict[str, Any]]
"""Writes a source into an empty folder and returns what opens it: the reader's name and its parameters."""


def encode(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png(shade: int | tuple[int, ...] = 100, mode: str = "L", side: int = 12) -> bytes:
    return encode(Image.new(mode, (side, side), shade))


def write_folder(root: Path, files: dict[str, bytes]) -> dict[str, Any]:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return {"reader": "folder", "path": str(root)}


def folder(files: dict[str, bytes], **parameters: Any) -> Case:
    return lambda root: write_folder(root, files) | parameters


def write_npy(root: Path, data: Any = IMAGES, label: Any = LABELS) -> dict[str, Any]:
    for name, array in (("data", data), ("label", label)):
        if isinstance(array, bytes):
            (root / f"{name}.npy").write_bytes(array)
        elif array is not None:
            np.save(root / f"{name}.npy", array)
    return {"reader": "npy_folder", "path": str(root)}


def npy(data: Any = IMAGES, label: Any = LABELS, **parameters: Any) -> Case:
    return lambda root: write_npy(root, data, label) | parameters


def write_npz(root: Path, **arrays: Any) -> dict[str, Any]:
    np.savez_compressed(root / "set.npz", **arrays)
    return {"reader": "npz", "path": str(root / "set.npz")}


def npz(**arrays: Any) -> Case:
    return lambda root: write_npz(root, **arrays)


def write_parquet(root: Path, image: Any, label: Any, name: str = "train-0.parquet", **options: Any) -> dict[str, Any]:
    """Columns are lists or Arrow arrays; ``names`` in options adds the hub's metadata."""
    names = options.pop("names", None)
    table = pa.table({key: column for key, column in (("image", image), ("label", label)) if column is not None})
    if names:
        about = json.dumps({"info": {"features": {"label": {"_type": "ClassLabel", "names": names}}}})
        table = table.replace_schema_metadata({"huggingface": about})
    pq.write_table(table, root / name, **options)
    return {"reader": "parquet", "path": str(root)}


def cells(*contents: bytes | None) -> list[dict[str, Any]]:
    return [{"bytes": content, "path": f"{i}.png"} for i, content in enumerate(contents)]


def parquet(image: Any, label: Any, **options: Any) -> Case:
    return lambda root: write_parquet(root, image, label, **options)


def cifar_batches(rows: int = 4) -> dict[str, Any]:
    """Content of the files of a tiny CIFAR-10."""
    rng = np.random.default_rng(1)
    files: dict[str, Any] = {"batches.meta": {"label_names": list("abcdefghij")}}
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        data = rng.integers(0, 256, (rows, 3072), dtype=np.uint8)
        files[name] = {"data": data, "labels": rng.permutation(10)[:rows].tolist()}
    return files


def write_cifar(root: Path, **changes: Any) -> dict[str, Any]:
    """Change a file by name; bytes are written as they are, None leaves the file out."""
    for name, content in (cifar_batches() | changes).items():
        if content is not None:
            raw = content if isinstance(content, bytes) else pickle.dumps(content, protocol=2)
            (root / name).write_bytes(raw)
    return {"reader": "cifar10", "path": str(root)}


def cifar(**changes: Any) -> Case:
    return lambda root: write_cifar(root, **changes)


def cifar_archive(root: Path, members: dict[str, Any] | None = None, cut: int | None = None) -> dict[str, Any]:
    path = root / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in (cifar_batches() if members is None else members).items():
            raw = pickle.dumps(content, protocol=2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    path.write_bytes(path.read_bytes()[:cut])
    return {"reader": "cifar10", "path": str(path)}


def write_idx(root: Path, images: np.ndarray, labels: np.ndarray, cut: int | None = None) -> dict[str, Any]:
    for prefix in ("train", "t10k"):
        for name, array in ((f"{prefix}-images-idx3-ubyte", images), (f"{prefix}-labels-idx1-ubyte", labels)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (root / f"{name}.gz").write_bytes(gzip.compress((head + array.astype(np.uint8).tobytes())[:cut]))
    return {"reader": "fashion_mnist", "path": str(root)}


class Harmful:
    """Unpickling this runs a program."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


def bomb() -> bytes:
    """A small PNG whose header claims to have 60,000×60,000 pixels."""
    import struct
    import zlib

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return b"\x89PNG\r\n\x1a\n" + chunk + png()[33:]


def _empty_class(root: Path) -> dict[str, Any]:
    (root / "eel").mkdir()
    return write_folder(root, {"cat/a.png": png(10)})


def _file(root: Path) -> Path:
    (root / "some.txt").write_text("text")
    return root / "some.txt"


def _damaged_npz(root: Path, keep: float) -> dict[str, Any]:
    found = write_npz(root, images=IMAGES, labels=LABELS)
    path = Path(found["path"])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    return found


def _corrupt_member(root: Path) -> dict[str, Any]:
    found = write_npz(root, labels=LABELS, images=np.random.default_rng(0).integers(0, 256, (99, 32, 32), np.uint8))
    return found | {"path": _flip(Path(found["path"]))}


def _flip(path: Path) -> str:
    """Save the labels to match, then overwrite bytes in the middle of the images."""
    with np.load(path) as held:
        images = held["images"]
    np.savez(path, labels=np.arange(len(images)) % 2, images=images)
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 8] = bytes(8)
    path.write_bytes(raw)
    return str(path)


def _wrong_claim(root: Path) -> dict[str, Any]:
    """An array whose header promises more rows than follow."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (100, 8, 8)})
    with zipfile.ZipFile(root / "set.npz", "w") as archive:
        archive.writestr("images.npy", stream.getvalue() + bytes(640))
        labels = io.BytesIO()
        np.save(labels, np.arange(100) % 2)
        archive.writestr("labels.npy", labels.getvalue())
    return {"reader": "npz", "path": str(root / "set.npz")}


def _truncated(case: Case, file: str) -> Case:
    def write(root: Path) -> dict[str, Any]:
        found = case(root)
        path = root / file
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return found

    return write


def _with(index: Any, value: Any, array: np.ndarray) -> np.ndarray:
    changed = array.copy()
    changed[index] = value
    return changed


FLOATS = (IMAGES / 255).astype(np.float32)
TWO = [png(10), png(200)]
PAIR = {"cat/a.png": png(10), "dog/b.png": png(200)}

ERRORS: dict[str, tuple[Case, str]] = {
    "any: empty path": (lambda _: {"reader": "folder", "path": ""}, "path: string should have at least 1 character"),
    "digits: unknown split": (
        lambda _: {"reader": "digits", "split": "other"},
        "no split 'other'; it has: train, test",
    ),
    "any: path that does not exist": (
        lambda root: {"reader": "npz", "path": str(root / "no.npz")},
        r"no\.npz does not exist; check the spelling",
    ),
    "any: file where a folder is expected": (
        lambda root: {"reader": "folder", "path": str(_file(root))},
        "is a file, but a folder is expected",
    ),
    "any: folder where a file is expected": (
        lambda root: {"reader": "npz", "path": str(root)},
        "is a folder, but a file is expected",
    ),
    "folder: empty": (folder({}), "is empty; put the images of each class into a sub-folder"),
    "folder: images but no sub-folders": (folder({"a.png": png()}), "holds files but no sub-folders"),
    "folder: one class": (folder({"cat/a.png": png()}), "has only one class, cat; .* at least two"),
    "folder: two spellings of one class": (
        folder({"caf\u00e9/a.png": png(), "cafe\u0301/b.png": png(), "tea/c.png": png()}),
        r"has two classes named 'caf\u00e9', spelled 'cafe\\u0301' and 'caf\\xe9'; rename one, or merge them",
    ),
    "folder: images in one class only": (_empty_class, "has only one class, cat"),
    "folder: nothing readable": (
        folder({"cat/a.txt": b"no", "dog/b.txt": b""}),
        "no image in .* could be read; for example, dog/b.txt: it is empty",
    ),
    "folder: no such split": (folder(PAIR, split="test"), "no split 'test'; it has: train"),
    "folder: no such split of two": (
        folder({f"{s}/{f}": c for s in ("train", "val") for f, c in PAIR.items()}, split="other"),
        "no split 'other'; it has: train, val",
    ),
    "folder: class only in test": (
        folder({f"train/{f}": c for f, c in PAIR.items()} | {"test/eel/a.png": png()}, split="test"),
        "has a class 'eel' that .*train does not have",
    ),
    "npy: no label.npy": (npy(label=None), r"has no images with labels; .* it has: data\.npy"),
    "npy: integers below 0": (
        npy(IMAGES.astype(np.int64) - 128),
        "data.npy row 0 has pixels from -128 to .* 0 must be",
    ),
    "npy: channels first": (
        npy(IMAGES.transpose(0, 3, 1, 2)),
        r"channels first; .*transpose\(images, \(0, 2, 3, 1\)\)",
    ),
    "npy: flat pixels": (npy(IMAGES.reshape(12, -1)), "is 12×216; expected N×H×W"),
    "npy: no images": (npy(IMAGES[:0], LABELS[:0]), "holds no image"),
    "npy: NaN": (npy(_with((0, 1, 1, 1), np.nan, FLOATS)), "data.npy row 0 has NaN or infinite pixels"),
    "npy: NaN in a late row": (npy(_with((7, 1, 1, 1), np.nan, FLOATS)), "data.npy row 7 has NaN or infinite pixels"),
    "npy: floats in −1 … 1": (
        npy(FLOATS * 2 - 1),
        r"row 0 has pixels from -.*: scale them from −1 … 1 with \(x \+ 1\) / 2",
    ),
    "npy: other number of labels": (npy(label=LABELS[:10]), "has 10 labels for 12 images"),
    "npy: negative label": (
        npy(label=_with(4, -2, LABELS)),
        "label.npy row 4 is -2, out of range; .* −1 where there is none",
    ),
    "npy: fractional labels": (npy(label=LABELS / 2), "label.npy row 1 is 0.5; labels are whole numbers or text"),
    "npy: one class": (npy(label=LABELS * 0), "has only one class, 0"),
    "npy: negative weight": (
        npy(label=_with((5, 1), -1, np.eye(3)[LABELS])),
        "row 5 is not the label of one class: it has a weight -1",
    ),
    "npy: row of zeros": (
        npy(label=_with(2, 0, np.eye(3)[LABELS])),
        "row 2 is not the label of one class: all its weights are 0",
    ),
    "npy: NaN in a label row": (
        npy(label=_with((3, 0), np.nan, np.eye(3)[LABELS])),
        "row 3 is not the label of one class: it has NaN or infinite weights",
    ),
    "npy: Python objects": (npy(np.array([{}, {}])), "holds Python objects, which are never loaded"),
    "npy: zero bytes": (npy(b""), "data.npy is not a complete .npy array"),
    "npy: truncated": (_truncated(npy(), "data.npy"), "data.npy is not a complete .npy array"),
    "npy: not an array": (npy(b"hello, this is text"), "data.npy is not a complete .npy array"),
    "npy: no such split": (npy(split="test"), "no split 'test'; it has: train"),
    "npz: other array names": (npz(pixels=IMAGES, target=LABELS), "no arrays named images and labels .*pixels, target"),
    "npz: no such split": (
        lambda root: write_npz(root, x_train=IMAGES, y_train=LABELS) | {"split": "test"},
        "no split 'test'; it has: train",
    ),
    "npz: wrong type": (npz(images=IMAGES.astype(np.complex64), labels=LABELS), "images is complex64; expected pixels"),
    "npz: Python objects": (npz(images=np.array([{}, {}]), labels=LABELS), "images holds Python objects"),
    "npz: Fortran order": (npz(images=np.asfortranarray(IMAGES), labels=LABELS), "stored column by column"),
    "npz: other number of labels": (npz(images=IMAGES, labels=LABELS[:5]), "has 5 labels for 12 images"),
    "npz: one text label": (npz(images=IMAGES, labels=np.array(["a"] * 12)), "has only one class, a"),
    "npz: too few class names": (
        npz(images=IMAGES, labels=LABELS, classes=np.array(["a"])),
        "labels row 1 is 1, out of range; labels must be class indices from 0 to 0, for there are 1 class names",
    ),
    "npz: truncated": (lambda root: _damaged_npz(root, 0.5), "set.npz is not a complete .npz"),
    "npz: zero bytes": (lambda root: _damaged_npz(root, 0), "set.npz is not a complete .npz"),
    "npz: damaged inside": (_corrupt_member, "images from row 0 on is damaged or incomplete"),
    "npz: fewer rows than promised": (_wrong_claim, "images from row 0 on is damaged or incomplete"),
    "parquet: no files": (lambda root: {"reader": "parquet", "path": str(root)}, "holds no .parquet file"),
    "parquet: no image column": (parquet(None, [0, 1]), "no column 'image' or 'img' of encoded images; it has: label"),
    "parquet: no label column": (parquet(cells(*TWO), None), "no column 'label' .* it has: image"),
    "parquet: images are text": (parquet(["a", "b"], [0, 1]), "column 'image' is string; expected encoded image bytes"),
    "parquet: labels are fractions": (
        parquet(cells(*TWO), [0.5, 1]),
        "column 'label' has a label 0.5; expected class ids",
    ),
    "parquet: one class": (parquet(cells(*TWO), [1, 1]), "has only one class, 1"),
    "parquet: negative label": (
        parquet(cells(*TWO * 2), [0, 1, -2, 0]),
        r"train-0.parquet row 2 has label -2, out of range",
    ),
    "parquet: label without a name": (
        parquet(cells(*TWO * 2), [0, 1, 2, 0], names=["cat", "dog"]),
        "row 2 has label 2, out of range; labels must be class indices from 0 to 1",
    ),
    "parquet: text and numbers": (
        lambda root: [
            write_parquet(root, cells(*TWO), [0, 1], "train-0.parquet"),
            write_parquet(root, cells(*TWO), ["a", "b"], "train-1.parquet"),
        ][0],
        "text labels in some files and numbers in others",
    ),
    "parquet: truncated": (
        _truncated(parquet(cells(*TWO), [0, 1]), "train-0.parquet"),
        "is not a complete Parquet file",
    ),
    "parquet: zero bytes": (lambda r: write_folder(r, {"a.parquet": b""}) | {"reader": "parquet"}, "is not a complete"),
    "parquet: no such split": (
        lambda root: write_parquet(root, cells(*TWO), [0, 1]) | {"split": "test"},
        "no split 'test'; it has: train",
    ),
    "parquet: nothing readable": (parquet(cells(b"x", None), [0, 1]), "no image in .* could be read"),
    "cifar: harmful pickle": (cifar(data_batch_2=Harmful()), "asks to call .*system, which no CIFAR batch does"),
    "cifar: missing batch": (cifar(data_batch_3=None), "data_batch_3 is missing; unpack"),
    "cifar: not a pickle": (cifar(data_batch_1=b"text"), "data_batch_1 is not a readable CIFAR batch"),
    "cifar: zero bytes": (cifar(data_batch_1=b""), "data_batch_1 is not a readable CIFAR batch"),
    "cifar: wrong shape": (
        cifar(data_batch_1={"data": np.zeros((4, 10), np.uint8), "labels": [0, 1, 2, 3]}),
        "data_batch_1 is not a CIFAR batch: expected 'data' N×3072",
    ),
    "cifar: wrong type": (
        cifar(data_batch_1={"data": np.zeros((4, 3072)), "labels": [0, 1, 2, 3]}),
        "data_batch_1 is not a readable CIFAR batch .*not uint8",
    ),
    "cifar: label out of range": (
        cifar(data_batch_1={"data": np.zeros((1, 3072), np.uint8), "labels": [10]}),
        "labels row 0 is 10, out of range; labels must be class indices from 0 to 9",
    ),
    "cifar: other number of labels": (
        cifar(data_batch_1={"data": np.zeros((2, 3072), np.uint8), "labels": [1]}),
        "data_batch_1 has 1 labels for 2 images",
    ),
    "cifar: truncated archive": (lambda root: cifar_archive(root, cut=9000), "is damaged or incomplete"),
    "cifar: archive of something else": (
        lambda root: cifar_archive(root, {"readme": 1}),
        "does not hold data_batch_1, .*batches.meta",
    ),
    "fashion: no idx files": (lambda r: {"reader": "fashion_mnist", "path": str(r)}, "does not hold train-images-idx3"),
    "fashion: truncated": (
        lambda root: write_idx(root, IMAGES[..., 0], LABELS, cut=100),
        "it is incomplete: download it again",
    ),
    "fashion: label out of range": (
        lambda root: write_idx(root, IMAGES[..., 0], LABELS + 8),
        "row 2 is 10, out of range",
    ),
    "fashion: swapped dimensions": (lambda root: write_idx(root, LABELS, IMAGES[..., 0]), "is not an idx file"),
}

SKIPPED: dict[str, tuple[bytes, str]] = {
    "zero bytes": (b"", "is empty"),
    "not an image": (b"some notes", "is not an image in a known format"),
    "truncated JPEG": (encode(Image.effect_noise((64, 64), 90).convert("RGB"), "JPEG")[:900], "is damaged .*truncated"),
    "truncated PNG": (encode(Image.effect_noise((64, 64), 90))[:900], "is damaged"),
    "decompression bomb": (
        bomb(),
        "claims to have 60,000×60,000 pixels, more than 90 megapixels; .* set most_megapixels to 3,600",
    ),
    "32-bit integers": (
        encode(Image.new("I", (12, 12), 10**6), "TIFF"),
        "up to 1,000,000, so the value of white is unknown",
    ),
    "floats above 1": (encode(Image.new("F", (12, 12), 90.0), "TIFF"), "up to 90, so the value of white is unknown"),
    "NaN": (encode(Image.new("F", (12, 12), float("nan")), "TIFF"), "has NaN or infinite pixels"),
}


def run(recipe: dict[str, Any]) -> Any:
    """Open a source and read all of it."""
    from curation.readers import READERS

    parameters = dict(recipe)
    source = READERS.build(parameters.pop("reader"), parameters).open()
    return source.read(0, len(source))


def main() -> None:
    """Print each bad input with the sentence that answers it."""
    from curation.errors import CurationError

    for name, (case, _) in ERRORS.items():
        with TemporaryDirectory() as root:
            try:
                run(case(Path(root)))
                print(f"{name} → NOTHING WAS SAID")
            except CurationError as error:
                print(f"{name} → {re.sub(re.escape(root), '…', str(error))}")
    for name, (content, _) in SKIPPED.items():
        with TemporaryDirectory() as root:
            (line,) = run(write_folder(Path(root), PAIR | {"cat/x.png": content})).skipped
            print(f"image: {name} → skipped: {line.name}: {line.reason}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
