"""Test images in a training set, exact or near duplicates: found before they can bias a result."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.duplicates import duplicates
from curation.duplicates.near import Images
from curation.errors import CurationError, some_of
from curation.evaluation.part import Suite
from curation.storage.files import digest
from curation.storage.samples import Samples

_TOGETHER = 256


class _Read:
    """Images behind a function from positions to pixels."""

    def __init__(self, read: Callable[[np.ndarray], np.ndarray], count: int, shape: tuple[int, int, int]) -> None:
        self._read = read
        self.shape: tuple[int, ...] = (count, *shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return self._read(np.arange(len(self))[rows] if isinstance(rows, slice) else rows)


def guard(
    samples: Samples,
    sample_ids: np.ndarray,
    suite: Suite,
    *,
    images: Images | None = None,
    device: str = "cpu",
) -> None:
    """Refuse a training set that holds a test image.

    Compared are the originals of the set's samples with the clean images of P (see ``duplicates``), and the set's own
    images with all of P, byte by byte. That a variant resembles its own original is no finding.

    Args: samples: of the source; sample_ids: int64 N, of which the set is made; images: uint8 N×H×W×C, the set itself.
    Raises: CurationError that says how many, and the first of them.
    """
    ids = np.unique(np.asarray(sample_ids, dtype=np.int64))
    rows = samples.rows(ids)
    originals = _Read(lambda positions: samples.images(rows[positions]), len(ids), samples.shape)
    pairs: dict[int, tuple[int, str]] = {}
    for part in suite.parts:
        if part.part == "clean":
            tests = _Read(part.images, len(part), suite.shape)
            near = duplicates(originals, tests, labels=(samples.labels[rows], part.labels), device=device)
            pairs |= {
                int(ids[row]): (
                    int(part.sample_ids[other]),
                    "mirrored" if mirrored else "near" if distance else "exact",
                )
                for row, other, distance, mirrored in near.itertuples(index=False)
            }
    if images is not None:
        pairs |= _identical(images, np.asarray(sample_ids), suite)
    if pairs:
        first = some_of([f"sample {mine} ↔ test image {test} ({how})" for mine, (test, how) in pairs.items()])
        raise CurationError(
            f"the training set holds {len(pairs):,} test image{'s' * (len(pairs) > 1)}, exact or near: {first}; "
            "drop these samples (selection.edits.drop) or remove the test images from P: a result on images trained on "
            "says nothing"
        )


def _identical(images: Images, sample_ids: np.ndarray, suite: Suite) -> dict[int, tuple[int, str]]:
    mine: dict[str, int] = {}
    for start in range(0, len(images), _TOGETHER):
        for image, sample_id in zip(
            images[start : start + _TOGETHER], sample_ids[start : start + _TOGETHER], strict=True
        ):
            mine[digest(image.tobytes())] = int(sample_id)
    found = {}
    for part in suite.parts:
        for start in range(0, len(part), _TOGETHER):
            positions = np.arange(start, min(start + _TOGETHER, len(part)))
            for image, test in zip(part.images(positions), part.sample_ids[positions], strict=True):
                sample_id = mine.get(digest(image.tobytes()))
                if sample_id is not None:
                    found[sample_id] = (int(test), "exact")
    return found
