"""Test images that are also training images of the source: found once, and left out of P for good."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from curation.errors import CurationError
from curation.evaluation.leakage import NEAR, duplicates
from curation.plugin import fingerprint
from curation.storage import Rows, read_json, write_json
from curation.workspace import Samples, Workspace

LeftOut = list[dict[str, float]]
"""One entry a test image: its sample id, the nearest training sample's, and their distance."""


def make_left_out(workspace: Workspace, test: Samples, train: Samples, *, device: str) -> None:
    """Look for test images among all training samples (see ``leakage.duplicates``), unless that was done before."""
    path = suites_folder(workspace) / f"{_key(test, train)}.json"
    if read_json(path) is None:
        images, others = (Rows(samples.pixels, samples.starts) for samples in (test, train))
        found = duplicates(images, others, device=device)
        ids = zip(test.sample_ids[found["row"]], train.sample_ids[found["other"]], found["distance"], strict=True)
        write_json(path, [{"test": int(a), "training": int(b), "distance": round(float(c), 5)} for a, b, c in ids])


def find_left_out(workspace: Workspace, test: Samples, train: Samples) -> LeftOut:
    """Return what was found. Raises: CurationError when it was not looked for yet."""
    found: LeftOut | None = read_json(suites_folder(workspace) / f"{_key(test, train)}.json")
    if found is None:
        raise CurationError("the test images are not yet compared with the training images; build P first")
    return found


def ids_of(left_out: LeftOut) -> np.ndarray:
    """Return the test images' sample ids, int64."""
    return np.array([entry["test"] for entry in left_out], dtype=np.int64)


def suites_folder(workspace: Workspace) -> Path:
    """Return where a workspace keeps what is known of test suites."""
    return workspace.root / "suites"


def inner_workspace(workspace: Workspace, key: str) -> Workspace:
    """Return the workspace of test images that are of another source than the training images."""
    return Workspace(suites_folder(workspace) / key)


def _key(test: Samples, train: Samples) -> str:
    return fingerprint(["left out", NEAR, test.digest, train.digest])
