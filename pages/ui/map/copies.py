"""Corrupted and adversarial copies on the map: which are drawn, where they land, what is not placed there yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from curation.errors import CurationError
from curation.pipeline.stages.map import copies_table, has_landed, mapped_copies
from curation.selection.pool import CODE_BITS, variant_code
from curation.storage.image_set import ImageSet
from curation.storage.shards import Shards
from pages.ui import state, thumbnails
from pages.ui.components import Copies
from pages.ui.components.columns import digest
from pages.ui.fields import bound
from pages.ui.map.drawn import Drawn
from pages.ui.opened import Opened

MOST_KINDS = 8
MOST, MOST_IN_LASSO = 300, 1000
"""More copies than these hide the map; a lasso round fewer samples shows all of its own."""

_FEW = 8


@dataclass(frozen=True)
class Placed:
    """Copies on the map.

    copies: for the component, with the samples among those drawn as their owners; candidate_ids: int64 M, theirs;
    left_out: how many are not drawn because they would be too many.
    """

    copies: Copies
    candidate_ids: np.ndarray
    left_out: int


def choose(opened: Opened) -> None:
    """Draw the choice of the copies that are drawn."""
    pipeline = opened.pipeline
    made = {images.name: images for images in [*pipeline.plan.attacked(), *pipeline.plan.corrupted()]}
    if not made:
        return
    if any(name not in made for name in opened.recipe.map.copies):
        state.change(**{"map.copies": [name for name in opened.recipe.map.copies if name in made]})
    said = "Where they land on the UMAP map, with a line from the original. At most eight kinds."
    if len(made) <= _FEW:
        bound(st.pills, "Copies drawn", list(made), path="map.copies", selection_mode="multi", help=said)
    else:
        bound(
            st.multiselect, "Copies drawn", list(made), path="map.copies", max_selections=MOST_KINDS, help=said,
            placeholder="none", width=320,
        )  # fmt: skip


def unplaced(opened: Opened) -> list[str]:
    """Return the copies that are asked for and not on the UMAP map yet."""
    return [images.name for images in mapped_copies(opened.pipeline.plan) if not _there(opened, images)]


def placed(drawn: Drawn, at: np.ndarray, among: np.ndarray | None) -> Placed | None:
    """Return the copies of the samples that are drawn, or None where there are none.

    Args:
        at: int64, rising: the samples that are drawn.
        among: bool N: only the copies of these samples are wanted; None: of all.
    """
    opened = drawn.opened
    sets = [images for images in mapped_copies(opened.pipeline.plan) if _there(opened, images)][:MOST_KINDS]
    if drawn.layout != "umap" or not sets:
        return None
    wanted = np.zeros(len(drawn), bool)
    wanted[at] = True if among is None else among[at]
    of = [np.flatnonzero(wanted[images.rows]) for images in sets]
    xy = np.concatenate([_places(opened, images)[mine] for images, mine in zip(sets, of, strict=True)])
    rows = np.concatenate([images.rows[mine] for images, mine in zip(sets, of, strict=True)])
    kinds = np.repeat(np.arange(len(sets)), [len(mine) for mine in of])
    most = min(MOST if among is None else MOST_IN_LASSO, len(xy))
    left_out, some = len(xy) - most, np.arange(most) * len(xy) // max(most, 1)
    xy, rows, kinds = xy[some], rows[some], kinds[some]
    pictures = [images.frozen() for images in sets]
    names = [images.name for images in sets]
    address = thumbnails.offer(
        f"copies-{digest(rows, kinds, names, drawn.key)}",
        lambda j: pictures[kinds[j]].gather(rows[j : j + 1])[0],
        number=len(rows),
    )
    codes = np.array([variant_code(images.kind, images.severity) for images in sets], np.int64)
    ids = (opened.pipeline.samples.sample_ids[rows] << CODE_BITS) + codes[kinds]
    said = _seen(f"{drawn.key} {digest(ids)}", opened, ids)
    return Placed(Copies(xy, np.searchsorted(at, rows), kinds, names, address, said), ids, left_out)


@st.cache_resource(max_entries=16, show_spinner=False)
def _seen(key: str, _opened: Opened, _candidate_ids: np.ndarray) -> list[str]:
    """Return how the goal model sees some candidates, in words."""
    pool, classes = _opened.pool, _opened.pipeline.samples.classes
    mine = pool[np.isin(pool["candidate_id"].to_numpy(), _candidate_ids)].set_index("candidate_id").loc[_candidate_ids]
    shares = mine["entropy"] / np.log(len(classes))
    return [f"{classes[label]}, entropy {share:.0%}" for label, share in zip(mine["prediction"], shares, strict=True)]


def _there(opened: Opened, images: ImageSet) -> bool:
    try:
        return has_landed(opened.pipeline.plan, images)
    except CurationError:  # there is no map yet
        return False


def _places(opened: Opened, images: ImageSet) -> np.ndarray:
    table = copies_table(opened.pipeline.plan, images)
    return _table(table.folder.name, table)


@st.cache_resource(max_entries=16, show_spinner=False)
def _table(key: str, _table: Shards) -> np.ndarray:
    return _table.table(0)[["x", "y"]].to_numpy(np.float32)
