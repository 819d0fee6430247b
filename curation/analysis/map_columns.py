"""What a map shows of its points: columns to color by, copies beside them, in as few bytes as each can be.

A number travels as its place among 257 quantiles, two bytes a point: fine where values are dense, exact at both ends,
and one far outlier costs the others nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from curation.errors import CurationError

Message = tuple[dict[str, Any], dict[str, NDArray[Any]]]
"""A header, plain JSON, and flat arrays by name."""

KNOTS = 257
STEPS_BETWEEN_KNOTS = 255
MISSING_NUMBER = 65535
_STEPS = 65535
_TYPES = {"category": "iub", "number": "iufb", "flag": "b"}


@dataclass(frozen=True)
class Column:
    """One value a point, to color by and to read when a point is hovered.

    Attributes:
        name: unique on the map; what the component's state calls it.
        title: shown to people.
        values: N. ``category``: integers below the number of names, negative where there is none; ``number``: floats,
            NaN or infinite where there is none; ``flag``: bool.
        kind: of the values.
        names: of the categories (``"<title> <number>"`` where none are given), or of False and True.
        unit: behind a number; ``"%"`` shows the share 0.25 as 25 %.
        missing: what a point without a value is called.
    """

    name: str
    title: str
    values: NDArray[Any]
    kind: Literal["category", "number", "flag"] = "number"
    names: Sequence[str] = ()
    unit: str = ""
    missing: str = "none"


@dataclass(frozen=True)
class Copies:
    """Variants of points, such as corrupted or adversarial images, where they land on the same map.

    Attributes:
        xy: M×2, finite, in the map's own coordinates.
        owners: M, integers in [0, N): the point that each is a copy of.
        kinds: M, integers in [0, len(kind_names)); at most eight kinds.
        kind_names: for example ``("corruption", "adversarial")``.
        thumbnails: address under which picture j is that of copy j; "" for none.
        said: M words, read where a copy is hovered; none for none.
    """

    xy: NDArray[Any]
    owners: NDArray[Any]
    kinds: NDArray[Any]
    kind_names: Sequence[str]
    thumbnails: str = ""
    said: Sequence[str] = ()


def digest(*parts: Any) -> str:
    """Return a fingerprint of arrays and plain values; ten milliseconds for a million numbers."""
    hashed = hashlib.blake2b(digest_size=8)
    for part in parts:
        array = isinstance(part, np.ndarray)
        hashed.update(repr((part.dtype.str, part.shape)).encode() if array else repr(part).encode())
        if array:
            hashed.update(np.ascontiguousarray(part).tobytes())
    return hashed.hexdigest()


def quantized(xy: NDArray[Any]) -> tuple[dict[str, Any], NDArray[np.uint16]]:
    """Return the box of some places, and the places as shares of its sides, 0…65535."""
    low, high = (xy.min(0), xy.max(0)) if len(xy) else (np.zeros(2), np.ones(2))
    span = np.where(high > low, high - low, 1.0)
    box = {"low": low.astype(float).tolist(), "span": span.astype(float).tolist()}
    return box, np.rint((xy - low) / span * _STEPS).astype(np.uint16)


def encoded_places(xy: NDArray[Any], ids: NDArray[Any] | None) -> Message:
    """Return all places, N×2, and ids, integers in [0, 2³²): 4 bytes a point, and few for ids in order.

    Raises: CurationError: coordinates that are not finite N×2.
    """
    if xy.ndim != 2 or xy.shape[1] != 2 or not np.isfinite(xy).all():
        raise CurationError("the map needs finite coordinates N×2; compute the embedding again")
    box, places = quantized(xy)
    arrays: dict[str, NDArray[Any]] = {"xy": places}
    if ids is not None:
        # Steps from id to id deflate to almost nothing; the browser adds them up again, modulo 2³².
        arrays["id_steps"] = np.diff(np.asarray(ids, np.int64), prepend=0).astype(np.uint32)
    return box, arrays


def identify(column: Column) -> str:
    """Return the fingerprint under which a column travels.

    Raises:
        CurationError: values that are no numbers, such as words; codes and names are asked for instead.
    """
    values = np.asarray(column.values)
    if values.dtype.kind not in _TYPES[column.kind]:
        raise CurationError(
            f"the map's column “{column.title}” is a {column.kind} and cannot hold {values.dtype} values; "
            "categories are integers, with the words in `names`"
        )
    words = [column.name, column.title, column.kind, *column.names, column.unit, column.missing]
    return f"c-{digest(values, words)}"


def encoded_column(column: Column) -> Message:
    """Return one column: a bit, one byte or two a point.

    Raises:
        CurationError: categories without a name, or more than 65,534 of them.
    """
    header: dict[str, Any] = {"name": column.name, "title": column.title, "kind": column.kind}
    header |= {"unit": column.unit, "missing": column.missing, "names": list(column.names)}
    if column.kind == "flag":
        header["names"] = header["names"] or ["no", "yes"]
        return header, {"bits": bits(column.values)}
    if column.kind == "number":
        codes, knots = _by_quantiles(np.asarray(column.values, np.float64))
        return header, {"codes": codes, "knots": knots}
    values = np.asarray(column.values)
    number = int(values.max(initial=-1)) + 1
    if not header["names"]:
        header["names"] = [f"{column.title} {code}" for code in range(number)]
    known = len(header["names"])
    if number > known:
        raise CurationError(
            f"the map's column “{column.title}” must be in 0…{known - 1}, one for each name, got {number - 1}"
        )
    if known >= _STEPS:
        raise CurationError(f"the map's column “{column.title}” has {known} categories; at most {_STEPS - 1} fit")
    codes = np.where(values < 0, known, values)
    return header, {"codes": codes.astype(np.uint8 if known < 255 else np.uint16)}


def _by_quantiles(values: NDArray[np.float64]) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    known = np.isfinite(values)
    codes = np.full(len(values), MISSING_NUMBER, np.uint16)
    if not known.any():
        return codes, np.zeros(0, np.float32)
    knots = np.quantile(values[known], np.linspace(0, 1, KNOTS))
    codes[known] = np.rint(np.interp(values[known], knots, np.arange(KNOTS) * STEPS_BETWEEN_KNOTS))
    return codes, knots.astype(np.float32)


def bits(flags: NDArray[Any]) -> NDArray[np.uint8]:
    """Return flags as bits, eight a byte, the first lowest."""
    return np.packbits(np.asarray(flags, bool), bitorder="little")


def identify_copies(copies: Copies) -> str:
    """Return the fingerprint under which copies travel."""
    words = [list(copies.kind_names), list(copies.said)]
    return f"v-{digest(*(np.asarray(part) for part in (copies.xy, copies.owners, copies.kinds)), words)}"


def encoded_copies(copies: Copies, number: int) -> Message:
    """Return the copies of some of ``number`` points: 9 bytes each.

    Raises:
        CurationError: columns of different length, owners that are no points, coordinates that are not finite.
    """
    xy, owners, kinds = (np.asarray(array) for array in (copies.xy, copies.owners, copies.kinds))
    told = len(copies.said) in (0, len(owners))
    if xy.shape != (len(owners), 2) or len(kinds) != len(owners) or not told or not np.isfinite(xy).all():
        raise CurationError(
            f"the map's copies need finite coordinates M×2 and one owner and kind each, and words for all or none, got "
            f"coordinates {'×'.join(map(str, xy.shape))}, {len(owners)} owners, {len(kinds)} kinds and "
            f"{len(copies.said)} words"
        )
    if len(owners) and not 0 <= owners.min() <= owners.max() < number:
        raise CurationError(f"the owners of the map's copies must be points in 0…{number - 1}")
    names = list(copies.kind_names)
    if len(names) > 8 or (len(kinds) and not 0 <= kinds.min() <= kinds.max() < len(names)):
        raise CurationError(f"the kinds of the map's copies must be in 0…{len(names) - 1}, with at most eight names")
    box, places = quantized(xy)
    header = {**box, "names": names, "said": list(copies.said)}
    return header, {"xy": places, "owners": owners.astype(np.uint32), "kinds": kinds.astype(np.uint8)}
