"""The fields of the working recipe's candidates, with what is computed of its samples."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import streamlit as st

from curation.analysis.arrays import Array
from curation.analysis.image_statistics import statistics_of
from curation.analysis.query import Field
from curation.analysis.query_fields import OfSamples, fields
from curation.errors import CurationError
from curation.pipeline.stages.labels import suspects_table
from curation.storage.samples import Samples
from pages.ui.map.drawn import Layout, cluster_name, clusters_of, ready
from pages.ui.prepared import Opened


def fields_of(opened: Opened, before: Opened | None) -> dict[str, Field]:
    """Return what a query may ask of candidates, by name. Args: before: the last saved recipe's set, where known."""
    saved = None if before is None else before.selected.candidate_ids
    return fields(
        opened.pool,
        opened.pipeline.samples,
        opened.recipe,
        chosen=opened.selected.pool_rows,
        saved=saved,
        known=_of_samples(opened),
    )


def _of_samples(opened: Opened) -> OfSamples:
    samples, known = opened.pipeline.samples, dict[str, Any]()
    with suppress(CurationError):  # not computed, or damaged: the map says so
        offered: tuple[Layout, ...] = ("umap", "pca")
        layout = next((name for name in offered if ready(opened, name)), None)
        if layout is not None:
            clusters = clusters_of(opened, layout)
            names = [cluster_name(opened, number) for number in range(int(clusters.max(initial=-1)) + 1)]
            known |= {"clusters": clusters, "cluster_names": names}
    check = opened.recipe.label_errors
    if check is not None:
        with suppress(CurationError):  # not computed, or for other settings
            table = suspects_table(opened.pipeline.plan, check)
            known |= _suspects(table.folder.name, opened)
    return OfSamples(**known, statistics=lambda: _statistics(samples.digest, samples))


@st.cache_resource(max_entries=4, show_spinner=False)
def _suspects(key: str, _opened: Opened) -> dict[str, Array]:
    assert _opened.recipe.label_errors is not None
    table = suspects_table(_opened.pipeline.plan, _opened.recipe.label_errors).table(0).sort_values("row")
    return {"suspicion": table["combined"].to_numpy(), "suggested": table["suggested"].to_numpy()}


@st.cache_resource(max_entries=4, show_spinner="Looking at every image …")
def _statistics(key: str, _samples: Samples) -> Mapping[str, Array]:
    return statistics_of(_samples)
