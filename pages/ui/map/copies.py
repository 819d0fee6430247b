"""Corrupted and adversarial copies on the map: which are drawn, where they land, what is not placed there yet."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from curation.analysis import map_copies
from curation.analysis.arrays import Array
from curation.analysis.map_columns import Copies, digest
from curation.analysis.variants import outdated
from curation.errors import CurationError
from curation.pipeline.stages.map import copies_table, has_landed, mapped_copies
from curation.storage.image_set import ImageSet
from curation.storage.shards import Shards
from pages.ui import resources, state, thumbnails
from pages.ui.fields import bound
from pages.ui.map.drawn import Drawn
from pages.ui.prepared import Opened

MOST_KINDS = 8
_FEW = 8


@dataclass(frozen=True)
class Placed:
    """Copies on the map.

    copies: for the component, with the samples among those drawn as their owners; candidate_ids: int64 M, theirs;
    left_out: how many are not drawn because they would be too many; outdated: how many of attacks are not because their
    samples' labels changed since.
    """

    copies: Copies
    candidate_ids: Array
    left_out: int
    outdated: int


def choose(opened: Opened) -> None:
    """Draw the choice of the copies that are drawn."""
    pipeline, space = opened.pipeline, opened.recipe.space
    if space is not None and space.vectors:
        return  # none of copies
    made = {images.name: images for images in [*pipeline.plan.attacked(), *pipeline.plan.corrupted()]}
    if not made:
        return
    if any(name not in made for name in opened.recipe.map.copies):
        state.change(**{"map.copies": [name for name in opened.recipe.map.copies if name in made]})
    said = "Drawn on the UMAP map, with a line from the original. At most eight kinds."
    if len(made) <= _FEW:
        bound(st.pills, "Copies shown", list(made), path="map.copies", selection_mode="multi", help=said)
    else:
        bound(
            st.multiselect, "Copies shown", list(made), path="map.copies", max_selections=MOST_KINDS, help=said,
            placeholder="none", width=320,
        )  # fmt: skip


def unplaced(opened: Opened) -> list[str]:
    """Return the copies that are asked for and not on the UMAP map yet."""
    return [images.name for images in mapped_copies(opened.pipeline.plan) if not _there(opened, images)]


def placed(drawn: Drawn, at: Array, among: Array | None) -> Placed | None:
    """Return the copies of the samples that are drawn, or None where there are none.

    Args:
        at: int64, rising: the samples that are drawn.
        among: bool N: only the copies of these samples are wanted; None: of all.
    """
    opened = drawn.opened
    sets = [images for images in mapped_copies(opened.pipeline.plan) if _there(opened, images)][:MOST_KINDS]
    if drawn.layout != "umap" or not sets:
        return None
    plan = resources.pipeline().plan  # with the labels as they are now
    old = [outdated(plan, images) for images in sets]
    places = [_places(opened, images)[~gone] for images, gone in zip(sets, old, strict=True)]
    of = [images.sample_rows[~gone] for images, gone in zip(sets, old, strict=True)]
    shown = map_copies.drawn(places, of, at, among, count=len(drawn))
    pictures = [images.frozen() for images in sets]
    names = [images.name for images in sets]
    rows, kinds = shown.rows, shown.sets
    address = thumbnails.offer(
        f"copies-{digest(rows, kinds, names, drawn.key)}",
        lambda j: pictures[kinds[j]].gather(rows[j : j + 1])[0],
        number=len(rows),
    )
    variants = [(images.kind, images.severity) for images in sets]
    ids = shown.candidate_ids(opened.pipeline.samples.sample_ids, variants)
    said = _predictions(f"{drawn.key} {digest(ids)}", opened, ids)
    return Placed(
        Copies(shown.xy, at.searchsorted(rows), kinds, names, address, said),
        ids,
        shown.left_out,
        sum(int(gone.sum()) for gone in old),
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _predictions(key: str, _opened: Opened, _candidate_ids: Array) -> list[str]:
    return map_copies.predictions_in_words(_opened.pool, _candidate_ids, _opened.pipeline.samples.classes)


def _there(opened: Opened, images: ImageSet) -> bool:
    try:
        return has_landed(opened.pipeline.plan, images)
    except CurationError:  # there is no map yet
        return False


def _places(opened: Opened, images: ImageSet) -> Array:
    table = copies_table(opened.pipeline.plan, images)
    return _table(table.folder.name, table)


@st.cache_resource(max_entries=16, show_spinner=False)
def _table(key: str, _table: Shards) -> Array:
    return _table.table(0)[["x", "y"]].to_numpy("float32")
