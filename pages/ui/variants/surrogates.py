"""Editing the further networks of an attack: architecture, weight in the ensemble, and a file of weights or none."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation.models.architectures import ARCHITECTURES


def surrogates_editor(*, key: str) -> list[dict[str, Any]]:
    """Draw a table with a row for each surrogate and return them, as in a recipe; rows without a name are left out."""
    st.caption(
        "Surrogates: further networks that the attack uses beside the goal model. Without a file of weights each is "
        "trained on the samples, as the goal model is."
    )
    edited = st.data_editor(
        {"architecture": [None], "weight": [1.0], "checkpoint": [None]},
        num_rows="dynamic",
        hide_index=True,
        key=key,
        column_config={
            "architecture": st.column_config.SelectboxColumn("Architecture", options=list(ARCHITECTURES)),
            "weight": st.column_config.NumberColumn(
                "Weight", min_value=0.01, default=1.0, help="Weight of its logits in the ensemble's sum."
            ),
            "checkpoint": st.column_config.TextColumn(
                "File of weights", help="safetensors or a state dict, trained on these classes; empty: trained here."
            ),
        },
    )
    rows = (dict(zip(edited, row, strict=True)) for row in zip(*edited.values(), strict=True))
    return [{name: value for name, value in row.items() if value} for row in rows if row["architecture"]]
