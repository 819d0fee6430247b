"""Sources of encoded images of any size: settled to one square size and one number of channels, then decoded."""

from __future__ import annotations

import os
import warnings
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image
from pydantic import Field

from curation.errors import CurationError
from curation.readers.base import Chunk, Reader, Skipped, Source
from curation.readers.pixels import Unreadable, decode

SMALLEST_SIDE_PX, LARGEST_AUTOMATIC_SIDE_PX = 8, 224
PROBES = 1000
_PROBED = 32


@dataclass(frozen=True)
class Encoded:
    """A sample before decoding; content: its bytes, or the file that holds them."""

    sample_id: int
    name: str
    label: int
    content: bytes | Path
    note: str = ""


class EncodedReader(Reader):
    """The fields that readers of encoded images share."""

    side_px: int | None = Field(
        None,
        ge=SMALLEST_SIDE_PX,
        le=1024,
        description="height and width; None: the first readable image's shorter side, at most 224",
    )
    channels: Literal["auto", "gray", "rgb"] = Field(
        "auto", description="auto: gray when the images sampled at opening (up to 32) are all gray, else rgb"
    )


class EncodedSource(Source):
    """Decodes what ``encoded`` yields; a sample that cannot be decoded is skipped."""

    @abstractmethod
    def encoded(self, start: int, stop: int) -> Iterator[Encoded | Skipped]:
        """Yield the samples at positions start … stop − 1, in order."""

    def settle(self, reader: EncodedReader, probes: Iterable[int], *, where: str) -> None:
        """Fix ``shape`` from the reader's fields and the first readable images among the positions ``probes``.

        Raises: CurationError when none of them can be read.
        """
        side, seen, color, problem = reader.side_px, 0, False, "it is empty"
        with _pillow_speaks_up():
            for position in probes:
                (result,) = (_decode(sample, side, None) for sample in self.encoded(position, position + 1))
                if isinstance(result, Skipped):
                    problem = f"for example, {result.name}: {result.reason}"
                    continue
                height, width, channels = result.image.shape
                side = side or min(max(min(height, width), SMALLEST_SIDE_PX), LARGEST_AUTOMATIC_SIDE_PX)
                color |= channels == 3
                seen += 1
                if seen == (_PROBED if reader.channels == "auto" else 1):
                    break
        if side is None or not seen:
            raise CurationError(f"no image in {where} could be read; {problem}; put readable images there")
        self.shape = (side, side, 3 if reader.channels == "rgb" or (reader.channels == "auto" and color) else 1)

    def read(self, start: int, stop: int) -> Chunk:
        """Return the samples at positions start … stop − 1; see ``Source.read``."""
        positions = range(len(self))[start:stop]
        samples = list(self.encoded(positions.start, positions.stop))
        images = np.empty((len(samples), *self.shape), np.uint8)
        kept: list[Encoded] = []
        skipped: list[Skipped] = []
        notes: dict[int, str] = {}
        side_px, _, channels = self.shape
        with _pillow_speaks_up(), ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as threads:
            for result in threads.map(lambda sample: _decode(sample, side_px, channels), samples):
                if isinstance(result, Skipped):
                    skipped.append(result)
                    continue
                images[len(kept)] = result.image
                kept.append(result.sample)
                if result.notes:
                    notes[result.sample.sample_id] = "; ".join(result.notes)
        return Chunk(
            images=images[: len(kept)],
            labels=np.array([sample.label for sample in kept], np.int64),
            sample_ids=np.array([sample.sample_id for sample in kept], np.int64),
            names=[sample.name for sample in kept],
            skipped=skipped,
            notes=notes,
        )


class _Decoded(NamedTuple):
    sample: Encoded
    image: np.ndarray
    notes: list[str]


def _decode(sample: Encoded | Skipped, side_px: int | None, channels: int | None) -> _Decoded | Skipped:
    if isinstance(sample, Skipped):
        return sample
    try:
        image, notes = decode(sample.content, side_px=side_px, channels=channels)
    except Unreadable as error:
        return Skipped(sample.sample_id, sample.name, str(error))
    return _Decoded(sample, image, [sample.note, *notes] if sample.note else notes)


@contextmanager
def _pillow_speaks_up() -> Iterator[None]:
    """Make an oversized image an error and keep Pillow's other warnings out of people's terminals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def spread(count: int) -> list[int]:
    """Positions to probe: 0 first, then evenly all over the source (steps of the golden ratio), then the first ones."""
    golden = (int(i * 0.6180339887498949 % 1 * count) for i in range(PROBES))
    return list(dict.fromkeys([*golden, *range(min(count, PROBES))]))
