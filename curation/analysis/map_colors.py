"""What the points of a map can be colored by: what the pool and the search for wrong labels say of each sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from curation.analysis.map_columns import Column
from curation.figures.curation import FAMILY_WORDS
from curation.scores import SCORES
from curation.storage.samples import Samples

_SHOWN_OTHERWISE = ("candidate_id", "sample_id", "same_as", "family", "kind", "severity", "label", "entropy")
_TITLES = {"prediction": "Prediction", "true_probability": "Probability of the source's label"}


def of_some(columns: Sequence[Column], at: np.ndarray) -> list[Column]:
    """Return columns for some of the samples only; at: int64, their positions."""
    return [replace(column, values=np.take(column.values, at)) for column in columns]


def of_pool(pool: pd.DataFrame, clean_rows: np.ndarray, samples: Samples, *, labels: np.ndarray) -> list[Column]:
    """Return what the pool says of the clean candidates, and of the copies of each.

    Args: clean_rows: int64 N, the pool's rows of the clean candidates, in the samples' order;
        labels: int64 N, of the samples, as a person has them.
    """
    clean = pool.iloc[clean_rows]
    found = []
    for name in pool.columns.drop([name for name in _SHOWN_OTHERWISE if name in pool]):
        values = clean[name].to_numpy()
        if (values == values[:1]).all():
            continue  # such as the size of the change, which clean images do not have
        title = SCORES[name].title if name in SCORES else _TITLES.get(name, name.replace("_", " ").capitalize())
        is_class = name == "prediction"
        found.append(Column(name, title, values, *(("category", samples.classes) if is_class else ())))
    right = clean["prediction"].to_numpy() == labels
    found.append(Column("right", "Predicted correctly", right, "flag", ["no", "yes"]))
    for family in list(FAMILY_WORDS)[1:]:
        found += _of_copies(pool[pool["family"] == family], family, samples, labels)
    return found


def _of_copies(copies: pd.DataFrame, family: str, samples: Samples, labels: np.ndarray) -> list[Column]:
    """Return the mean entropy of each sample's copies of a family, and the share of them that is misclassified."""
    if not len(copies):
        return []
    word = FAMILY_WORDS[family].lower()
    rows = samples.rows(copies["sample_id"].to_numpy())
    number = np.bincount(rows, minlength=len(samples))
    most = np.log(len(samples.classes))
    wrong = copies["prediction"].to_numpy() != labels[rows]
    shown = {
        "entropy": (f"Entropy of its {word} copies", copies["entropy"].to_numpy() / most),
        "wrong": (f"{FAMILY_WORDS[family]} copies misclassified", wrong),
    }
    found = []
    for name, (title, values) in shown.items():
        with np.errstate(invalid="ignore"):
            mean = np.bincount(rows, values, len(samples)) / number
        found.append(Column(f"{family}_{name}", title, mean, unit="%", missing="no copies"))
    return found


def of_label_errors(suspects: pd.DataFrame, classes: Sequence[str]) -> list[Column]:
    """Return how suspicious each label is and what else it may be. Args: suspects: row, combined, suggested."""
    table = suspects.sort_values("row")
    return [
        Column("suspicion", "Suspicion of its label", table["combined"].to_numpy(np.float32)),
        Column("suggested", "Suggested label", table["suggested"].to_numpy(np.int32), "category", classes),
    ]


def of_decisions(samples: Samples, dropped: Sequence[int]) -> list[Column]:
    """Return which labels were made wrong, where noise was put in, and which samples were dropped, where some were."""
    found = []
    if samples.truly_wrong is not None:
        found.append(Column("noise", "Label made wrong", samples.truly_wrong, "flag", ["no", "yes"]))
    if dropped:
        found.append(Column("dropped", "Dropped", np.isin(samples.sample_ids, dropped), "flag"))
    return found
