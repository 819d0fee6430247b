"""Images that are alike in a space: the first of each kind is kept, later ones near it are like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from curation.embedding.neighbors import within_radius
from curation.errors import CurationError


def alike(
    points: np.ndarray,
    *,
    similarity: float,
    device: str | torch.device = "cpu",
    on_progress: Callable[[int, int], object] = lambda done, total: None,
) -> pd.DataFrame:
    """Find the points that are like an earlier one: their cosine similarity is at least so much.

    From the first to the last, a point that is like none that is kept is kept, and all later ones like it belong to it,
    and to no other: no two that are kept are alike, and nothing hangs together by a chain.

    Args: points: float32 N×D; similarity: in (0, 1).
    Returns: row (the one that is kept) and other (int64, row < other), distance (float64, 1 − cosine), by row and
        other; each point is ``other`` at most once.
    Raises: CurationError: a similarity out of range, or so low that too many pairs are alike; as ``within_radius``.
    Source: the threshold on cosine similarity is that of Abbas et al. 2023, "SemDeDup: Data-efficient learning at
        web-scale through semantic deduplication", there inside clusters; here every pair is compared.
    """
    if not 0 < similarity < 1:
        raise CurationError(f"the similarity from which images are alike must be between 0 and 1, got {similarity}")
    near = within_radius(points, radius=1 - similarity, metric="cosine", device=device, on_progress=on_progress)
    keeper = np.arange(len(points))
    for row in np.flatnonzero(np.diff(near.indptr) > 1):
        if keeper[row] == row:
            others = near.indices[near.indptr[row] : near.indptr[row + 1]]
            others = others[(others > row) & (keeper[others] == others)]
            keeper[others] = row
    others = np.flatnonzero(keeper != np.arange(len(points)))
    rows = keeper[others]
    lengths = np.linalg.norm(points, axis=1).astype(np.float64)
    products = np.einsum("nd,nd->n", points[rows], points[others], dtype=np.float64)
    distance = (1 - products / (lengths[rows] * lengths[others])).clip(min=0)
    return pd.DataFrame({"row": rows, "other": others, "distance": distance}).sort_values(
        ["row", "other"], ignore_index=True
    )
