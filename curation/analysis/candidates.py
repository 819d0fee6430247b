"""Rows of the pool as people speak of them: names, decisions about them, what a gallery shows of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.selection.pool import candidate_name, variant_name
from curation.selection.settings import Edits
from curation.storage.samples import Samples


@dataclass(frozen=True)
class Described:
    """What a gallery shows of some candidates, an entry each; fields are named as the gallery's parameters.

    ids: int64 M, candidate ids; labels, predictions: int64 M, classes; entropy_shares: float64 M, in [0, 1], of ln K;
    families, notes (kind and severity, nothing for clean images), names (as in recipes): M words.
    """

    ids: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    entropy_shares: np.ndarray
    families: list[str]
    notes: list[str]
    names: list[str]


def described(
    pool: pd.DataFrame, rows: np.ndarray, *, class_count: int, relabel: Mapping[int, int] | None = None
) -> Described:
    """Return what a gallery shows of some rows of the pool; relabel: new classes by sample id."""
    picked, relabeled = pool.iloc[rows], relabel or {}
    sample_ids, given = picked["sample_id"].to_numpy(), picked["label"].to_numpy()
    labels = [relabeled.get(int(sample), int(label)) for sample, label in zip(sample_ids, given, strict=True)]
    return Described(
        picked["candidate_id"].to_numpy(),
        np.array(labels, np.int64),
        picked["prediction"].to_numpy(),
        picked["entropy"].to_numpy() / np.log(class_count),
        [str(family) for family in picked["family"]],
        notes(picked["kind"].astype(str), picked["severity"]),
        names(pool, rows),
    )


def notes(kinds: Iterable[str], severities: Iterable[int]) -> list[str]:
    """Return kind (its first word, which tells them apart) and severity; nothing for clean images."""
    return [
        "" if kind == "clean" else f"{kind.split('_')[0]}{f' {severity}' if severity else ''}"
        for kind, severity in zip(kinds, severities, strict=True)
    ]


def names(pool: pd.DataFrame, rows: np.ndarray) -> list[str]:
    """Return the names, as in recipes, of some rows of the pool."""
    picked = pool.iloc[rows]
    return [
        candidate_name(int(sample_id), str(kind), int(severity))
        for sample_id, kind, severity in zip(picked["sample_id"], picked["kind"], picked["severity"], strict=True)
    ]


def states(pool: pd.DataFrame, rows: np.ndarray, edits: Edits) -> list[str]:
    """Return ``included``, ``excluded``, ``relabeled`` or nothing for some rows of the pool."""
    included, excluded, relabeled = set(edits.include), set(edits.exclude), {int(key) for key in edits.relabel}
    gone = set(edits.dropped)
    found = []
    for name, sample_id in zip(names(pool, rows), pool["sample_id"].to_numpy()[rows], strict=True):
        decided = "included" if name in included else "excluded" if name in excluded or int(sample_id) in gone else ""
        found.append(decided or ("relabeled" if int(sample_id) in relabeled else ""))
    return found


def row_of(pool: pd.DataFrame, candidate_id: int | None) -> int | None:
    """Return the row of a candidate id, or None where it is None or not in the pool."""
    if candidate_id is None:
        return None
    found = np.flatnonzero(pool["candidate_id"].to_numpy() == candidate_id)
    return int(found[0]) if len(found) else None


def rows_of_sample(pool: pd.DataFrame, sample_id: int) -> np.ndarray:
    """Return the rows of a sample's candidates, int64, rising."""
    return np.flatnonzero(pool["sample_id"].to_numpy() == sample_id)


def variants_of_sample(pool: pd.DataFrame, sample_id: int) -> dict[str, int]:
    """Return the rows of a sample's candidates by the variant's name, such as ``clean`` or ``fog/3``."""
    rows = rows_of_sample(pool, sample_id)
    mine = pool.iloc[rows]
    kinds = [variant_name(str(kind), int(step)) for kind, step in zip(mine["kind"], mine["severity"], strict=True)]
    return dict(zip(kinds, rows.tolist(), strict=True))


def relatives(pool: pd.DataFrame, row: int, *, most: int) -> np.ndarray:
    """Return the rows of the other candidates of a row's sample, the most uncertain first, int64, at most ``most``."""
    rows = rows_of_sample(pool, int(pool["sample_id"].iloc[row]))
    rows = rows[rows != row]
    return rows[np.argsort(-pool["entropy"].to_numpy()[rows], kind="stable")][:most]


def clean_rows(pool: pd.DataFrame) -> np.ndarray:
    """Return the rows of the clean candidates, int64, one a sample in the samples' order."""
    return np.flatnonzero((pool["family"] == "clean").to_numpy())


def labels_of(samples: Samples, relabel: Mapping[int, int]) -> np.ndarray:
    """Return the samples' labels, int64 N; relabel: new classes by sample id."""
    return samples.labels_with(relabel)


def most_probable(probabilities: np.ndarray, number: int) -> list[tuple[int, float]]:
    """Return the classes of highest probability and these probabilities, from K probabilities."""
    return [(int(index), float(probabilities[index])) for index in np.argsort(-probabilities)[:number]]


def hardest_first(entropy: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return positions, int64, ordered by falling entropy; equal ones keep their order."""
    return at[np.argsort(-entropy[at], kind="stable")]


def class_counts(labels: np.ndarray, class_count: int) -> np.ndarray:
    """Return how many samples each of K classes has, int64 K. Args: labels: int64 N."""
    return np.bincount(labels, minlength=class_count)


def just(row: int) -> np.ndarray:
    """Return one row or id as an array, int64."""
    return np.array([row], np.int64)
