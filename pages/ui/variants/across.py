"""One kind of variant across many samples: where it does most, where least."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.plugin import fingerprint
from pages.ui import resources
from pages.ui.browse import notes
from pages.ui.components import gallery
from pages.ui.opened import Prepared, empty, open_selection
from pages.ui.variants import subject

PAGE = 60
ORDERS = {
    "entropy": "Most uncertain first",
    "fooled": "Right when clean, wrong now",
    "kept": "Still right, least certain first",
    "random": "At random",
}


def draw(_: Prepared) -> None:
    """Draw the view; it needs all candidates."""
    opened = open_selection()
    pool, samples = opened.pool, opened.pipeline.samples
    derived = np.flatnonzero((pool["family"] != "clean").to_numpy())
    if not len(derived):
        empty("No variants yet", "The recipe asks for none; compute some in the Database view.")
    pairs = pool.iloc[derived][["kind", "severity"]].drop_duplicates()
    options = [(str(kind), int(severity)) for kind, severity in pairs.itertuples(index=False)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind, severity = st.selectbox(
            "Variant", options, format_func=lambda pair: subject.words(*pair), key="across-kind", width=260
        )
        order = st.selectbox("Show", list(ORDERS), format_func=ORDERS.__getitem__, key="across-order", width=280)
    rows = derived[((pool["kind"] == kind) & (pool["severity"] == severity)).to_numpy()[derived]]
    picked = pool.iloc[rows]
    wrong = (picked["prediction"] != picked["label"]).to_numpy()
    entropy = picked["entropy"].to_numpy()
    if order == "fooled":
        clean = pool[pool["family"] == "clean"].set_index("sample_id")
        before = (clean["prediction"] == clean["label"]).reindex(picked["sample_id"]).to_numpy()
        rows, entropy = rows[wrong & before], entropy[wrong & before]
    elif order == "kept":
        rows, entropy = rows[~wrong], entropy[~wrong]
    if order == "random":
        rows = rows[np.random.default_rng(0).permutation(len(rows))]
    else:
        rows = rows[np.argsort(-entropy, kind="stable")]
    pages = max(1, -(-len(rows) // PAGE))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(rows):,}** of {len(picked):,} images")
        page = (
            st.number_input(
                "Page",
                1,
                pages,
                1,
                key=f"across-page-{kind}-{severity}-{order}",
                width=130,
                label_visibility="collapsed",
            )
            if pages > 1
            else 1
        )
        if pages > 1:
            st.caption(f"page of {pages:,}")
    some = rows[(page - 1) * PAGE : page * PAGE]
    picked = pool.iloc[some]

    def opening(candidate: int) -> None:
        subject.show(int(pool["sample_id"].iloc[some[picked["candidate_id"].to_numpy() == candidate][0]]))

    gallery(
        resources.thumbnails(fingerprint([opened.pool_key, some.tolist()]), lambda: opened.pipeline.images(pool, some)),
        key="across",
        ids=picked["candidate_id"].to_numpy(),
        labels=picked["label"].to_numpy(),
        class_names=samples.classes,
        predictions=picked["prediction"].to_numpy(),
        entropy_shares=picked["entropy"].to_numpy() / np.log(len(samples.classes)),
        families=[str(family) for family in picked["family"]],
        notes=notes(picked["kind"].astype(str), picked["severity"]),
        editable=False,
        on_open=opening,
    )
