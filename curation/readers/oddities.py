"""What is odd about a source, and what will be done about it, for its preview."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median_low
from typing import Literal

from curation.errors import some_of
from curation.readers.base import Skipped, Source
from curation.readers.class_names import are_numbers
from curation.readers.headers import Header, area, spelled

FEW = 10
"""A class of fewer images is tiny."""
_UNBALANCED, _ODD_AREA, _COMPARED_NAMES = 20, 4, 300

Level = Literal["note", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something that a person should know: how much it matters, what it is, and what will be done about it."""

    level: Level
    what: str
    done: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.done}" if self.done else self.what


def on_classes(classes: dict[str, int | None], *, said: str) -> Iterator[Finding]:
    """Yield what is odd about classes. Args: classes: samples of each; said: what is told already."""
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
    if are_numbers(names):
        return
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


def on_sizes(looked: Sequence[Header], shape: tuple[int, int, int]) -> Iterator[Finding]:
    """Yield what is odd about sizes. Args: shape: of the images delivered."""
    if not looked:
        return
    height, width, _ = shape
    usual = median_low(area(header.size) for header in looked)
    odd = [h for h in looked if not usual / _ODD_AREA <= area(h.size) <= usual * _ODD_AREA]
    if 0 < len(odd) <= max(1, len(looked) // 100):
        shown = some_of([f"{header.name} ({spelled(header.size)})" for header in odd])
        yield Finding(
            "warning",
            f"{len(odd):,} image{'s are' if len(odd) > 1 else ' is'} of quite another size than the others: {shown}",
            f"the size is not taken from {'them' if len(odd) > 1 else 'it'}; brought to {width}×{height} as all are",
        )
    small = sum(min(header.size) < min(height, width) for header in looked)
    if small:
        yield Finding("note", f"{small:,} of {len(looked):,} images are smaller than {width}×{height}", "enlarged")


def on_skipped(skipped: Sequence[Skipped], samples: int, *, whole: bool) -> Iterator[Finding]:
    """Yield what cannot be used. Args: samples: in all; whole: whether all were looked at."""
    if skipped:
        among = "" if whole else f" of those looked at, of {samples:,} in all,"
        yield Finding(
            "warning",
            f"{len(skipped):,} sample{'s' * (len(skipped) > 1)}{among} cannot be used "
            f"({some_of([f'{line.name}: {line.reason}' for line in skipped])})",
            "skipped, and listed on the page Workspace",
        )


def on_pixels(source: Source, positions: Sequence[int]) -> tuple[list[Finding], list[Skipped]]:
    """Read a few samples whole; return what is odd of their pixels, and those that cannot be read."""
    blank: list[str] = []
    skipped: list[Skipped] = []
    for at in positions:
        chunk = source.read(at, at + 1)
        skipped += chunk.skipped
        blank += [name for name, image in zip(chunk.names, chunk.images, strict=True) if image.min() == image.max()]
    if not blank:
        return [], skipped
    are = "is" if len(blank) == 1 else "are"
    what = f"{len(blank):,} of {len(positions):,} images looked at {are} of one color only ({some_of(blank)})"
    return [Finding("warning", what, "read as they are; exclude them on the page Map or Labels")], skipped
