"""What a kind of input is for the table in ``test_inputs.py``: how it is made, and what must come out of it.

Rows lie in ``inputs_*.py``, a file a subject; ``test_inputs.py`` joins them to the one table.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from curation.readers import READERS, recognize
from curation.readers.base import Chunk, Source

Make = Callable[[Path], Any]
"""Writes an input into an empty folder; returns the path that a person gives, where it is not that folder."""


@dataclass(frozen=True)
class Read:
    """The input is read: with which classes, how many images a split, and what is checked besides.

    classes: in their order, None: not looked at; train, test: images read (skipped ones apart) of these splits, None:
    not looked at; skipped: a pattern for each skipped line of the split train, "name: reason"; notes: a pattern that
    some note of the split train has; remarks: one that is in the source's remarks; check: looks at what was read of the
    split train.
    """

    classes: list[str] | None = None
    train: int | None = None
    test: int | None = None
    skipped: list[str] = field(default_factory=list)
    notes: str = ""
    remarks: str = ""
    check: Callable[[Chunk], None] = lambda _: None


@dataclass(frozen=True)
class Refused:
    """The input is refused with one sentence that has a pattern; split: the one that is asked for."""

    sentence: str
    split: str = "train"


@dataclass(frozen=True)
class Input:
    """A kind of input: its name, how it is made, what must come out, and parameters of the reader."""

    name: str
    make: Make
    expect: Read | Refused
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def open(self, folder: Path, split: str) -> Source:
        """Make it (once), let it be recognized as on the command line, and open one split."""
        at = folder / "given"
        if not at.exists():
            at.mkdir()
            given = self.make(at)
            (folder / "path").write_text(str(given if isinstance(given, (str, Path)) else at), encoding="utf-8")
        about = recognize((folder / "path").read_text(encoding="utf-8"))
        return READERS.build(about.pop("reader"), {**about, "split": split, **self.parameters}).open()

    def read(self, folder: Path, split: str) -> tuple[list[str], Chunk]:
        """Open one split, and read it whole as a worker does: from a source that another process opened."""
        source: Source = pickle.loads(pickle.dumps(self.open(folder, split)))
        return list(source.classes), source.read(0, len(source))


def picture(seed: int, *, side: int = 12, channels: int = 3) -> np.ndarray:
    """Return noise, uint8 side×side×3 or side×side, that no other seed has."""
    shape = (side, side, channels) if channels > 1 else (side, side)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
