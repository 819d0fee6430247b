"""Kinds of input: how images lie in folders, files and archives."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from tests.readers import readers_bad_input as bad
from tests.readers.inputs import Input, Make, Read, Refused, picture

_seed = count()
ANIMALS = ["cat", "dog", "eel"]


def put(path: Path) -> None:
    """Write a picture that no other file has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(next(_seed))).save(path)


def tree(*folders: str, images: int = 2, files: Iterable[str] = ()) -> Make:
    """Make a folder: so many images in each of some folders, and other files, each of a few bytes."""

    def make(root: Path) -> None:
        for folder in folders:
            for index in range(images):
                put(root / folder / f"{index}.png")
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_bytes(b"some notes")

    return make


def splits(train: str, test: str, classes: Iterable[str] = ("cat", "dog", "eel")) -> Make:
    """Make a folder of two splits: four images a class in one, two in the other."""

    def make(root: Path) -> None:
        for split, images in ((train, 4), (test, 2)):
            tree(*(f"{split}/{name}" for name in classes), images=images)(root)

    return make


def parquet(*files: str) -> Make:
    """Make a folder of Parquet files: six images in each whose path has a "tr", three in the others."""

    def make(root: Path) -> None:
        for file in files:
            images = 6 if "tr" in file.lower() else 3
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            contents = bad.cells(*(bad.encode(Image.fromarray(picture(next(_seed)))) for _ in range(images)))
            bad.write_parquet(path.parent, contents, [0, 1, 2] * (images // 3), path.name, names=ANIMALS)

    return make


def npz(**arrays: int) -> Make:
    """Make a .npz: so many images in each array that is named like images, so many labels in the others."""
    return lambda root: bad.write_npz(root, **_arrays(**arrays))["path"]


def npy(**arrays: int) -> Make:
    """Make a folder of .npy files; as ``npz``."""

    def make(root: Path) -> None:
        for name, array in _arrays(**arrays).items():
            np.save(root / f"{name}.npy", array)

    return make


def _arrays(**lengths: int) -> dict[str, np.ndarray]:
    found = {}
    for name, length in lengths.items():
        if any(part in name.lower() for part in ("x", "image", "data")):
            found[name] = np.stack([picture(next(_seed)) for _ in range(length)])
        else:
            found[name] = np.arange(length) % 3
    return found


PARQUETS = [
    ("the hub's own branch", "train/0000.parquet", "test/0000.parquet"),
    ("the hub's branch of a part", "default/partial-train/0000.parquet", "default/partial-test/0000.parquet"),
    ("the hub's digests", "data/train-00000-of-00001-b6b2e3a8f9d7c5e1.parquet", "data/test-00000-of-00001-a1.parquet"),
    ("numbers after _", "train_0.parquet", "test_0.parquet"),
    ("split last", "cifar10-train.parquet", "cifar10-test.parquet"),
    ("capitals", "Train.parquet", "Test.parquet"),
    ("capital suffix", "TRAIN.PARQUET", "TEST.PARQUET"),
    ("training", "training-0.parquet", "testing-0.parquet"),
    ("validation", "train.parquet", "validation.parquet"),
]
ARRAYS = [
    ("x_train", {"x_train": 6, "y_train": 6, "x_test": 3, "y_test": 3}),
    ("train_images", {"train_images": 6, "train_labels": 6, "val_images": 3, "val_labels": 3}),
    ("Training", {"Training_X": 6, "Training_Y": 6, "Testing_X": 3, "Testing_Y": 3}),
    ("XTrain", {"XTrain": 6, "YTrain": 6, "XTest": 3, "YTest": 3}),
    ("x_valid", {"x_train": 6, "y_train": 6, "x_valid": 3, "y_valid": 3}),
]


INPUTS = [
    Input("folder: train and test", splits("train", "test"), Read(ANIMALS, train=12, test=6)),
    Input("folder: train and val", splits("train", "val"), Read(ANIMALS, train=12, test=6)),
    Input("folder: one class a folder", tree(*ANIMALS), Read(ANIMALS, train=6)),
    Input("folder: one class", tree("cat"), Refused("has only one class, cat")),
    Input(
        "folder: notes beside the images",
        tree(*ANIMALS, files=["cat/readme.txt"]),
        Read(ANIMALS, train=6, skipped=["cat/readme.txt: it is not an image in a known format"]),
    ),
    *(Input(f"parquet: {name}", parquet(train, test), Read(ANIMALS, 6, 3)) for name, train, test in PARQUETS),
    Input(
        "parquet: numbered shards",
        parquet("train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test-00000-of-00001.parquet"),
        Read(ANIMALS, 12, 3),
    ),
    Input("parquet: no split", parquet("0000.parquet", "0001.parquet"), Read(ANIMALS, 6)),
    Input(
        "parquet: system folders",
        parquet("train.parquet", "test.parquet", "@eaDir/test.parquet", "__MACOSX/._train.parquet"),
        Read(ANIMALS, 6, 3),
    ),
    Input(
        "parquet: a shard is missing",
        parquet("train-00000-of-00003.parquet", "train-00002-of-00003.parquet"),
        Refused("has only 2 of 3 files of one split, for train-00001-of-00003 is missing; get it"),
    ),
    Input(
        "parquet: a file of no split beside splits",
        parquet("train.parquet", "test.parquet", "more.parquet"),
        Refused(r"say of which split they are \(test.parquet, train.parquet\) and others that do not \(more.parquet\)"),
    ),
    Input(
        "parquet: two sets with splits",
        parquet("mnist/train.parquet", "mnist/test.parquet", "fashion/train.parquet"),
        Refused("seems to hold several sets, .*: fashion/train.parquet, mnist/train.parquet; give the folder"),
    ),
    Input(
        "parquet: two sets without splits",
        parquet("a/0.parquet", "b/0.parquet"),
        Refused("in several folders, and none says which split it is: a, b; give one"),
    ),
    Input(
        "parquet: folder and name say different splits",
        parquet("train/test.parquet"),
        Refused("has train/test.parquet, whose folder says another split than its name"),
    ),
    *(Input(f"npz: {name}", npz(**arrays), Read(["0", "1", "2"], 6, 3)) for name, arrays in ARRAYS),
    *(Input(f"npy: {name}", npy(**arrays), Read(["0", "1", "2"], 6, 3)) for name, arrays in ARRAYS),
    Input("npz: no split", npz(images=6, labels=6), Read(["0", "1", "2"], 6)),
    Input(
        "npz: a split and none",
        npz(images=6, labels=6, x_train=6, y_train=6),
        Refused("has x_train and y_train, and also images and labels; leave out"),
    ),
    Input(
        "npz: a split twice",
        npz(x_train=6, X_TRAIN=6, y_train=6),
        Refused("has two arrays of one split's images: x_train, X_TRAIN; keep one"),
    ),
]
