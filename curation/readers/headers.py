"""What images are by their headers: sizes and kinds of pixels, for the preview of a source."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from curation.readers.base import Skipped, Source
from curation.readers.encoded import Encoded, EncodedSource
from curation.readers.pixels import unknown_format

_BITS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}
_COLORS = {"L": "gray", "1": "gray", "I": "gray", "F": "gray", "LA": "gray with transparency", "P": "palette"}


class Header(NamedTuple):
    """Of an image: its name, width and height, and kind of pixels ("8-bit RGB")."""

    name: str
    size: tuple[int, int]
    pixels: str


def headers_of(source: Source, positions: Sequence[int]) -> tuple[list[Header], list[Skipped]]:
    """Return the headers of some samples, and those that have none."""
    if not isinstance(source, EncodedSource):
        height, width, channels = source.shape
        return [Header(str(at), (width, height), f"8-bit {color(channels)}") for at in positions], []
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
    except UnidentifiedImageError:
        data = content if isinstance(content, bytes) else content.read_bytes()
        reason = unknown_format(data) if data else "it is empty (0 bytes)"
    except OSError as error:
        reason = f"it could not be read ({error.strerror})" if error.strerror else f"it is damaged ({error})"
    except Exception as error:  # decoders raise nearly anything on a broken file
        reason = f"it is damaged ({error})"
    return Skipped(sample.sample_id, sample.name, reason)


def area(size: tuple[int, int]) -> int:
    """Return how many pixels an image has."""
    return size[0] * size[1]


def spelled(size: tuple[int, int]) -> str:
    """Return a size as it is written."""
    return f"{size[0]:,}×{size[1]:,}"


def color(channels: int) -> str:
    """Return how a number of channels is called."""
    return "RGB" if channels == 3 else "gray"
