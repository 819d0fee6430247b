"""What a source is, before it is read: what was recognized, what it holds, what is odd and what will be done."""

from __future__ import annotations

import io
import random
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median_low
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from curation.errors import CurationError, some_of
from curation.readers.base import Reader, Skipped, Source
from curation.readers.encoded import Encoded, EncodedSource

LOOKED_AT, DECODED = 2000, 200
"""Samples whose headers, and whose pixels, are looked at."""
FEW = 10
"""A class of fewer images is tiny."""
_UNBALANCED, _ODD_AREA, _COMPARED_NAMES = 20, 4, 300
_BITS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}
_COLORS = {"L": "gray", "1": "gray", "I": "gray", "F": "gray", "LA": "gray with transparency", "P": "palette"}

Level = Literal["note", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something that a person should know: how much it matters, what it is, and what will be done about it."""

    level: Level
    what: str
    done: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.done}" if self.done else self.what


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
            spelled = [_spelled(size) for size in self.sizes]
            lines["Images"] = f"{kinds}; smallest {spelled[0]}, median {spelled[1]}, largest {spelled[2]} pixels"
        for line in self.skipped:
            name = "Skipped" if "Skipped" not in lines else "Also skipped"
            lines[name] = f"{line.count:,} because {line.reason}: {some_of(list(line.examples))}"
        lines["Delivered"] = f"{width}×{height} {_color(channels)}, 8 bits"
        lines["Looked at"] = f"{looked} {self.samples:,} samples"
        return lines


def inspect(reader: Reader, *, seed: int = 0) -> Preview:
    """Return what a source is, from its names, its labels, and the headers of at most ``LOOKED_AT`` samples.

    Args: seed: draws the samples that are looked at, where there are more.
    Raises: CurationError: it cannot be read at all; Undecided: it can be read in two ways.
    """
    source = reader.look(most=LOOKED_AT, seed=seed)
    drawn = sorted(random.Random(seed).sample(range(len(source)), min(LOOKED_AT, len(source))))
    looked, skipped = _headers(source, drawn)
    classes: dict[str, int | None] = dict.fromkeys(source.classes)
    if source.labels is not None:
        labels = np.asarray(source.labels, dtype=np.int64)
        counts = np.bincount(labels[labels >= 0], minlength=len(classes))
        classes = dict(zip(source.classes, counts.tolist(), strict=True))
    blank, unread = _pixels(source, [at for at in drawn if at not in {line.sample_id for line in skipped}][:DECODED])
    whole = len(drawn) == len(source)
    findings = [
        *(Finding("note", remark) for remark in source.remarks),
        *_on_classes(classes, said=" ".join(source.remarks)),
        *_on_sizes(looked, source.shape),
        *_on_skipped([*skipped, *unread], len(source), whole=whole),
        *blank,
    ]
    sizes = sorted((header.size for header in looked), key=_area)
    return Preview(
        reader=reader.title,
        layout=source.layout,
        splits=_splits(reader, source),
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


class Header(NamedTuple):
    """Of an image: its name, width and height, and kind of pixels ("8-bit RGB")."""

    name: str
    size: tuple[int, int]
    pixels: str


def _headers(source: Source, positions: Sequence[int]) -> tuple[list[Header], list[Skipped]]:
    """Return the headers of some samples, and those that have none."""
    if not isinstance(source, EncodedSource):
        height, width, channels = source.shape
        return [Header(str(at), (width, height), f"8-bit {_color(channels)}") for at in positions], []
    found: list[Header] = []
    skipped: list[Skipped] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for at in positions:
            for sample in source.encoded(at, at + 1):
                if isinstance(sample, Skipped):
                    skipped.append(sample)
                    continue
                header = _header(sample)
                (found if isinstance(header, Header) else skipped).append(header)  # type: ignore[arg-type]
    return found, skipped


def _header(sample: Encoded) -> Header | Skipped:
    content = sample.content
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as image:
            bits = _BITS.get(image.mode, 16 if any(";16" in str(tile) for tile in image.tile) else 8)
            return Header(sample.name, image.size, f"{bits}-bit {_COLORS.get(image.mode.split(';')[0], image.mode)}")
    except Exception as error:  # decoders raise nearly anything on a broken file
        empty = not content if isinstance(content, bytes) else content.is_file() and not content.stat().st_size
        known = (
            "it is not an image in a known format" if "cannot identify" in str(error) else f"it is damaged ({error})"
        )
        return Skipped(sample.sample_id, sample.name, "it is empty (0 bytes)" if empty else known)


def _pixels(source: Source, positions: Sequence[int]) -> tuple[list[Finding], list[Skipped]]:
    """Read a few samples whole; return what is odd of their pixels, and those that cannot be read."""
    blank: list[str] = []
    skipped: list[Skipped] = []
    for at in positions:
        chunk = source.read(at, at + 1)
        skipped += chunk.skipped
        blank += [name for name, image in zip(chunk.names, chunk.images, strict=True) if image.min() == image.max()]
    if not blank:
        return [], skipped
    what = (
        f"{len(blank):,} of {len(positions):,} images looked at {_are(len(blank))} of one color only ({some_of(blank)})"
    )
    return [Finding("warning", what, "read as they are; exclude them on the page Map or Labels")], skipped


def _splits(reader: Reader, opened: Source) -> dict[str, int]:
    found: dict[str, Source] = {}
    for split in ("train", "test", "val"):
        try:
            found[split] = opened if split == reader.split else _other(reader, split)
        except CurationError:
            continue
    # Where there is no split test, the reader gives val for it.
    if {"test", "val"} <= found.keys() and _first_name(found["test"]) == _first_name(found["val"]):
        del found["test"]
    return {split: len(source) for split, source in found.items()}


def _other(reader: Reader, split: str) -> Source:
    return reader.model_copy(update={"split": split}).look(most=1, seed=0)


def _first_name(source: Source) -> str:
    chunk = source.read(0, 1)
    return [*chunk.names, *(line.name for line in chunk.skipped)][0]


def _on_classes(classes: dict[str, int | None], *, said: str) -> Iterator[Finding]:
    counts = {name: count for name, count in classes.items() if count is not None}
    few = {name: count for name, count in counts.items() if 0 < count < FEW}
    empty = [name for name, count in counts.items() if not count and f"class {name!r} has no image" not in said]
    if empty:
        yield Finding("warning", f"no image is of class {some_of(empty)}", "kept as a class without images")
    if few:
        shown = some_of([f"{name} ({count})" for name, count in few.items()])
        yield Finding(
            "warning",
            f"{len(few)} class{'es have' if len(few) > 1 else ' has'} fewer than {FEW} images: {shown}",
            "read as they are; little can be learned of them, so add images, or leave the classes out",
        )
    present = {name: count for name, count in counts.items() if count}
    if present and max(present.values()) >= _UNBALANCED * min(present.values()) and not few:
        most, least = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
        yield Finding(
            "note",
            f"class {most} has {present[most]:,} images, class {least} {present[least]:,}",
            "read as they are; selection.class_balance evens out the set",
        )
    alike = list(near_identical(list(classes)))
    if alike:
        yield Finding(
            "warning",
            f"class names are nearly the same: {some_of([f'{a!r} and {b!r}' for a, b in alike])}",
            "read as different classes; if they are one, give them one name",
        )


def near_identical(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of names that differ in case, spaces, signs, a plural's s, or by one letter of five or more."""
    by_key: dict[str, str] = {}
    plain = {name: re.sub(r"[\W_]+", "", name.casefold()) for name in names}
    for name in names:
        key = plain[name].removesuffix("s") or name
        if key in by_key:
            yield by_key[key], name
        by_key.setdefault(key, name)
    if len(names) <= _COMPARED_NAMES:
        for one, other in combinations([name for name in names if len(plain[name]) > 4], 2):
            a, b = plain[one], plain[other]
            if a.removesuffix("s") != b.removesuffix("s") and _one_letter_apart(a, b):
                yield one, other


def _one_letter_apart(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, others = one[start:], other[start:]
    if rest[:1].isdigit() or others[:1].isdigit():
        return False  # numbers tell classes apart
    return rest[1:] == others[1:] or rest[1:] == others or rest == others[1:]


def _on_sizes(looked: Sequence[Header], shape: tuple[int, int, int]) -> Iterator[Finding]:
    if not looked:
        return
    height, width, _ = shape
    usual = median_low(_area(header.size) for header in looked)
    odd = [h for h in looked if not usual / _ODD_AREA <= _area(h.size) <= usual * _ODD_AREA]
    if 0 < len(odd) <= max(1, len(looked) // 100):
        shown = some_of([f"{header.name} ({_spelled(header.size)})" for header in odd])
        yield Finding(
            "warning",
            f"{len(odd):,} image{'s are' if len(odd) > 1 else ' is'} of quite another size than the others: {shown}",
            f"the size is not taken from {'them' if len(odd) > 1 else 'it'}; brought to {width}×{height} as all are",
        )
    small = sum(min(header.size) < min(height, width) for header in looked)
    if small:
        yield Finding("note", f"{small:,} of {len(looked):,} images are smaller than {width}×{height}", "enlarged")


def _on_skipped(skipped: Sequence[Skipped], samples: int, *, whole: bool) -> Iterator[Finding]:
    if skipped:
        among = "" if whole else f" of those looked at, of {samples:,} in all,"
        yield Finding(
            "warning",
            f"{len(skipped):,} sample{'s' * (len(skipped) > 1)}{among} cannot be used "
            f"({some_of([f'{line.name}: {line.reason}' for line in skipped])})",
            "skipped, and listed on the page Workspace",
        )


def _by_reason(skipped: Sequence[Skipped]) -> tuple[SkippedFor, ...]:
    names: dict[str, list[str]] = {}
    for line in skipped:
        names.setdefault(re.sub(r" \(.*\)$", "", line.reason), []).append(line.name)
    ordered = sorted(names.items(), key=lambda item: -len(item[1]))
    return tuple(SkippedFor(reason, len(some), tuple(some[:3])) for reason, some in ordered)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _spelled(size: tuple[int, int]) -> str:
    return f"{size[0]:,}×{size[1]:,}"


def _color(channels: int) -> str:
    return "RGB" if channels == 3 else "gray"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
