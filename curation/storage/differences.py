"""Attacked copies, kept as their differences to the originals: without loss, and about half of their pixels' bytes.

A shard is a file in Zstandard's seekable format: a frame an image, which is its difference modulo 256, uint8 H×W×C,
and at the end a table of the frames' sizes, in a frame that is skipped by what does not know it. So a few images are
read without the others, and ``zstd -d`` returns the differences of all. Source: contrib/seekable_format of zstd.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np
import pandas as pd
import pyarrow

from curation.plugin import fingerprint
from curation.storage.files import digest
from curation.storage.shards import Shards

TIMES_SMALLER = 1.9
"""Than pixels, about: ``python -m benchmarks.residuals``, of attacks within 8/255."""

_SKIPPED, _SEEKABLE = 0x184D2A5E, 0x8F92EAB1
"""Begin and end of the table of sizes."""

_FOOT = struct.Struct("<IBI")
_OF_PIXELS = re.compile(r"(shard-\d+-[0-9a-f]{16})-[0-9a-f]{16}\.zst")


class Differences(Shards):
    """Shards of uint8 images as differences to others: ``shard-00017-<digest as .npy>-<digest>.zst``.

    Shards that earlier versions kept as ``.npy`` are read as they are.
    """

    earlier: ClassVar = ("npy",)

    def __init__(
        self, folder: Path, images: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, starts: np.ndarray
    ) -> None:
        """Args: images: the originals, uint8 M×H×W×C, by rows, int64 M; rows, starts: as in ``ImageSet``."""
        super().__init__(folder, len(starts) - 1, "zst")
        self._images, self._image_rows, self._starts = images, rows, starts

    def digest(self) -> str:
        """Return a hash of all images, the same however each shard is kept. Raises: CurationError: one is missing."""
        frozen = self.freeze()
        return fingerprint([_OF_PIXELS.sub(r"\1.npy", frozen._name(index)) for index in range(self.count)])

    def write(self, index: int, value: np.ndarray | pd.DataFrame) -> None:
        """Write one shard of images; see ``Shards.write``."""
        assert isinstance(value, np.ndarray)
        pixels = io.BytesIO()
        np.save(pixels, value, allow_pickle=False)
        differences = value - self._originals(index, np.arange(len(value)))
        self._keep(f"shard-{index:05d}-{digest(pixels.getvalue())}", _packed(differences))

    def array(self, index: int) -> np.ndarray:
        """Return a shard's images: in memory, but for those kept as ``.npy``. Raises: CurationError."""
        if self._path(index).suffix == ".npy":
            return super().array(index)
        return self._rows(index, np.arange(self._starts[index + 1] - self._starts[index]))

    def _rows(self, index: int, rows: np.ndarray) -> np.ndarray:
        path = self._path(index)
        if path.suffix == ".npy":
            return super()._rows(index, rows)
        originals = self._originals(index, rows)
        try:
            with path.open("rb") as file:
                return originals + _unpacked(file, rows.tolist(), originals.shape[1:])
        except (ValueError, EOFError, OSError) as error:
            raise self._damaged(path) from error

    def _originals(self, index: int, rows: np.ndarray) -> np.ndarray:
        return self._images(self._image_rows[self._starts[index] + rows])


def _packed(images: np.ndarray) -> bytes:
    """Return a file of uint8 M×H×W×C."""
    codec = pyarrow.Codec("zstd", compression_level=1)
    frames = [codec.compress(image.tobytes(), asbytes=True) for image in images]
    sizes = np.array([(len(frame), image.nbytes) for frame, image in zip(frames, images, strict=True)], "<u4")
    table = sizes.tobytes() + _FOOT.pack(len(frames), 0, _SEEKABLE)
    return b"".join([*frames, struct.pack("<II", _SKIPPED, len(table)), table])


def _unpacked(file: BinaryIO, rows: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
    """Return some images of a file, uint8 M×H×W×C. Raises: ValueError, EOFError, OSError: it is damaged."""
    file.seek(-_FOOT.size, os.SEEK_END)
    count, flags, magic = _FOOT.unpack(file.read(_FOOT.size))
    if (flags, magic) != (0, _SEEKABLE) or max(rows, default=0) >= count:
        raise EOFError
    file.seek(-_FOOT.size - 8 * count, os.SEEK_END)
    sizes = np.frombuffer(file.read(8 * count), "<u4")[::2].tolist()
    places, codec = [0, *itertools.accumulate(sizes)], pyarrow.Codec("zstd")
    out = np.empty((len(rows), *shape), np.uint8)
    for image, row in zip(out, rows, strict=True):
        file.seek(places[row])
        frame = codec.decompress(file.read(sizes[row]), decompressed_size=image.nbytes)
        image[...] = np.frombuffer(frame, np.uint8).reshape(shape)
    return out
