"""What a person decided by hand, found in the pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from curation.errors import CurationError, UsageError
from curation.selection.family import Family, family_of
from curation.selection.pool import CODE_BITS, FAMILIES, parse_candidate
from curation.selection.settings import Edits, Selection


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


def without(families: dict[str, Family], settings: Selection) -> dict[str, np.ndarray]:
    """Return, for each family, the rising positions of what is no candidate; see ``left_out``.

    Raises: UsageError naming an excluded candidate that is in no family.
    """
    find(families, settings.edits.exclude, where="edits.exclude")
    return {name: left_out(family, settings) for name, family in families.items()}


def offered(pool: pd.DataFrame, settings: Selection) -> np.ndarray:
    """Return the rows of a pool that are candidates, int64, rising; see ``left_out``."""
    families = [family_of(pool, name, settings.score) for name in FAMILIES]
    return np.sort(np.concatenate([np.delete(family.pool_rows, left_out(family, settings)) for family in families]))


def left_out(family: Family, settings: Selection) -> np.ndarray:
    """Return the rising positions of what is no candidate of a family.

    That is what a person excluded, alone or with its whole sample, and, unless they count, what repeats another.
    """
    by_hand = gone(family, settings)
    if settings.duplicates != "once":
        return by_hand
    out = np.zeros(len(family), dtype=bool)
    out[by_hand] = True
    out[repeats_of(family, by_hand, settings.edits)] = True
    return np.flatnonzero(out)


def gone(family: Family, settings: Selection) -> np.ndarray:
    """Return the rising positions of what a person excluded, alone or with its whole sample."""
    excluded, _ = in_family(family, settings.edits.exclude)
    return np.union1d(excluded, dropped_of(family, np.array(settings.edits.dropped, dtype=np.int64)))


def repeats_of(family: Family, excluded: np.ndarray, edits: Edits) -> np.ndarray:
    """Return the positions, int64, of candidates of which the same picture, of another sample, counts instead.

    Of samples that are the same picture one counts: one that a person forced in before others, then one whose label a
    person gave or confirmed, then the first. What is forced in counts in any case. Args: excluded: positions of those
    that a person took out.
    """
    if family.same_as is None:
        return np.empty(0, np.int64)
    samples = family.candidate_ids >> CODE_BITS
    repeating = family.same_as != samples
    if not repeating.any():
        return np.empty(0, np.int64)
    of_several = np.isin(family.same_as, family.same_as[repeating])
    of_several[excluded] = False
    at = np.flatnonzero(of_several)
    mine, picture = samples[at], family.same_as[at]
    forced = [parse_candidate(name) for name in edits.include]
    by_hand = np.isin(mine, [candidate.sample_id for candidate in forced])
    decided = np.isin(mine, [*edits.relabel, *edits.confirmed])
    order = np.lexsort((mine, ~decided, ~by_hand, picture))
    starts = np.diff(picture[order], prepend=-1) != 0
    counts = np.empty(len(at), np.int64)
    counts[order] = mine[order][starts][np.cumsum(starts) - 1]
    stays = (mine == counts) | np.isin(family.candidate_ids[at], [candidate.id for candidate in forced])
    return at[~stays]


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
