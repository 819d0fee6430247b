"""Sources of encoded images of any size: settled to one square size and one number of channels, then decoded."""

from __future__ import annotations

import os
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import Field

from curation.errors import CurationError
from curation.readers.base import Chunk, Reader, Skipped, Source, runs
from curation.readers.pixels import MOST_MEGAPIXELS, Looked, Unreadable, Whites, decode, look
from curation.readers.survey import Survey
from curation.readers.white_level import white_level_field

SMALLEST_SIDE_PX, LARGEST_AUTOMATIC_SIDE_PX = 8, 224
_FIRST, _AT_ONCE = 8, 256
"""Images looked at together: few at first, for they may tell what is white."""
_KEPT_SURVEYS = 16
_SURVEYS: dict[tuple[str, int, float, bool], Survey] = {}
"""What was seen lately, by the source's fingerprint: a source is opened again and again."""


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
        description="height and width; None: the median of the images' shorter sides, at most 224",
    )
    channels: Literal["auto", "gray", "rgb"] = Field(
        "auto", description="auto: gray when all images are gray, else rgb"
    )
    white_level: float | None = white_level_field()
    most_megapixels: float = Field(
        MOST_MEGAPIXELS, gt=0, description="larger images are skipped, for a small file may claim any size"
    )

    @abstractmethod
    def unsettled(self) -> tuple[EncodedSource, str, str | None]:
        """Return the source without shape and white level, its name in errors, and the split that decides both.

        The split is None where it is the source itself. Raises: CurationError.
        """

    def open(self) -> EncodedSource:
        """Open the source; see ``Reader.open``."""
        source, where, like = self.unsettled()
        source.settle(self, where=where, like=self._of(like).open() if like else None)
        return source

    def look(self, *, most: int, seed: int) -> EncodedSource:
        """Open the source with shape and white level by some samples; see ``Reader.look``."""
        source, where, like = self.unsettled()
        drawn = None if len(source) <= most else sorted(Random(seed).sample(range(len(source)), most))
        source.settle(self, where=where, like=self._of(like).look(most=most, seed=seed) if like else None, drawn=drawn)
        return source

    def _of(self, split: str) -> Self:
        return self.model_copy(update={"split": split})


class EncodedSource(Source):
    """Decodes what ``encoded`` yields; a sample that cannot be decoded is skipped."""

    whites: Whites
    """What is white among images of each kind of pixels."""
    most_megapixels: float

    @abstractmethod
    def encoded(self, start: int, stop: int) -> Iterator[Encoded | Skipped]:
        """Yield the samples at positions start … stop − 1, in order."""

    def settle(
        self,
        reader: EncodedReader,
        *,
        where: str,
        like: EncodedSource | None = None,
        drawn: Sequence[int] | None = None,
    ) -> None:
        """Fix ``shape`` and what is white from the reader's fields and a look at every image.

        Args: like: the split train, where this is another one: both are read alike; drawn: look at these positions.
        Raises: CurationError when none of them can be read, or it cannot be told what is white.
        """
        self.most_megapixels = reader.most_megapixels
        if like is not None:
            self.shape, self.whites, self.white_level = like.shape, like.whites, like.white_level
            return
        found = self._survey(reader, range(len(self)) if drawn is None else drawn)
        if not found.images:
            raise CurationError(f"no image in {where} could be read; {found.problem}; put readable images there")
        side = reader.side_px or min(max(found.usual_side, SMALLEST_SIDE_PX), LARGEST_AUTOMATIC_SIDE_PX)
        rgb = reader.channels == "rgb" or (reader.channels == "auto" and found.color > 0)
        self.shape = (side, side, 3 if rgb else 1)
        self.whites, remarks = found.whites(reader.white_level, where=where)
        own = [level for level in self.whites.values() if level not in (None, 255, 1)]
        self.white_level = reader.white_level or (own[0] if own else None)
        self.remarks = (*self.remarks, *found.remarks(side, rgb=rgb), *remarks)

    def _survey(self, reader: EncodedReader, positions: Sequence[int]) -> Survey:
        """Look at images: at its header, and at its pixels while it is in doubt what is white."""
        key = (self.fingerprint, len(positions), reader.most_megapixels, reader.white_level is None)
        if key in _SURVEYS:
            return _SURVEYS[key]
        found, start = Survey(), 0
        with _quiet_pillow(), _threads() as threads:
            while start < len(positions):
                stop = min(len(positions), start + (_AT_ONCE if start else _FIRST))
                at_pixels = found.open_kinds if reader.white_level is None else frozenset()
                task = partial(_look, most_megapixels=reader.most_megapixels, at_pixels=at_pixels)
                ranges = runs(np.asarray(positions[start:stop]))
                for looked in threads.map(task, [one for first, last in ranges for one in self.encoded(first, last)]):
                    if isinstance(looked, Skipped):
                        found.problem = f"for example, {looked.name}: {looked.reason}"
                    else:
                        found.add(looked)
                start = stop
        while len(_SURVEYS) >= _KEPT_SURVEYS:
            _SURVEYS.pop(next(iter(_SURVEYS)))
        _SURVEYS[key] = found
        return found

    def read(self, start: int, stop: int) -> Chunk:
        """Return the samples at positions start … stop − 1; see ``Source.read``."""
        positions = range(len(self))[start:stop]
        return self._decoded(list(self.encoded(positions.start, positions.stop)))

    def read_at(self, positions: np.ndarray) -> Chunk:
        """Return the samples at some positions, all decoded side by side; see ``Source.read_at``."""
        return self._decoded([sample for start, stop in runs(positions) for sample in self.encoded(start, stop)])

    def _decoded(self, samples: Sequence[Encoded | Skipped]) -> Chunk:
        images = np.empty((len(samples), *self.shape), np.uint8)
        kept: list[Encoded] = []
        skipped: list[Skipped] = []
        notes: dict[int, str] = {}
        side_px, _, channels = self.shape
        task = partial(
            _decode, side_px=side_px, channels=channels, whites=self.whites, most_megapixels=self.most_megapixels
        )
        with _quiet_pillow(), _threads() as threads:
            for result in threads.map(task, samples):
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


def _decode(
    sample: Encoded | Skipped, *, side_px: int, channels: int, whites: Whites, most_megapixels: float
) -> _Decoded | Skipped:
    if isinstance(sample, Skipped):
        return sample
    try:
        image, notes = decode(
            sample.content, side_px=side_px, channels=channels, whites=whites, most_megapixels=most_megapixels
        )
    except Unreadable as error:
        return Skipped(sample.sample_id, sample.name, str(error))
    return _Decoded(sample, image, [sample.note, *notes] if sample.note else notes)


def _look(sample: Encoded | Skipped, *, most_megapixels: float, at_pixels: frozenset[str]) -> Looked | Skipped:
    if isinstance(sample, Skipped):
        return sample
    try:
        return look(sample.content, most_megapixels=most_megapixels, at_pixels=at_pixels)
    except Unreadable as error:
        return Skipped(sample.sample_id, sample.name, str(error))


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(os.cpu_count() or 1, 8))


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings out of people's terminals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
