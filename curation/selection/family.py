"""One family's part of the pool, by ascending candidate_id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.errors import CurationError
from curation.scores import SCORES
from curation.selection.pool import CODE_BITS, candidate_name

NEVER = np.uint32(2**32 - 1)
"""In a column of the pool that a selector follows: this candidate is not offered."""


@dataclass(frozen=True)
class Family:
    """name: its family; pool_rows: int64 N, positions in the pool; candidate_ids: int64 N, rising; hardness: float32 N,
    large is hard, finite; labels: integer N in [0, K); given_order: uint32 N, the order in the pool that the selector
    follows, ``NEVER`` for what it leaves out; None: it follows none; same_as: int64 N, the id of the first sample that
    is the same picture, None: it was not looked for. Arrays may be views of the pool: never write to them."""

    name: str
    pool_rows: np.ndarray
    candidate_ids: np.ndarray
    hardness: np.ndarray
    labels: np.ndarray
    given_order: np.ndarray | None = None
    same_as: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.pool_rows)

    def of_samples(self, sample_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the variants of each sample start and stop in this family; equal where it has none."""
        sample_ids = np.asarray(sample_ids, dtype=np.int64)
        starts = np.searchsorted(self.candidate_ids, sample_ids << CODE_BITS)
        return starts, np.searchsorted(self.candidate_ids, (sample_ids + 1) << CODE_BITS)


def family_of(pool: pd.DataFrame, name: str, score: str, *, follows: str | None = None) -> Family:
    """Return one family of a pool whose rows lie in any order.

    Args: follows: a column, uint32, for ``given_order``; None: none.
    Raises: CurationError for a missing column, a score that is not a finite number, or a candidate that is there twice.
    """
    for column in ("candidate_id", "family", "label", score):
        if column not in pool:
            raise CurationError(f"the pool has no column {column!r}; build it again with `build_pool`")
    if follows is not None and follows not in pool:
        raise CurationError(
            f"strategy {follows} needs an order that is not computed yet; run the stage {follows} first"
        )
    given = None if follows is None else pool[follows].to_numpy()
    rows = np.flatnonzero(_is(pool["family"], name))
    if not len(rows):
        return Family(name, rows, rows, np.empty(0, np.float32), rows, None if given is None else given[rows])
    whole: slice | np.ndarray = slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] + 1 == len(rows) else rows
    candidate_ids = pool["candidate_id"].to_numpy()[whole]
    if not (candidate_ids[1:] > candidate_ids[:-1]).all():
        order = np.argsort(candidate_ids)
        whole = rows = rows[order]
        candidate_ids = candidate_ids[order]
        twice = np.flatnonzero(candidate_ids[1:] == candidate_ids[:-1])
        if len(twice):
            raise CurationError(f"candidate {_name(pool, rows[twice[0]])} is in the pool twice; build the pool again")
    hardness = SCORES[score].hardness(pool[score].to_numpy()[whole]).astype(np.float32, copy=False)
    if not np.isfinite(hardness).all():
        broken = np.flatnonzero(~np.isfinite(hardness))
        raise CurationError(
            f"the {score} of candidate {_name(pool, rows[broken[0]])} is not a finite number ({len(broken):,} such "
            "candidates); the goal model's output is broken: check its weights, then score again"
        )
    labels = pool["label"].to_numpy()[whole]
    same_as = pool["same_as"].to_numpy()[whole] if "same_as" in pool else None
    return Family(name, rows, candidate_ids, hardness, labels, None if given is None else given[whole], same_as)


def _is(column: pd.Series, name: str) -> np.ndarray:
    if isinstance(column.dtype, pd.CategoricalDtype):
        known = list(column.cat.categories)
        code = known.index(name) if name in known else -2
        return np.asarray(column.array.codes == code)
    return (column == name).to_numpy()


def _name(pool: pd.DataFrame, row: int) -> str:
    it = pool.iloc[int(row)]
    return candidate_name(int(it["candidate_id"]) >> CODE_BITS, str(it["kind"]), int(it["severity"]))
