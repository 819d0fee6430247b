"""The map that is looked at, opened once: where the clean samples lie on it, their clusters, which are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import streamlit as st

from curation.analysis import candidates
from curation.analysis.arrays import Array, Table
from curation.analysis.slices import Corners, Members, members, points_in_polygon
from curation.errors import CurationError
from curation.plugin import fingerprint
from curation.recipe import space_in_words
from pages.ui import panel
from pages.ui.prepared import Opened
from pages.ui.shell import Done

Layout = Literal["umap", "pca"]

STAGES = ("embed", "map")


@dataclass(frozen=True)
class Drawn:
    """The clean samples of the working recipe on a map; arrays have an entry a sample, in the samples' order.

    key: changes with places and clusters; layout: of the places; xy: float32 N×2; clusters: int32 N, negative: in none;
    pool_rows: int64 N; members: labels, entropy, what is chosen.
    """

    opened: Opened
    key: str
    layout: Layout
    xy: Array
    clusters: Array
    pool_rows: Array
    members: Members

    def __len__(self) -> int:
        return len(self.pool_rows)

    @cached_property
    def count(self) -> int:
        """Number of clusters."""
        return int(self.clusters.max(initial=-1)) + 1

    def inside(self, polygon: Corners | None) -> Array:
        """Return which samples lie in a polygon on this map, bool N; treat as read-only."""
        return _inside(f"{self.key} {polygon}", self.xy, polygon)


@st.cache_resource(max_entries=64, show_spinner=False)
def _inside(key: str, _xy: Array, _polygon: Corners | None) -> Array:
    return points_in_polygon(_xy, _polygon)


def cluster_name(opened: Opened, number: int) -> str:
    """Return what people call a cluster; a negative number is none."""
    return "No cluster" if number < 0 else opened.recipe.map.names.get(number) or f"Cluster {number}"


def say_space(opened: Opened) -> None:
    """Say by what samples are near each other, where it is not the goal model's features."""
    if opened.recipe.space is not None:
        st.caption(f":material/hub: Samples lie by {space_in_words(opened.recipe.space)}.")


def ready(opened: Opened, layout: Layout) -> bool:
    """Whether a layout is computed for the recipe's settings."""
    pipeline = opened.pipeline
    return pipeline.plan.features().complete() and pipeline.plan.map_table(layout).complete()


def open_drawn(opened: Opened, layout: Layout) -> Drawn:
    """Return the map in a layout that is ``ready``. Raises: CurationError when it is damaged."""
    shards = opened.pipeline.plan.map_table(layout)
    key = fingerprint([shards.folder.name, opened.pool_key])
    xy, clusters = _table(key, opened, layout)
    pool, rows, relabel = opened.pool, clean_rows(opened), opened.recipe.selection.edits.relabel
    known = members(opened.pipeline.samples, pool, clean=rows, selected=opened.selected.pool_rows, relabel=relabel)
    return Drawn(opened, key, layout, xy, clusters, rows, known)


def clusters_of(opened: Opened, layout: Layout) -> Array:
    """Return the samples' clusters, int32 N, negative: in none, of a layout that is ready. Raises: CurationError."""
    shards = opened.pipeline.plan.map_table(layout)
    return _table(fingerprint([shards.folder.name, opened.pool_key]), opened, layout)[1]


@st.cache_resource(max_entries=8, show_spinner=False)
def _table(key: str, _opened: Opened, layout: Layout) -> tuple[Array, Array]:
    try:
        table = _opened.pipeline.plan.map_table(layout).table(0)
    except CurationError as error:
        raise CurationError("the map is damaged on disk; run the stage “Map” on the Workspace page again") from error
    return table[["x", "y"]].to_numpy("float32"), table["cluster"].to_numpy("int32")


def clean_rows(opened: Opened) -> Array:
    """Return the pool's rows of the clean candidates, int64, one a sample in the samples' order."""
    return _clean_rows(opened.pool_key, opened.pool)


@st.cache_resource(max_entries=4, show_spinner=False)
def _clean_rows(key: str, _pool: Table) -> Array:
    return candidates.clean_rows(_pool)


def labels_of(opened: Opened) -> Array:
    """Return the samples' labels, int64 N, as the recipe has them: relabeled ones with their new class."""
    return candidates.labels_of(opened.pipeline.samples, opened.recipe.selection.edits.relabel)


def required(opened: Opened) -> Drawn:
    """Return the UMAP map, or the PCA one before it is there; where neither is, offer to compute and end the page.

    Raises: Done.
    """
    for layout in ("umap", "pca"):
        if ready(opened, layout):
            return open_drawn(opened, layout)
    missing(opened, "The map and its clusters are not computed for these settings yet.")
    raise Done


def missing(opened: Opened, why: str, *, stages: tuple[str, ...] = STAGES, words: str = "Compute the map") -> None:
    """Say what is not there yet, offer to compute it, and draw how far that is."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":orange[:material/pending:] {why}")
            panel.offer(opened.workspace, stages, words, key="map-compute", help="finished parts are reused")
        panel.job_strip(opened.workspace, done=False)
