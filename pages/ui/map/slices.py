"""Slices: parts of the samples that were drawn on the map and have a name; how much of the set comes from each."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from curation.analysis.arrays import Array
from curation.analysis.slices import Corners, composition, corners
from curation.plugin import fingerprint
from pages.ui import session, state
from pages.ui.map.drawn import Drawn, Layout, open_drawn, ready

LONGEST_NAME = 40
SHARES = {
    "share": ("Share of the set", "Share of the set's images that come from its samples, copies included."),
    "entropy": ("Mean entropy", "As a share of the maximum, ln K."),
    "purity": ("Purity", "Share of the most common label."),
}
SHOW, DELETE = ":material/visibility: Show", ":material/delete: Delete"


def make(layout: Layout, polygon: Corners) -> None:
    """Draw the field in which the samples in the lasso get a name."""

    def keep() -> None:
        name = session.SLICE_NAME.get().strip()
        if _free(name):
            slices = state.recipe().to_dict()["slices"]
            state.change(slices={**slices, name: {"layout": layout, "polygon": polygon}})

    with (
        st.popover("Save as slice", icon=":material/bookmark_add:", key="slice-make"),
        st.form("slice-form", border=False),
    ):
        st.text_input("Name", key=session.SLICE_NAME.key, max_chars=LONGEST_NAME, placeholder="sevens with a bar")
        st.form_submit_button("Save slice", type="primary", on_click=keep, key="slice-keep")


def _free(name: str) -> bool:
    """Whether a slice may get a name; if not, say why."""
    why = (
        "A slice needs a name."
        if not name
        else f"There is already a slice “{name}”; choose another name."
        if name in state.recipe().slices
        else ""
    )
    if why:
        st.toast(why, icon=":material/error:")
    return not why


def rename(old: str, new: str) -> None:
    """Give a slice another name, or say why not."""
    new = new.strip()[:LONGEST_NAME]
    if new != old and _free(new):
        slices = state.recipe().to_dict()["slices"]
        state.change(slices={new if name == old else name: one for name, one in slices.items()})


def delete(name: str) -> None:
    """Take a slice out of the recipe; its samples stay as they are."""
    state.change(slices={other: one for other, one in state.recipe().to_dict()["slices"].items() if other != name})


def show(name: str) -> None:
    """Draw a slice's outline on its map and look at its samples; for callbacks."""
    one = state.recipe().slices[name]
    state.set_linked("layout", one.layout)
    state.set_polygon(corners(one))
    state.set_linked("only", None)


def _inside(drawn: Drawn) -> dict[str, Array | None]:
    """Return which samples are in each slice, bool N; None: it was drawn on a map that is not computed."""
    opened = drawn.opened
    maps: dict[Layout, Drawn] = {drawn.layout: drawn}
    found: dict[str, Array | None] = {}
    for name, one in opened.recipe.slices.items():
        if one.layout not in maps and ready(opened, one.layout):
            maps[one.layout] = open_drawn(opened, one.layout)
        found[name] = maps[one.layout].inside(corners(one)) if one.layout in maps else None
    return found


def table(drawn: Drawn) -> None:
    """Draw all slices with their part of the chosen set; names are edited in place."""
    names = list(drawn.opened.recipe.slices)
    if not names:
        return
    edited = session.edited_table(f"slices-{fingerprint(names)}")

    def renamed() -> None:
        for row, cells in edited.get()["edited_rows"].items():
            rename(names[int(row)], cells.get("name") or "")

    def clicked(button: session.Entry[Mapping[str, int]]) -> None:
        name = names[button.get()["row"]]
        (show if button == session.SLICE_SHOW else delete)(name)

    found = composition(drawn.members, _inside(drawn), drawn.opened.pipeline.samples.classes)
    found.insert(1, "show", SHOW)
    found["delete"] = DELETE
    found[list(SHARES)] *= 100
    columns = st.column_config
    st.data_editor(
        found,
        key=edited.key,
        on_change=renamed,
        hide_index=True,
        disabled=list(found.columns.drop("name").astype(str)),
        column_config={
            "name": columns.TextColumn("Slice", max_chars=LONGEST_NAME, required=True, help="Double-click to rename."),
            "show": columns.ButtonColumn(
                "", type="tertiary", on_click=clicked, args=(session.SLICE_SHOW,), key=session.SLICE_SHOW.key
            ),
            "samples": columns.NumberColumn("Samples", format="localized"),
            "chosen": columns.NumberColumn("Chosen", format="localized", help="Clean images in the set."),
            "images": columns.NumberColumn("Images", format="localized", help="Images in the set, copies included."),
            "label": columns.TextColumn("Most common label"),
            **{
                name: columns.ProgressColumn(title, format="%.0f %%", max_value=100.0, help=said, width=115)
                for name, (title, said) in SHARES.items()
            },
            "delete": columns.ButtonColumn(
                "", type="tertiary", on_click=clicked, args=(session.SLICE_DELETE,), key=session.SLICE_DELETE.key
            ),
        },
    )
