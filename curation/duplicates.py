"""Images that a set holds more than once, exactly or nearly so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curation.evaluation.leakage import VALUES, Images, candidates, coarse, compared

OnProgress = Callable[[int, int], object]
"""Is told how many comparisons are done, of how many; may raise to stop."""


def near_duplicates(
    images: Images, *, device: str = "cpu", on_progress: OnProgress = lambda done, total: None
) -> pd.DataFrame:
    """Find the pairs of images that are the same, exactly or nearly, as ``evaluation.leakage.duplicates`` means it.

    Given originals alone, as the clean images of a set, no image is compared with its own variants. Of more than 64
    after an image that are the same, the nearest 64 are paired with it, so that they still hang together.

    Args: images: uint8 N×H×W×C.
    Returns: row and other (int64, row < other), distance (float64, pixels in [0, 1], 0 for copies), mirrored (bool,
        whether one is the other's mirror image), by row and distance.
    """
    theirs = coarse(images, mirror=False).to(device)
    count, done = len(images), 0
    found = [np.empty((0, 4))]
    on_progress(0, 2 * count)
    for mirror in (False, True):
        mine = coarse(images, mirror=True).to(device) if mirror else theirs
        start = 0
        while start < count:
            # Only with those after it: what is left to compare with shrinks, so more are taken at once.
            stop = min(count, start + max(1, VALUES // (count - start)))
            rows, columns = candidates(mine[start:stop], theirs[start:], later=True)
            for part in compared(images, images, rows + start, columns + start, mirror=mirror):
                found.append(np.column_stack([part, np.full(len(part), mirror)]))
            done, start = done + stop - start, stop
            on_progress(done, 2 * count)
    table = pd.DataFrame(np.concatenate(found), columns=["row", "other", "distance", "mirrored"])
    table = table.sort_values(["row", "distance", "other", "mirrored"]).drop_duplicates(["row", "other"])
    kinds = {"row": np.int64, "other": np.int64, "mirrored": bool}
    return table.astype(kinds).reset_index(drop=True)


def groups(pairs: pd.DataFrame, count: int) -> list[np.ndarray]:
    """Return which of ``count`` images hang together by pairs, int64, rising: the largest group first."""
    ones = np.ones(len(pairs), bool)
    _, of = connected_components(coo_array((ones, (pairs["row"], pairs["other"])), shape=(count, count)))
    sizes = np.bincount(of, minlength=1)
    members = np.flatnonzero(sizes[of] > 1)
    members = members[np.argsort(of[members], kind="stable")]
    found = np.split(members, np.flatnonzero(np.diff(of[members])) + 1) if len(members) else []
    return sorted(found, key=lambda group: (-len(group), int(group[0])))
