"""Test images that are also training images of the source: found once, and excluded from P."""

from __future__ import annotations

import numpy as np

from curation.duplicates import NEAR, duplicates
from curation.errors import CurationError
from curation.plugin import fingerprint
from curation.storage.samples import Samples
from curation.storage.shards import Rows
from curation.storage.workspace import Workspace

MOST = 0.02
"""Share of the test images that may be training images: some data sets repeat a few (CIFAR-10 10, FashionMNIST 20 of
10,000), which are left out; more than that is a mistake, and refused."""

FEW = 3
"""So many may be, whatever their share."""

LeftOut = list[dict[str, float]]
"""One entry a test image: its sample id, the nearest training sample's, their distance, and whether it has another
label there."""


def make_left_out(workspace: Workspace, test: Samples, train: Samples, *, labels: np.ndarray, device: str) -> None:
    """Look for test images among all training samples (see ``duplicates``), unless that was done before.

    Args: labels: of the test images, int64 N, among the training classes.
    """
    key = _key(test, train)
    if workspace.suite(key) is None:
        images, others = (Rows(samples.pixels, samples.starts) for samples in (test, train))
        found = duplicates(images, others, labels=(labels, train.labels), device=device)
        rows = [
            {
                "test": int(test.sample_ids[row]),
                "training": int(train.sample_ids[other]),
                "distance": round(float(distance), 5),
                "other_label": bool(labels[row] != train.labels[other]),
            }
            for row, other, distance, _ in found.itertuples(index=False)
        ]
        workspace.write_suite(key, {"left_out": rows})


def find_left_out(workspace: Workspace, test: Samples, train: Samples) -> LeftOut:
    """Return what was found. Raises: CurationError when it was not looked for yet."""
    found = workspace.suite(_key(test, train))
    if found is None:
        raise CurationError("the test images are not yet compared with the training images; build the test suite first")
    rows: LeftOut = found["left_out"]
    if len(rows) > max(FEW, MOST * len(test)):
        first = ", ".join(f"test image {int(row['test'])} ↔ sample {int(row['training'])}" for row in rows[:3])
        raise CurationError(
            f"{len(rows):,} of the {len(test):,} test images are also training images, exactly or nearly: {first} …; a "
            "result on images trained on says nothing: take other test images, or take these out of the source"
        )
    return rows


def ids_of(left_out: LeftOut) -> np.ndarray:
    """Return the test images' sample ids, int64."""
    return np.array([entry["test"] for entry in left_out], dtype=np.int64)


def _key(test: Samples, train: Samples) -> str:
    return fingerprint(["left out", 2, NEAR, test.digest, train.digest])
