"""Groups of samples that are the same picture, as pages, reports and the command line speak of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from curation.duplicates import groups
from curation.duplicates.repeats import in_words
from curation.pipeline.plan import Plan


@dataclass(frozen=True)
class Group:
    """Images that are the same.

    rows: int64, of the samples, rising, the kept one first; farthest: distance from it, pixels in [0, 1], or 1 − cosine
    in a space; mirrored: whether one is the same only mirrored; disagree: whether their labels differ, without those
    that were dropped.
    """

    rows: np.ndarray
    farthest: float
    mirrored: bool
    disagree: bool

    def split(self, sample_ids: np.ndarray, dropped: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows still in the set and those that were dropped. Args: sample_ids: int64, of all rows."""
        gone = np.isin(sample_ids[self.rows], list(dropped))
        return self.rows[~gone], self.rows[gone]


def described_groups(repeats: pd.DataFrame, labels: np.ndarray, *, dropped: np.ndarray | None = None) -> list[Group]:
    """Return the groups of ``near_duplicates`` or ``alike``: those whose labels differ first, then the largest.

    Args: labels: int64, of all images; dropped: int64, rows of those whose labels do not count any more: their groups
        keep their place all the same.
    """
    counts = np.ones(len(labels), bool)
    counts[dropped if dropped is not None else []] = False
    turned = repeats.get("mirrored", False)
    about = repeats.assign(mirrored=turned).groupby("row").agg({"distance": "max", "mirrored": "any"})
    made = [
        Group(
            rows,
            float(about["distance"][rows[0]]),
            bool(about["mirrored"][rows[0]]),
            len(np.unique(labels[rows[counts[rows]]])) > 1,
        )
        for rows in groups(repeats, len(labels))
    ]
    return sorted(made, key=lambda group: len(np.unique(labels[group.rows])) == 1)


def to_drop(every: Sequence[Group], left: Sequence[np.ndarray], *, disagree: bool) -> np.ndarray:
    """Return the rows to drop from all groups at once, int64.

    All but the first of groups that agree about the label, or, with ``disagree``, all of those that do not: no label of
    theirs can be trusted.

    Args: left: of each group, the rows that are still in the set.
    """
    rows = [
        mine if disagree else mine[1:] for group, mine in zip(every, left, strict=True) if group.disagree == disagree
    ]
    return np.concatenate([np.empty(0, np.int64), *rows])


TOLD = 3
"""So many pictures with several labels are named, and so many images of each."""


def contradictory(plan: Plan) -> list[Group]:
    """Return the groups of samples that are one picture under several labels, without those that were dropped.

    Raises: CurationError when repeated images were not looked for.
    """
    gone, _ = plan.samples.known(plan.recipe.selection.edits.dropped)
    groups = described_groups(plan.repeats.table(0), plan.labels, dropped=gone)
    return [replace(group, rows=np.setdiff1d(group.rows, gone)) for group in groups if group.disagree]


def told(plan: Plan) -> list[str]:
    """Return sentences on what is repeated among the samples, for people; none where nothing is.

    Raises: CurationError when it was not looked for.
    """
    words = in_words(plan.repeated)
    if not words:
        return []
    several = contradictory(plan)
    lines = [f"{words}; each picture counts once, unless selection.duplicates is all"]
    lines += [f"one picture, several labels: {_named(plan, group)}" for group in several[:TOLD]]
    if len(several) > TOLD:
        lines.append(f"… and {len(several) - TOLD:,} more such pictures; the page Labels shows all of them")
    return lines


def _named(plan: Plan, group: Group) -> str:
    """Return the images of a group and their labels, the first of each label at least."""
    labels = plan.labels[group.rows]
    first = np.unique(labels, return_index=True)[1]
    rows = group.rows[np.sort(first)][:TOLD]
    names = plan.samples.table["name"].to_numpy()
    parts = [f"{names[row]} ({plan.samples.classes[plan.labels[row]]})" for row in rows]
    more = len(group.rows) - len(rows)
    return ", ".join(parts) + (f" and {more:,} more" if more else "")
