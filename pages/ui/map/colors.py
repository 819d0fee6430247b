"""What the points of the map can be colored by: whatever the pool, the clusters and the search for labels tell."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from curation.errors import CurationError
from curation.figures.curation import FAMILY_WORDS
from curation.pipeline.stages.labels import suspects_table
from curation.scores import SCORES
from pages.ui.components import Column
from pages.ui.map.drawn import Drawn, cluster_name

HOVER = ("label", "prediction", "entropy", "cluster")
"""What is read when a point is hovered."""

_TOLD_OTHERWISE = ("candidate_id", "sample_id", "family", "kind", "severity", "label", "entropy")


def columns(drawn: Drawn, at: np.ndarray) -> list[Column]:
    """Return every column that the map's menu offers, an entry for each of some samples, int64."""
    every = _columns(drawn)
    return every if len(at) == len(drawn) else [replace(column, values=np.take(column.values, at)) for column in every]


def _columns(drawn: Drawn) -> list[Column]:
    opened = drawn.opened
    samples, count = opened.pipeline.samples, drawn.count
    names = [cluster_name(opened, number) for number in range(count)]
    edits = opened.recipe.selection.edits
    return [
        Column("label", "Label", drawn.labels, "category", samples.classes),
        Column("entropy", "Entropy", drawn.entropy, unit="%"),
        *([Column("cluster", "Cluster", drawn.clusters, "category", names, missing="in no cluster")] if count else []),
        *_of_pool(opened.pool_key, drawn),
        Column("images", "Images of it in the set", drawn.images.astype(float)),
        *_of_labels(drawn),
        *([Column("dropped", "Dropped", np.isin(samples.sample_ids, edits.drop), "flag")] if edits.drop else []),
    ]


@st.cache_resource(max_entries=4, show_spinner=False)
def _of_pool(key: str, _drawn: Drawn) -> list[Column]:
    """Return what the pool says of the clean candidates, and of the copies of each."""
    pool, samples = _drawn.opened.pool, _drawn.opened.pipeline.samples
    clean = pool.iloc[_drawn.rows]
    found = []
    for name in pool.columns.drop([name for name in _TOLD_OTHERWISE if name in pool]):
        values = clean[name].to_numpy()
        if (values == values[:1]).all():
            continue  # such as the size of the change, which clean images do not have
        title = SCORES[name].title if name in SCORES else _TITLES.get(name, name.replace("_", " ").capitalize())
        is_class = name == "prediction"
        found.append(Column(name, title, values, *(("category", samples.classes) if is_class else ())))
    right = clean["prediction"].to_numpy() == samples.labels
    found.append(Column("right", "Seen as labeled", right, "flag", ["no", "yes"]))
    for family in list(FAMILY_WORDS)[1:]:
        found += _of_copies(pool[pool["family"] == family], family, _drawn)
    return found


_TITLES = {"prediction": "Prediction", "true_probability": "Probability of its label"}


def _of_copies(copies: pd.DataFrame, family: str, drawn: Drawn) -> list[Column]:
    """Return the mean entropy of each sample's copies of a family, and the share of them that is seen wrongly."""
    if not len(copies):
        return []
    samples, word = drawn.opened.pipeline.samples, FAMILY_WORDS[family].lower()
    rows = samples.rows(copies["sample_id"].to_numpy())
    number = np.bincount(rows, minlength=len(drawn))
    most = np.log(len(samples.classes))
    wrong = copies["prediction"].to_numpy() != copies["label"].to_numpy()
    told = {
        "entropy": (f"Entropy of its {word} copies", copies["entropy"].to_numpy() / most),
        "wrong": (f"{FAMILY_WORDS[family]} copies seen wrongly", wrong),
    }
    found = []
    for name, (title, values) in told.items():
        with np.errstate(invalid="ignore"):
            mean = np.bincount(rows, values, len(drawn)) / number
        found.append(Column(f"{family}_{name}", title, mean, unit="%", missing="no copies"))
    return found


def _of_labels(drawn: Drawn) -> list[Column]:
    """Return how suspicious each label is, where they were checked, and which are wrong, where noise was put in."""
    recipe, pipeline = drawn.opened.recipe, drawn.opened.pipeline
    found = []
    if recipe.label_check is not None:
        with suppress(CurationError):  # not computed, or for other settings
            found += _suspicion(suspects_table(pipeline.plan, recipe.label_check).folder.name, drawn)
    wrong = pipeline.samples.truly_wrong
    if wrong is not None:
        found.append(Column("noise", "Label made wrong", wrong, "flag", ["no", "yes"]))
    return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _suspicion(key: str, _drawn: Drawn) -> list[Column]:
    recipe, pipeline = _drawn.opened.recipe, _drawn.opened.pipeline
    assert recipe.label_check is not None
    table = suspects_table(pipeline.plan, recipe.label_check).table(0).sort_values("row")
    classes = pipeline.samples.classes
    return [
        Column("suspicion", "Suspicion of its label", table["combined"].to_numpy(np.float32)),
        Column("suggested", "Looks like", table["suggested"].to_numpy(np.int32), "category", classes),
    ]
