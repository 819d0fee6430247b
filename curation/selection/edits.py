"""What a person decided by hand, found in the pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from curation.errors import CurationError, UsageError
from curation.selection.family import Family
from curation.selection.pool import parse_candidate
from curation.selection.settings import Edits


def in_family(family: Family, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rising positions of the named candidates that one family has, and bool N, which ones those are."""
    ids = np.array([parse_candidate(name).id for name in names], dtype=np.int64)
    at = np.searchsorted(family.candidate_ids, ids)
    hit = at < len(family)
    hit[hit] = family.candidate_ids[at[hit]] == ids[hit]
    return np.sort(at[hit]), hit


def find(families: dict[str, Family], names: list[str], *, where: str) -> dict[str, np.ndarray]:
    """Return, for each family, the rising positions of the named candidates.

    Raises: UsageError naming a candidate that is in no family.
    """
    found = {name: in_family(family, names) for name, family in families.items()}
    known = np.any([hit for _, hit in found.values()], axis=0)
    if not known.all():
        raise UsageError(
            f"{where}: candidate {names[int(np.argmin(known))]} is not in the pool; remove it, or add its kind and "
            "severity to the recipe's variants again"
        )
    return {name: at for name, (at, _) in found.items()}


def without(families: dict[str, Family], edits: Edits) -> dict[str, np.ndarray]:
    """Return, for each family, the rising positions of what is excluded, alone or with its whole sample.

    Raises: UsageError naming a candidate that is in no family.
    """
    excluded = find(families, edits.exclude, where="edits.exclude")
    if not edits.drop:
        return excluded
    samples = np.array(edits.drop, dtype=np.int64)
    for name, family in families.items():
        excluded[name] = np.union1d(excluded[name], dropped_of(family, samples))
    return excluded


def dropped_of(family: Family, samples: np.ndarray) -> np.ndarray:
    """Return the rising positions of some samples' variants in a family; a sample that is not there has none."""
    starts, stops = family.of_samples(np.unique(samples))
    parts = [np.arange(start, stop) for start, stop in zip(starts, stops, strict=True)]
    return np.concatenate([np.empty(0, np.int64), *parts])


def relabeled(families: dict[str, Family], edits: Edits, *, classes: int) -> dict[str, Family]:
    """Return the families with the labels that a person gave.

    Raises: UsageError for a sample that is not in the pool or a label not in [0, K); CurationError for such a label in
        the pool itself.
    """
    for name, family in families.items():
        if len(family) and not (family.labels.min() >= 0 and family.labels.max() < classes):
            low, high = family.labels.min(), family.labels.max()
            raise CurationError(
                f"{name} labels must be in [0, {classes}), got {low} … {high}; check the number of classes"
            )
    if not edits.relabel:
        return families
    samples = np.array(list(edits.relabel), dtype=np.int64)
    labels = np.array(list(edits.relabel.values()), dtype=np.int64)
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        sample, label = samples[wrong[0]], labels[wrong[0]]
        raise UsageError(f"edits.relabel: the label of sample {sample} must be in [0, {classes}), got {label}")
    known = np.zeros(len(samples), dtype=bool)
    changed = {}
    for name, family in families.items():
        new = family.labels.copy()
        starts, stops = family.of_samples(samples)
        known |= stops > starts
        for start, stop, label in zip(starts, stops, labels, strict=True):
            new[start:stop] = label
        changed[name] = replace(family, labels=new)
    if not known.all():
        raise UsageError(f"edits.relabel: sample {samples[np.argmin(known)]} is not in the pool; remove it")
    return changed
