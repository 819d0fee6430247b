"""Kinds of input: how images lie in folders, files and archives."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path

from PIL import Image

from tests.readers.inputs import Input, Make, Read, Refused, picture

_seed = count()


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


ANIMALS = ["cat", "dog", "eel"]

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
]
