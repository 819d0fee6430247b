"""All suspects at a glance: the first of them, which class is predicted as which, and how the score is spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from curation.analysis.label_review import Decided, Queue
from curation.figures import labels as figures
from curation.label_errors import LABEL_SCORES
from curation.plugin import fingerprint
from pages.ui import resources, session
from pages.ui.components import gallery
from pages.ui.evaluate.chosen import ink
from pages.ui.labels import one_by_one
from pages.ui.labels import queue as queues
from pages.ui.labels.checked import Review
from pages.ui.turn import PAGE, turn

if TYPE_CHECKING:
    import numpy as np

STATES = {"confirmed": "included", "dropped": "excluded", None: ""}
"""Decisions about labels, as the gallery marks them."""


def draw(found: Review, queue: Queue) -> None:
    """Draw the suspects of the queue, and the counts over all samples."""
    queues.progress(found, queue)
    with st.container(key="browse-labels"):
        left, right = st.columns([5, 4], gap="large")
    with left:
        st.subheader("The most suspicious")
        page = turn(len(queue.rows), len(found.suspects), f"labels-{queue.key}", what="samples")
        grid(found, queue.rows[(page - 1) * PAGE : page * PAGE], queue.decided, key="labels-grid")
        st.caption("Given → looks like · click or press Enter to open it in “One by one”")
    with right:
        st.subheader("Given → looks like")
        _pairs(found)
        st.subheader(f"{LABEL_SCORES[queue.score].title}, all samples")
        st.plotly_chart(
            figures.suspicion(found.suspects.scores[queue.score], found.pipeline.samples.truly_wrong),
            config={"displayModeBar": False},
            key="labels-spread",
        )


def grid(found: Review, rows: np.ndarray, decided: Mapping[int, Decided], *, key: str) -> None:
    """Draw some samples with what was decided about them; one that is opened is looked at by itself."""
    suspects, samples = found.suspects, found.pipeline.samples
    ids = samples.sample_ids[rows]
    if not len(rows):
        st.info("No matches; clear a filter.", icon=":material/search_off:")
        return
    gallery(
        resources.thumbnails(fingerprint([samples.key, rows.tolist()]), lambda: samples.images(rows)),
        key=key,
        ids=ids,
        labels=suspects.given[rows],
        class_names=samples.classes,
        predictions=suspects.suggested[rows],
        states=[
            "relabeled" if isinstance(what, int) else STATES[what] for what in (decided.get(int(one)) for one in ids)
        ],
        notes=[f"{suspects.confidence[row]:.0%}" for row in rows],
        editable=False,
        on_open=one_by_one.show,
    )


def _pairs(found: Review) -> None:
    """Draw how many samples given each class look like each other one; a cell filters by the two."""
    classes, suspects = found.pipeline.samples.classes, found.suspects
    st.caption(
        f"{int(suspects.pairs.sum()):,} of {len(suspects):,} samples look like another class than the given one. Click "
        "a cell to filter by its two classes."
    )

    def picked() -> None:
        looks, given = session.picked("labels-pairs") or ("", "")
        if looks in classes and given in classes and looks != given:
            queues.show(given, looks)

    st.plotly_chart(
        figures.pairs(suspects.pairs, classes, ink=ink()),
        config={"displayModeBar": False},
        key="labels-pairs",
        on_select=picked,
        selection_mode="points",
    )
