"""The clean samples as the goal model sees them: a map to colour, to lasso, and to curate from."""

from typing import Literal

import numpy as np
import streamlit as st

from curation.errors import CurationError
from pages.ui import edits, panel, state, thumbnails
from pages.ui.browse import browse
from pages.ui.components import Column, embedding_map, points_in_polygon
from pages.ui.opened import empty, open_selection

opened = open_selection()
pipeline, samples = opened.pipeline, opened.pipeline.samples


@st.cache_resource(max_entries=8, show_spinner=False)
def layout(key: str) -> tuple[np.ndarray, np.ndarray]:
    table = shards.table(0)
    return table[["x", "y"]].to_numpy(), table["cluster"].to_numpy()


found = opened.workspace
status = {s.stage: s.state for s in pipeline.status()}
if status["embed"] != "done":
    empty("No map yet", "Run the stage “Features and clusters” on the Workspace page.")
ready = status["map"] == "done"
with st.container(horizontal=True, vertical_alignment="bottom"):
    asked = st.segmented_control(
        "Layout",
        ["umap", "pca"],
        format_func=str.upper,
        default="umap",
        key="layout",
        bind="query-params",
        required=True,
    )
method: Literal["pca", "umap"] = "umap" if asked == "umap" and ready else "pca"
if asked != method:
    running = panel.active_job(found)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "UMAP is being computed; PCA is shown meanwhile." if running else "UMAP is not computed yet; PCA is shown."
        )
        if running:

            @st.fragment(run_every=2.0)
            def wait() -> None:
                if panel.active_job(found) is None:
                    st.rerun()

            wait()
        else:
            st.button("Compute UMAP", on_click=panel.start, args=(("map",),))
shards = pipeline.map_table(method)
key = f"{shards.folder.name}-{opened.pool_key}"
try:
    xy, clusters = layout(shards.folder.name)
except CurationError:
    empty("The map is damaged", "Run the stage “Map” again on the Workspace page.")

pool = opened.pool
clean = np.flatnonzero((pool["family"] == "clean").to_numpy())
entropy = pool["entropy"].to_numpy()[clean]
chosen = np.zeros(len(pool), bool)
chosen[opened.selected.rows] = True


def drawn() -> None:
    state.set_polygon(st.session_state["map"]["polygon"])
    st.session_state["map-changed"] = True


def picked() -> None:
    row = clean[st.session_state["map"]["picked"]]
    st.session_state["map-open"] = int(pool["candidate_id"].iloc[row])
    st.session_state["map-changed"] = True


def columns() -> list[Column]:
    names = samples.classes
    return [
        Column("label", "Label", samples.labels, "category", names),
        Column("prediction", "Prediction", pool["prediction"].to_numpy()[clean], "category", names),
        Column("score", "Entropy", entropy / np.log(len(names)), unit="%"),
        Column("cluster", "Cluster", clusters, "category"),
    ]


def picture(index: int) -> np.ndarray:
    return samples.images(np.array([index]))[0]


@st.fragment
def draw_map() -> None:
    """Recolouring reruns the map alone; a lasso or a click reruns the page, whose gallery follows."""
    embedding_map(
        xy,
        key="map",
        fingerprint=key,
        columns=columns(),
        hover=("label", "prediction", "score", "cluster"),
        ids=samples.sample_ids,
        thumbnails=thumbnails.offer(opened.pool_key, picture, number=len(xy)),
        selected=chosen[clean],
        colour=state.map_colour(),
        polygon=state.polygon(),
        height_px=540,
        on_colour=lambda: state.set_map_colour(st.session_state["map"]["colour"]),
        on_polygon=drawn,
        on_picked=picked,
    )
    if st.session_state.pop("map-changed", False):
        st.rerun()


draw_map()
polygon = state.polygon()
inside = points_in_polygon(xy, polygon)
rows = clean[inside] if polygon else clean
rows = rows[np.argsort(-pool["entropy"].to_numpy()[rows], kind="stable")]
with st.container(horizontal=True, vertical_alignment="center"):
    if polygon:
        st.markdown(
            f"**{len(rows):,} of {len(clean):,}** samples in the lasso, {int(chosen[rows].sum()):,} of them chosen"
        )
        st.button(
            "Include all", icon=":material/add:", on_click=edits.decide, args=(pool, rows, "include"), key="include-all"
        )
        st.button(
            "Exclude all",
            icon=":material/remove:",
            on_click=edits.decide,
            args=(pool, rows, "exclude"),
            key="exclude-all",
        )
        st.button(
            "Clear the lasso", icon=":material/close:", on_click=state.set_polygon, args=(None,), key="clear-lasso"
        )
    else:
        st.caption("Draw a lasso or a box on the map to look at those samples only.")
browse(opened, rows, key="map", what="in the lasso, hardest first" if polygon else "samples, hardest first")
