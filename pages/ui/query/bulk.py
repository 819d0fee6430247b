"""What is done to all candidates that are looked at: decisions, tags, and the list of them as a file."""

from __future__ import annotations

import streamlit as st

from curation.analysis.arrays import Array
from curation.analysis.listed import as_csv
from pages.ui import annotated, edits, session, state
from pages.ui.prepared import Opened


def bulk(opened: Opened, rows: Array, *, key: str) -> None:
    """Draw what can be done to some rows of the pool, all at once. Args: key: unique on the page."""
    pool, classes = opened.pool, opened.pipeline.samples.classes
    with st.popover(f"All {len(rows):,}", icon=":material/done_all:", disabled=not len(rows)):
        st.caption(f"Decide about these **{len(rows):,}** candidates at once. *Undo* takes all of it back.")
        with st.container(horizontal=True):
            for action, words, icon in (
                ("include", "Include", ":material/add:"),
                ("exclude", "Exclude", ":material/remove:"),
                ("clear", "Clear", ":material/backspace:"),
            ):
                st.button(
                    words,
                    icon=icon,
                    key=f"{key}-{action}",
                    on_click=edits.decide_all,
                    args=(pool, rows, action, opened.selected.quotas),
                )
        relabel = session.relabel(key)

        def relabeled() -> None:
            if relabel.get():
                edits.decide(pool, rows, "relabel", classes.index(relabel.get()))
            st.session_state[relabel.key] = None

        st.selectbox(
            "Relabel their samples",
            classes,
            index=None,
            key=relabel.key,
            placeholder="Choose a class",
            on_change=relabeled,
        )
        tag = session.bulk_tag(key)
        st.text_input("Tag", key=tag.key, placeholder="blurred", max_chars=annotated.LONGEST_TAG)
        with st.container(horizontal=True):
            st.button(
                "Add the tag",
                key=f"{key}-tag",
                on_click=lambda: annotated.tag(pool, rows, tag.get()),
                icon=":material/sell:",
            )
            st.button("Remove it", key=f"{key}-untag", on_click=lambda: annotated.untag(pool, rows, tag.get()))
        st.download_button(
            "List as CSV",
            data=lambda: as_csv(pool, rows, opened.pipeline.samples, opened.recipe, chosen=opened.selected.pool_rows),
            file_name=f"{state.recipe().name}.csv",
            mime="text/csv",
            icon=":material/download:",
            key=f"{key}-csv",
        )
