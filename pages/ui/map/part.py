"""A part of the samples (those in a lasso, a slice or a cluster): counts, classes, decisions about all of them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from curation.analysis import slices
from curation.analysis.arrays import Array
from curation.analysis.candidates import class_counts, hardest_first
from curation.analysis.query import Looked
from curation.figures import curation as figures
from pages.ui import edits
from pages.ui.browse import browse
from pages.ui.map.drawn import Drawn


def head(drawn: Drawn, at: Array, *, key: str, where: str, more: Callable[[], None] = lambda: None) -> None:
    """Draw the counts of a part of the samples, and what decides about all of them.

    Args:
        at: int64, positions among the samples.
        key: unique on the page.
        where: what they have in common, e.g. "in the lasso".
        more: draws further buttons beside those that decide about all of them.
    """
    left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
    with left:
        st.markdown(facts(drawn, at, where))
        with st.container(horizontal=True, vertical_alignment="center"):
            for action, words, icon in (
                ("include", "Include all", ":material/add:"),
                ("exclude", "Exclude all", ":material/remove:"),
                ("clear", "Clear edits", ":material/backspace:"),
            ):
                st.button(
                    words,
                    icon=icon,
                    on_click=edits.decide_all,
                    args=(drawn.opened.pool, drawn.pool_rows[at], action, drawn.opened.selected.quotas),
                    key=f"{key}-{action}-all",
                    disabled=not len(at),
                    help=_HELP[action],
                )
            more()
    with right:
        classes = drawn.opened.pipeline.samples.classes
        counts = class_counts(drawn.members.labels[at], len(classes))
        st.plotly_chart(
            figures.class_counts(counts, classes, height_px=120), config={"displayModeBar": False}, key=f"{key}-classes"
        )


_HELP = {
    "include": "Force these clean images into the set, within their family's quota.",
    "exclude": "Exclude these images with all their corrupted and adversarial copies.",
    "clear": "Clear the edits of these clean images.",
}


def gallery(drawn: Drawn, at: Array, *, key: str, where: str, found: Looked | None = None) -> None:
    """Draw the pictures of some samples, the hardest first. Args: found: which of them match, and in which order."""
    rows = drawn.pool_rows[hardest_first(drawn.members.entropy, at)]
    if found is not None:
        rows = found.rows(rows)
    browse(drawn.opened, rows, key=key, what=f"samples {where}, {found.words if found else 'hardest first'}")


def facts(drawn: Drawn, at: Array, where: str) -> str:
    """Return in words how many samples there are, how many of them chosen, how hard, of which class."""
    it = slices.facts(drawn.members, at)
    said = f"**{it.samples:,} of {len(drawn):,}** samples {where}"
    if it.label is None:
        return said
    parts = [f"{said}, **{it.chosen:,}** of them chosen"]
    parts.append(f"mean entropy **{it.entropy:.0%}** of the maximum")
    if it.images > it.chosen:
        parts.append(f"**{it.images - it.chosen:,}** of their copies in the set")
    parts.append(f"**{it.purity:.0%}** are {drawn.opened.pipeline.samples.classes[it.label]}")
    return " · ".join(parts)
