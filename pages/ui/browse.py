"""A pageable gallery over rows of the pool, with the opened image beside it."""

from __future__ import annotations

import streamlit as st

from curation.analysis.arrays import Array
from curation.analysis.candidates import described, row_of
from curation.plugin import fingerprint
from pages.ui import detail, edits, resources, session
from pages.ui.components import gallery
from pages.ui.prepared import Opened

PAGE = 60


def browse(opened: Opened, rows: Array, *, key: str, what: str) -> None:
    """Draw 60 images a page of ``rows`` (positions in the pool, in the order shown) and the one that is open.

    Args: key: unique on the page; what: said in "n of N …".
    """
    pages = max(1, -(-len(rows) // PAGE))
    page_at, open_at = session.gallery_page(key), session.gallery_open(key)
    page = min(page_at.get(), pages - 1)
    shown = rows[page * PAGE : (page + 1) * PAGE]

    with st.container(key=f"browse-{key}"):
        left, right = st.columns([5, 3], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center"):
            first, last = page * PAGE + bool(len(rows)), page * PAGE + len(shown)
            st.caption(f"**{first:,}–{last:,} of {len(rows):,}** {what}")
            st.space("stretch")
            _flip(":material/chevron_left:", page_at, page - 1, disabled=page == 0, say="Previous page")
            _flip(":material/chevron_right:", page_at, page + 1, disabled=page >= pages - 1, say="Next page")
        if not len(rows):
            st.info("No images; widen the band or lower the offset.", icon=":material/search_off:")
        else:
            _grid(opened, shown, key=f"{key}-grid", open_at=open_at)
            st.caption(
                "Arrows move · Enter opens · **i** include · **x** exclude · digits relabel · Backspace clears the edit"
            )
    with right:
        candidate = open_at.get()
        row = row_of(opened.pool, candidate)
        if row is not None:
            detail.candidate(opened, row, key=f"{key}-detail")
        elif len(rows):
            with st.container(border=True):
                st.caption("Click an image, or press Enter on it, to see it enlarged with its prediction and variants.")


def _flip(icon: str, page_at: session.Entry[int], to: int, *, disabled: bool, say: str) -> None:
    st.button("", icon=icon, key=f"{page_at.key}-{say}", on_click=page_at.set, args=(to,), disabled=disabled, help=say)


def _grid(opened: Opened, rows: Array, *, key: str, open_at: session.Entry[int | None]) -> None:
    classes = opened.pipeline.samples.classes
    shown = described(opened.pool, rows, class_count=len(classes), relabel=opened.recipe.selection.edits.relabel)
    gallery(
        resources.thumbnails(
            fingerprint([opened.pool_key, rows.tolist()]), lambda: opened.pipeline.images(opened.pool, rows)
        ),
        key=key,
        class_names=classes,
        states=edits.states(opened.pool, rows),
        **vars(shown),
        selected=open_at.get(),
        on_open=open_at.set,
        on_edit=lambda decisions: edits.apply(opened.pool, decisions),
    )
