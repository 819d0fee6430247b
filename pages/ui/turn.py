"""The pages of a gallery: how many images there are, and which page of them is shown."""

from __future__ import annotations

import streamlit as st

PAGE = 60


def turn(found: int, of: int, key: str, *, what: str, size: int = PAGE) -> int:
    """Draw how many there are and the choice of a page; return the page, from 1."""
    pages = max(1, -(-found // size))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{found:,}** of {of:,} {what}")
        if pages == 1:
            return 1
        page = st.number_input("Page", 1, pages, 1, key=f"page-{key}", width=130, label_visibility="collapsed")
        st.caption(f"page of {pages:,}")
    return int(page)
