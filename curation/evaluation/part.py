"""The test suite P as data: its parts, each one kind at one severity, read on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from curation.errors import CurationError
from curation.plugin import fingerprint
from curation.storage.files import digest
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples


@dataclass(frozen=True)
class Part:
    """One kind at one severity.

    part: clean, corruption, held_out or adversarial; kind: "clean", "fog", "pgd/resnet20" (attack and surrogate), …;
    severity: 1 … 5 of a corruption, else 0 (among attacks of one name it counts them); sample_ids: int64 N, of the test
    source; labels: int64 N; images: positions 0 … N − 1, in any order, to pixels uint8 M×H×W×C; digest: of the images.
    """

    part: str
    kind: str
    severity: int
    sample_ids: np.ndarray
    labels: np.ndarray
    images: Callable[[np.ndarray], np.ndarray]
    digest: str = ""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Suite:
    """P. key: hash of its contents; shape: H, W, C; about: what it is made of, as plain data for people."""

    key: str
    classes: list[str]
    shape: tuple[int, int, int]
    parts: tuple[Part, ...]
    about: dict[str, Any]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def clean(self) -> Part:
        """The part of images as they are."""
        return next(part for part in self.parts if part.part == "clean")


def part_of(name: str, kind: str, samples: Samples, images: ImageSet, rows: np.ndarray) -> Part:
    """Return some samples' images of a set, by their rows, as a part. Raises: CurationError when a shard is missing."""
    return Part(
        part=name,
        kind=kind,
        severity=images.severity,
        sample_ids=samples.sample_ids[rows],
        labels=samples.labels[rows],
        images=partial(_gathered, images.frozen(), rows),
        digest=images.pixels.digest(),
    )


def suite_of(parts: Iterable[Part], *, classes: list[str], shape: tuple[int, int, int], about: dict[str, Any]) -> Suite:
    """Return P of its parts, those of one name together. Raises: CurationError when one of the three is empty."""
    order = ("clean", "adversarial", "corruption", "held_out")
    found = tuple(sorted((part for part in parts if len(part)), key=lambda part: order.index(part.part)))
    counts = {name: sum(len(part) for part in found if part.part == name) for name in order}
    empty = [name for name in order[:3] if not counts[name]]
    if empty:
        raise CurationError(
            f"the part {empty[0]} of the test suite would be empty; R is the mean over clean, adversarial and "
            "corruption, so give each of them at least one kind and one image"
        )
    contents = [
        [part.part, part.kind, part.severity, part.digest]
        + [digest(column.tobytes()) for column in (part.sample_ids, part.labels)]
        for part in found
    ]
    key = fingerprint([classes, shape, contents])
    return Suite(
        key,
        classes,
        shape,
        found,
        {"key": key, "images": counts, "shape": list(shape), "classes": len(classes), **about},
    )


def _gathered(images: ImageSet, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return images.gather(rows[positions])
