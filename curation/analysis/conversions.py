"""What was changed in how many images when a source was read, in a few lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_NUMBERS = re.compile(r"\d[\d,.]*")


def conversions(notes: Iterable[str]) -> list[str]:
    """Return what the notes of samples say, a line each with how many say it, the most common first.

    Args: notes: of every sample, "" where there is none; those that differ in numbers only are one line, with the first
        one's numbers.
    """
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    several: set[str] = set()
    total = 0
    for note in notes:
        total += 1
        for part in filter(None, note.split("; ")):
            kind = _NUMBERS.sub("#", part)
            counts[kind] += 1
            if first.setdefault(kind, part) != part:
                several.add(kind)
    return [
        f"{count:,} of {total:,} images: {first[kind]}{', for example' if kind in several else ''}"
        for kind, count in counts.most_common()
    ]
