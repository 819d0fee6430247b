"""The map itself: colored, lassoed, with copies and slices, and the pictures of what is looked at."""

from __future__ import annotations

from typing import cast

import streamlit as st

from curation.analysis.arrays import Array
from curation.analysis.candidates import just, row_of
from curation.analysis.clusters import positions
from curation.analysis.map_columns import digest
from curation.analysis.slices import slice_at
from curation.embedding.projection import LANDMARKS
from curation.selection import SELECTORS
from pages.ui import edits, panel, query, ranking, session, state, thumbnails
from pages.ui.components import embedding_map
from pages.ui.map import colors, copies, part, settings, slices
from pages.ui.map.drawn import Drawn, Layout, cluster_name, missing, open_drawn, ready, required, say_space
from pages.ui.prepared import Opened

HEIGHT_PX = 560


def draw(opened: Opened) -> None:
    """Draw the view."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = _layout()
        copies.choose(opened)
        st.space("stretch")
        settings.form(opened)
    say_space(opened)
    drawn = open_drawn(opened, wanted) if ready(opened, wanted) else required(opened)
    _wait(opened, drawn, wanted)
    polygon = state.polygon() if drawn.layout == wanted else None
    only = _only(drawn)
    at = positions(drawn.clusters, only)
    inside = drawn.inside(polygon)
    found = query.bar(opened, ranking.compared(opened).before)
    matching = found.mask[drawn.pool_rows]
    _map(drawn, at, polygon, inside, matching if found.filters else None)
    if drawn.layout == "umap" and len(drawn.xy) > LANDMARKS:
        st.caption(
            f"UMAP laid out {LANDMARKS:,} of the {len(drawn.xy):,} samples, drawn at random; each of the others is "
            "placed beside the ones nearest to it."
        )

    looked = at[inside[at]] if polygon else at
    looked = looked[matching[looked]]
    name = slice_at(opened.recipe.slices, drawn.layout, polygon)
    where = "of the map" if only is None else f"of {cluster_name(opened, only)}"
    if polygon:
        where = f"in the slice “{name}”" if name else "in the lasso"
    where += " that match" if found.filters else ""
    if polygon:
        part.head(drawn, looked, key="map", where=where, more=lambda: _lassoed(drawn.layout, polygon, name))
    elif found.filters:
        part.head(drawn, looked, key="map", where=where)
    else:
        st.caption(
            "Draw a lasso or a box on the map to list only those samples, to edit them, or to save them as a slice."
        )
    slices.table(drawn)
    part.gallery(drawn, looked, key="map", where=where, found=found)


def _layout() -> Layout:
    """Draw the choice of a layout and return it; on another one, a lasso would hold other samples."""

    def changed() -> None:
        state.set_linked("layout", session.MAP_LAYOUT.get())
        state.set_polygon(None)

    session.MAP_LAYOUT.set("pca" if state.linked("layout") == "pca" else "umap")
    return cast(
        Layout,
        st.segmented_control(
            "Layout",
            ["umap", "pca"],
            format_func=str.upper,
            key=session.MAP_LAYOUT.key,
            required=True,
            on_change=changed,
        ),
    )


def _wait(opened: Opened, drawn: Drawn, wanted: Layout) -> None:
    """Say what of the map is not computed yet."""
    if drawn.layout != wanted:
        missing(opened, "UMAP is not computed for these settings yet; PCA is shown.", words="Compute UMAP")
        return
    unplaced = copies.unplaced(opened)
    if unplaced and drawn.layout == "umap":
        are = "are" if len(unplaced) > 1 else "is"
        missing(opened, f"{', '.join(unplaced)} {are} not computed on the map yet.", words="Compute")
    elif opened.recipe.map.copies and drawn.layout == "pca":
        st.caption("Copies are shown on the UMAP map only.")
    elif panel.active_job(opened.workspace) is not None:
        with st.container(border=True):
            panel.job_strip(opened.workspace)


def _only(drawn: Drawn) -> int | None:
    """Return the cluster that alone is drawn, if one is; draw what takes that back."""
    text = state.linked("only") or ""
    if not (text.isdigit() and int(text) < drawn.count):
        return None
    st.button(
        f"Only {cluster_name(drawn.opened, int(text))}",
        icon=":material/close:",
        on_click=state.set_linked,
        args=("only", None),
        key="map-everything",
        help="Show all samples.",
    )
    return int(text)


def _lassoed(layout: Layout, polygon: list[list[float]], name: str | None) -> None:
    """Draw what else can be done with the samples in the lasso."""
    if name is None:
        slices.make(layout, polygon)
    st.button(
        "Clear the lasso" if name is None else "Close the slice",
        icon=":material/close:",
        on_click=state.set_polygon,
        args=(None,),
        key="clear-lasso",
    )


@st.fragment
def _map(drawn: Drawn, at: Array, polygon: list[list[float]] | None, inside: Array, matching: Array | None) -> None:
    """Recoloring reruns the map alone; a lasso or a click reruns the page, whose gallery follows."""
    opened, samples = drawn.opened, drawn.opened.pipeline.samples
    whole = len(at) == len(drawn)
    placed = copies.placed(drawn, at, inside if polygon else None)
    covers = SELECTORS[opened.recipe.selection.strategy].by_coverage and not opened.provisional
    ids = opened.pool["candidate_id"].to_numpy()

    def drawn_around() -> None:
        state.set_linked("layout", drawn.layout)  # the other may have been asked for before it is there
        state.set_polygon(session.MAP.get()["polygon"])
        session.MAP_CHANGED.set(True)

    def picked() -> None:
        _open(int(ids[drawn.pool_rows[at[session.MAP.get()["picked"]]]]))

    def copy_picked() -> None:
        if placed is not None:
            _open(int(placed.candidate_ids[session.MAP.get()["copy"]]))

    embedding_map(
        drawn.xy if whole else drawn.xy[at],
        key=session.MAP.key,
        fingerprint=drawn.key if whole else digest(drawn.key, at),
        columns=colors.columns(drawn, at),
        hover=colors.HOVER,
        ids=samples.sample_ids[at],
        thumbnails=thumbnails.offer(
            f"samples-{samples.key if whole else digest(samples.key, at)}",
            lambda i: samples.images(at[i : i + 1])[0],
            number=len(at),
        ),
        selected=drawn.members.chosen[at],
        marked=matching[at] if matching is not None else drawn.members.chosen[at] if covers else None,
        marked_title="match the query" if matching is not None else "chosen by coverage",
        copies=None if placed is None else placed.copies,
        color=state.map_color(),
        polygon=polygon,
        height_px=HEIGHT_PX,
        on_color=lambda: state.set_map_color(session.MAP.get()["color"]),
        on_polygon=drawn_around,
        on_picked=picked,
        on_copy=copy_picked,
    )
    if placed is not None and placed.left_out:
        shown = len(placed.candidate_ids)
        total = shown + placed.left_out
        st.caption(f"{shown:,} of {total:,} copies are shown, drawn at random; a small lasso shows all of its copies.")
    if placed is not None and placed.outdated:
        made = "copies were" if placed.outdated > 1 else "copy was"
        are = "are" if placed.outdated > 1 else "is"
        st.caption(
            f":material/history: {placed.outdated:,} adversarial {made} made for labels that you have changed since "
            f"and {are} not drawn."
        )
    for name in _open_names(opened):
        st.caption(f":material/arrow_downward: **{name}** is open below.")
    if session.MAP_CHANGED.pop():
        st.rerun()


def _open(candidate_id: int) -> None:
    session.MAP_OPEN.set(candidate_id)
    session.MAP_CHANGED.set(True)


def _open_names(opened: Opened) -> list[str]:
    row = row_of(opened.pool, session.MAP_OPEN.get())
    return [] if row is None else edits.names(opened.pool, just(row))
