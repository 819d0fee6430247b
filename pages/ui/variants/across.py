"""One kind of variant across many samples, in the order of its effect."""

from __future__ import annotations

import streamlit as st

from curation.analysis import variants
from curation.analysis.effects import Order, ordered
from curation.plugin import fingerprint
from curation.scores.entropy import Entropy
from pages.ui import resources, session
from pages.ui.components import gallery
from pages.ui.opened import empty
from pages.ui.prepared import Prepared
from pages.ui.turn import PAGE, turn
from pages.ui.variants import subject

ORDERS: dict[Order, str] = {
    "entropy": "Most uncertain first",
    "fooled": "Correct when clean, misclassified now",
    "kept": "Still correct, least certain first",
    "random": "Random order",
}


def draw(prepared: Prepared) -> None:
    """Draw the view."""
    pipeline, samples = prepared.pipeline, prepared.pipeline.samples
    sets = {variants.called(images): images for images in variants.largest(pipeline.plan)}
    if not sets:
        empty("No variants yet", "Compute some in the Database view.")
    session.offered(session.ACROSS_VARIANT.key, sets)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Variant",
            list(sets),
            format_func=lambda one: variants.title(sets[one]),
            key=session.ACROSS_VARIANT.key,
            width=320,
        )
        order = st.selectbox("Show", list(ORDERS), format_func=ORDERS.__getitem__, key="across-order", width=280)
    images = sets[chosen]
    subject.left_out(int(variants.outdated(pipeline.plan, images).sum()))
    eligible = ordered(pipeline.plan, images, order)
    page = turn(len(eligible), len(images.sample_rows), f"{chosen}-{order}", what="images")
    some = eligible[(page - 1) * PAGE : page * PAGE]
    rows = images.sample_rows[some]
    table = pipeline.plan.scores(images).whole_table().iloc[some]
    gallery(
        resources.thumbnails(fingerprint([images.key, rows.tolist()]), lambda: images.gather(rows)),
        key="across",
        ids=samples.sample_ids[rows],
        labels=pipeline.plan.labels[rows],
        class_names=samples.classes,
        predictions=table["prediction"].to_numpy(),
        entropy_shares=table["entropy"].to_numpy() / Entropy.hardest(len(samples.classes)),
        families=[images.family] * len(some),
        editable=False,
        on_open=lambda sample_id: subject.show(sample_id, chosen),
    )
