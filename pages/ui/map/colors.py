"""What the points of the map can be colored by: columns of the pool, clusters, decisions and the label check."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from curation.analysis import map_colors
from curation.analysis.arrays import Array
from curation.analysis.map_columns import Column
from curation.errors import CurationError
from curation.pipeline.stages.labels import suspects_table
from curation.plugin import fingerprint
from pages.ui.map.drawn import Drawn, cluster_name

HOVER = ("label", "prediction", "entropy", "cluster")
"""What is read when a point is hovered."""


def columns(drawn: Drawn, at: Array) -> list[Column]:
    """Return every column that the map's menu offers, an entry for each of some samples, int64."""
    every = _columns(drawn)
    return every if len(at) == len(drawn) else map_colors.of_some(every, at)


def _columns(drawn: Drawn) -> list[Column]:
    opened = drawn.opened
    samples, count = opened.pipeline.samples, drawn.count
    names = [cluster_name(opened, number) for number in range(count)]
    edits = opened.recipe.selection.edits
    return [
        Column("label", "Label", drawn.members.labels, "category", samples.classes),
        Column("entropy", "Entropy", drawn.members.entropy, unit="%"),
        *([Column("cluster", "Cluster", drawn.clusters, "category", names, missing="no cluster")] if count else []),
        *_of_pool(fingerprint([opened.pool_key, sorted(edits.relabel.items())]), drawn),
        Column("images", "Images of it in the set", drawn.members.images.astype(float)),
        *_of_label_errors(drawn),
        *map_colors.of_decisions(samples, edits.dropped),
    ]


@st.cache_resource(max_entries=4, show_spinner=False)
def _of_pool(key: str, _drawn: Drawn) -> list[Column]:
    opened = _drawn.opened
    return map_colors.of_pool(opened.pool, _drawn.pool_rows, opened.pipeline.samples, labels=_drawn.members.labels)


def _of_label_errors(drawn: Drawn) -> list[Column]:
    """Return how suspicious each label is, where the labels were checked with the recipe's settings."""
    recipe, pipeline = drawn.opened.recipe, drawn.opened.pipeline
    if recipe.label_errors is not None:
        with suppress(CurationError):  # not computed, or for other settings
            return _suspicion(suspects_table(pipeline.plan, recipe.label_errors).folder.name, drawn)
    return []


@st.cache_resource(max_entries=4, show_spinner=False)
def _suspicion(key: str, _drawn: Drawn) -> list[Column]:
    recipe, pipeline = _drawn.opened.recipe, _drawn.opened.pipeline
    assert recipe.label_errors is not None
    return map_colors.of_label_errors(
        suspects_table(pipeline.plan, recipe.label_errors).table(0), pipeline.samples.classes
    )
