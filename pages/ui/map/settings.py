"""How the map is computed: UMAP's parameters and the clusters, as the recipe has them; changed and computed at once."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation.errors import UsageError
from curation.plugin import fingerprint
from curation.recipe import MapSettings
from pages.ui import panel, state
from pages.ui.forms import settings_form
from pages.ui.map.drawn import STAGES
from pages.ui.prepared import Opened

_OF_THEIR_OWN = ("copies", "names")


def form(opened: Opened) -> None:
    """Draw the settings behind a button; what is submitted goes to the recipe, and the job starts."""
    recipe = opened.recipe
    now = recipe.map.model_dump(mode="json")
    key = fingerprint({name: value for name, value in now.items() if name not in _OF_THEIR_OWN})
    with st.popover("Settings", icon=":material/tune:", key=f"map-settings-{key}"), st.form("map-form", border=False):
        asked = settings_form(MapSettings, now, key=f"map-form-{key}", leave_out=_OF_THEIR_OWN)
        notes = ["Runs in the background; results for other settings are kept."]
        if recipe.map.names:
            notes.append("New clusters do not keep the names of the current ones.")
        if any(part.layout == "umap" for part in recipe.slices.values()):
            notes.append("Slices keep their outlines, which enclose other samples on a new map.")
        st.caption(" ".join(notes))
        submitted = st.form_submit_button("Compute", type="primary", icon=":material/play_arrow:")
    if submitted and _apply(opened, asked):
        st.rerun()


def _apply(opened: Opened, asked: dict[str, Any]) -> bool:
    before = opened.recipe.map
    try:
        after = MapSettings.parse({**before.model_dump(mode="json"), **asked}, where="map")
    except UsageError as error:
        st.toast(str(error), icon=":material/error:")
        return False
    beside = set() if after.cluster_by == "hdbscan" else {"neighbors", "min_dist"}
    if before.model_dump(exclude=beside) != after.model_dump(exclude=beside):
        after = after.model_copy(update={"names": {}})  # they were of other clusters
    if not state.change(map=after.model_dump(mode="json")):
        return False
    panel.start(STAGES)
    return True
