"""How the map is computed: the space, UMAP's parameters and the clusters of the recipe; changed, computed at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from curation.errors import UsageError
from curation.plugin import fingerprint
from curation.recipe import MapSettings, Space
from pages.ui import panel, state
from pages.ui.forms import settings_form
from pages.ui.map.drawn import STAGES
from pages.ui.prepared import Opened

_OF_THEIR_OWN = ("copies", "names")


def form(opened: Opened) -> None:
    """Draw the settings behind a button; what is submitted goes to the recipe, and the job starts."""
    recipe = opened.recipe
    now, space = recipe.map.model_dump(mode="json"), recipe.space.model_dump(mode="json") if recipe.space else {}
    key = fingerprint([{name: value for name, value in now.items() if name not in _OF_THEIR_OWN}, space])
    with st.popover("Settings", icon=":material/tune:", key=f"map-settings-{key}"), st.form("map-form", border=False):
        asked = settings_form(MapSettings, now, key=f"map-form-{key}", leave_out=_OF_THEIR_OWN)
        st.markdown("**Space**")
        st.caption(
            "What is near what, on the map, in clusters, for similar samples and coverage: the goal model's features, "
            "or instead those of a backbone (such as torchvision/resnet50), or your own vectors (.npy or .parquet)."
        )
        other = settings_form(Space, space, key=f"map-space-{key}")
        notes = ["Runs in the background; results for other settings are kept."]
        if recipe.map.names:
            notes.append("New clusters do not keep the names of the current ones.")
        if any(part.layout == "umap" for part in recipe.slices.values()):
            notes.append("Slices keep their outlines, which enclose other samples on a new map.")
        st.caption(" ".join(notes))
        submitted = st.form_submit_button("Compute", type="primary", icon=":material/play_arrow:")
    if submitted and _apply(opened, asked, other):
        st.rerun()


def _apply(opened: Opened, asked: dict[str, Any], other: dict[str, Any]) -> bool:
    recipe = opened.recipe
    before, was = recipe.map, recipe.space
    try:
        after = MapSettings.parse({**before.model_dump(mode="json"), **asked}, where="map")
        space = _space(other)
    except UsageError as error:
        st.toast(str(error), icon=":material/error:")
        return False
    beside = set() if after.cluster_by == "hdbscan" else {"neighbors", "min_dist"}
    if was != space or before.model_dump(exclude=beside) != after.model_dump(exclude=beside):
        after = after.model_copy(update={"names": {}})  # they were of other clusters
    plain = space.model_dump(mode="json") if space else None
    if not state.change(map=after.model_dump(mode="json"), space=plain):
        return False
    panel.start(STAGES)
    return True


def _space(asked: dict[str, Any]) -> Space | None:
    """Return the space that the fields say. Raises: UsageError: it makes no sense, or names a file that is not there.

    What stands in the fields of the other kind is left over from before.
    """
    of = {"backbone": ("weights", "input_px"), "vectors": ("column",)}
    named = [name for name in of if asked[name]]
    if not named:
        return None
    fields = {field: asked[field] for name in named for field in (name, *of[name])}
    space = Space.parse(fields, where="space")
    for file in (space.vectors, space.file):
        if file and not Path(file).expanduser().is_file():
            raise UsageError(f"there is no file {file}; give its path as the dashboard's machine sees it")
    return space
