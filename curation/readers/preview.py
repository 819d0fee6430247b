"""What a source is, before it is read: what was recognized, what it holds, what is odd and what will be done."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curation.errors import CurationError, some_of
from curation.readers.base import Reader, Skipped, Source
from curation.readers.headers import area, color, headers_of, spelled
from curation.readers.oddities import Finding, on_classes, on_pixels, on_sizes, on_skipped
from curation.readers.splits import NoSplit

LOOKED_AT, DECODED, OF_OTHERS = 2000, 200, 20
"""Samples whose headers, and whose pixels, are looked at; and so many of each other split."""


@dataclass(frozen=True)
class SkippedFor:
    """Why some samples are skipped, as a clause ("it is empty"): how many of those looked at, and some names."""

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What is known of a source before it is read.

    splits: samples in each split, by its name; split: the one that is read, of which all that follows is; classes:
    samples of each class, None where not known; labels: what labels are; shape: height, width, channels of the images
    delivered; looked_at: samples whose header was read, of ``samples``; sizes: smallest, median and largest (by area)
    width and height, none where nothing could be read; pixels: images looked at of each kind ("8-bit RGB"); skipped: by
    reason, of those looked at.
    """

    reader: str
    layout: str
    splits: dict[str, int]
    split: str
    classes: dict[str, int | None]
    labels: str
    samples: int
    shape: tuple[int, int, int]
    looked_at: int
    sizes: tuple[tuple[int, int], ...]
    pixels: dict[str, int]
    skipped: tuple[SkippedFor, ...]
    findings: tuple[Finding, ...]

    @property
    def pixel_bytes(self) -> int:
        """Bytes of all images as they are kept."""
        return self.samples * int(np.prod(self.shape))

    def in_words(self) -> dict[str, str]:
        """Return what was recognized, a line each: its name, and the line."""
        height, width, channels = self.shape
        looked = "all" if self.looked_at == self.samples else f"{self.looked_at:,} of"
        lines = {
            "Format": self.reader,
            "Layout": self.layout,
            "Splits": ", ".join(f"{split} {count:,}" for split, count in self.splits.items()),
            "Read": f"split {self.split}, {self.samples:,} samples of {len(self.classes):,} classes",
            "Labels": self.labels,
        }
        if self.sizes:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.pixels.items())
            sizes = [spelled(size) for size in self.sizes]
            lines["Images"] = f"{kinds}; smallest {sizes[0]}, median {sizes[1]}, largest {sizes[2]} pixels"
        for line in self.skipped:
            name = "Skipped" if "Skipped" not in lines else "Also skipped"
            lines[name] = f"{line.count:,} because {line.reason}: {some_of(list(line.examples))}"
        lines["Delivered"] = f"{width}×{height} {color(channels)}, 8 bits"
        lines["Looked at"] = f"{looked} {self.samples:,} samples"
        return lines


def inspect(reader: Reader, *, seed: int = 0) -> Preview:
    """Return what a source is, from its names, its labels, and the headers of at most ``LOOKED_AT`` samples.

    Args: seed: draws the samples that are looked at, where there are more.
    Raises: CurationError: it cannot be read at all; Undecided: it can be read in two ways.
    """
    source = reader.look(most=LOOKED_AT, seed=seed)
    drawn = sorted(random.Random(seed).sample(range(len(source)), min(LOOKED_AT, len(source))))
    looked, skipped = headers_of(source, drawn)
    classes: dict[str, int | None] = dict.fromkeys(source.classes)
    if source.labels is not None:
        labels = np.asarray(source.labels, dtype=np.int64)
        counts = np.bincount(labels[labels >= 0], minlength=len(classes))
        classes = dict(zip(source.classes, counts.tolist(), strict=True))
    blank, unread = on_pixels(source, [at for at in drawn if at not in {line.sample_id for line in skipped}][:DECODED])
    splits, wrong = _splits(reader, source, seed=seed)
    whole = len(drawn) == len(source)
    findings = [
        *(Finding("note", remark) for remark in source.remarks),
        *on_classes(classes, said=" ".join(source.remarks)),
        *on_sizes(looked, source.shape),
        *on_skipped([*skipped, *unread], len(source), whole=whole),
        *blank,
        *wrong,
    ]
    sizes = sorted((header.size for header in looked), key=area)
    return Preview(
        reader=reader.title,
        layout=source.layout,
        splits=splits,
        split=reader.split,
        classes=classes,
        labels=source.labels_are,
        samples=len(source),
        shape=source.shape,
        looked_at=len(drawn),
        sizes=(sizes[0], sizes[(len(sizes) - 1) // 2], sizes[-1]) if sizes else (),
        pixels=dict(Counter(header.pixels for header in looked).most_common()),
        skipped=_by_reason([*skipped, *unread]),
        findings=tuple(sorted(findings, key=lambda found: found.level != "warning")),
    )


def _splits(reader: Reader, opened: Source, *, seed: int) -> tuple[dict[str, int], list[Finding]]:
    """Return the samples of each split, and what is wrong with those that are not the one opened."""
    found: dict[str, Source] = {}
    wrong: dict[str, str] = {}
    for split in ("train", "test", "val"):
        if split == reader.split:
            found[split] = opened
            continue
        try:
            other = reader.model_copy(update={"split": split}).look(most=LOOKED_AT, seed=seed)
            found[split] = other
            if bad := _unusable(other, seed):
                wrong.setdefault(bad, f"the split {split} has images that cannot be used")
        except NoSplit:
            continue
        except CurationError as error:
            wrong.setdefault(str(error), f"the split {split} cannot be read")
    # Where there is no split test, the reader gives val for it.
    if {"test", "val"} <= found.keys() and _first_name(found["test"]) == _first_name(found["val"]):
        del found["test"]
    counts = {split: len(source) for split, source in found.items()}
    return counts, [Finding("warning", what, why) for why, what in wrong.items()]


def _unusable(source: Source, seed: int) -> str:
    """Return which of a few samples cannot be read, and why; empty: all can. Raises: CurationError."""
    drawn = sorted(random.Random(seed).sample(range(len(source)), min(OF_OTHERS, len(source))))
    lines = [f"{line.name}: {line.reason}" for at in drawn for line in source.read(at, at + 1).skipped]
    return f"{len(lines)} of {len(drawn)} looked at, for example {lines[0]}" if lines else ""


def _first_name(source: Source) -> str:
    chunk = source.read(0, 1)
    return [*chunk.names, *(line.name for line in chunk.skipped)][0]


def _by_reason(skipped: Sequence[Skipped]) -> tuple[SkippedFor, ...]:
    names: dict[str, list[str]] = {}
    for line in skipped:
        names.setdefault(re.sub(r" \(.*\)$", "", line.reason), []).append(line.name)
    ordered = sorted(names.items(), key=lambda item: -len(item[1]))
    return tuple(SkippedFor(reason, len(some), tuple(some[:3])) for reason, some in ordered)
