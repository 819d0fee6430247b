"""One kind of variant across many samples: where it does most, where least."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.analysis import variants
from curation.plugin import fingerprint
from pages.ui import resources
from pages.ui.components import gallery
from pages.ui.opened import Prepared, empty
from pages.ui.turn import PAGE, turn
from pages.ui.variants import subject

ORDERS = {
    "entropy": "Most uncertain first",
    "fooled": "Right when clean, wrong now",
    "kept": "Still right, least certain first",
    "random": "At random",
}


def draw(prepared: Prepared) -> None:
    """Draw the view."""
    pipeline, samples = prepared.pipeline, prepared.pipeline.samples
    sets = {
        (images.kind, images.severity, subject.told_apart(images)): images for images in variants.largest(pipeline.plan)
    }
    if not sets:
        empty("No variants yet", "Compute some in the Database view.")
    if st.session_state.get("across-kind") not in sets:
        st.session_state.pop("across-kind", None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Variant", list(sets), format_func=lambda one: subject.words(*one), key="across-kind", width=320
        )
        order = st.selectbox("Show", list(ORDERS), format_func=ORDERS.__getitem__, key="across-order", width=280)
    images = sets[chosen]
    table = pipeline.plan.scores(images).whole_table()
    labels, entropy = samples.labels[images.rows], table["entropy"].to_numpy()
    wrong = table["prediction"].to_numpy() != labels
    eligible = np.arange(len(images.rows))
    if order == "fooled":
        clean = pipeline.plan.scores(pipeline.plan.clean).whole_table()["prediction"].to_numpy()
        eligible = np.flatnonzero(wrong & (clean == samples.labels)[images.rows])
    elif order == "kept":
        eligible = np.flatnonzero(~wrong)
    if order == "random":
        eligible = np.random.default_rng(0).permutation(eligible)
    else:
        eligible = eligible[np.argsort(-entropy[eligible], kind="stable")]
    page = turn(len(eligible), len(images.rows), f"{chosen}-{order}", what="images")
    some = eligible[(page - 1) * PAGE : page * PAGE]
    rows = images.rows[some]
    gallery(
        resources.thumbnails(fingerprint([images.pixels.folder.name, rows.tolist()]), lambda: images.gather(rows)),
        key="across",
        ids=samples.sample_ids[rows],
        labels=labels[some],
        class_names=samples.classes,
        predictions=table["prediction"].to_numpy()[some],
        entropy_shares=entropy[some] / np.log(len(samples.classes)),
        families=[images.family] * len(some),
        editable=False,
        on_open=lambda sample_id: subject.show(sample_id, chosen),
    )
