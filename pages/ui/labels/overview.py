"""All suspects at a glance: the first of them, which class is taken for which, and how the score is spread."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from curation.figures import evaluation as evaluation_figures
from curation.figures.curation import ACCENT, FAMILY_COLORS, plain
from curation.label_errors import LABEL_SCORES
from curation.plugin import fingerprint
from pages.ui import resources
from pages.ui.components import gallery
from pages.ui.edits import Decided
from pages.ui.evaluate.chosen import ink
from pages.ui.labels import one_by_one
from pages.ui.labels import queue as queues
from pages.ui.labels.checked import Review
from pages.ui.labels.queue import Queue
from pages.ui.turn import PAGE, turn

BINS = 50


def draw(found: Review, queue: Queue) -> None:
    """Draw the suspects of the queue, and the counts over all samples."""
    queues.progress(found, queue)
    with st.container(key="browse-labels"):
        left, right = st.columns([5, 4], gap="large")
    with left:
        st.subheader("The most suspicious")
        page = turn(len(queue.rows), len(found.checked.given), f"labels-{queue.key}", what="samples")
        grid(found, queue.rows[(page - 1) * PAGE : page * PAGE], queue.decided, key="labels-grid")
        st.caption("Given → what it looks like · click or Enter opens it in “One by one”")
    with right:
        st.subheader("Given → looks like")
        _pairs(found)
        st.subheader(f"{LABEL_SCORES[queue.score].title}, all samples")
        _spread(found, queue.score)


def grid(found: Review, rows: np.ndarray, decided: dict[int, Decided], *, key: str) -> None:
    """Draw some samples with what was decided about them; one that is opened is looked at by itself."""
    checked, samples = found.checked, found.pipeline.samples
    ids = samples.sample_ids[rows]
    words = {"confirmed": "included", "dropped": "excluded", None: ""}
    if not len(rows):
        st.info("None: take a filter back.", icon=":material/search_off:")
        return
    gallery(
        resources.thumbnails(fingerprint([samples.key, rows.tolist()]), lambda: samples.images(rows)),
        key=key,
        ids=ids,
        labels=checked.given[rows],
        class_names=samples.classes,
        predictions=checked.suggested[rows],
        states=[
            "relabeled" if isinstance(what, int) else words[what] for what in (decided.get(int(one)) for one in ids)
        ],
        notes=[f"{checked.confidence[row]:.0%}" for row in rows],
        editable=False,
        on_open=one_by_one.show,
    )


def _pairs(found: Review) -> None:
    """Draw how many samples given each class look like each other one; a cell filters by the two."""
    classes, checked = found.pipeline.samples.classes, found.checked
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (checked.given, checked.suggested), 1)
    np.fill_diagonal(counts, 0)
    st.caption(
        f"{int(counts.sum()):,} of {len(checked.given):,} samples look like another class than the given one. Click a "
        "number to look at those."
    )

    def picked() -> None:
        points: list[dict[str, Any]] = st.session_state["labels-pairs"]["selection"]["points"]
        if points and points[0]["x"] in classes and points[0]["y"] in classes and points[0]["x"] != points[0]["y"]:
            queues.show(str(points[0]["y"]), str(points[0]["x"]))

    figure = evaluation_figures.confusion(counts, classes, by_row=False, ink=ink())
    figure.data[-1].hovertemplate = "given %{y}, looks like %{x}: %{customdata[0]:,}<extra></extra>"
    st.plotly_chart(
        figure, config={"displayModeBar": False}, key="labels-pairs", on_select=picked, selection_mode="points"
    )


def _spread(found: Review, score: str) -> None:
    """Draw the histogram of a score; where noise was put in, of right and of wrong labels."""
    values, truth = found.checked.scores[score], found.pipeline.samples.truly_wrong
    edges = np.linspace(values.min(), max(values.max(), values.min() + 1e-9), BINS + 1)
    groups = {"": (values, ACCENT)}
    if truth is not None:
        groups = {
            "label is right": (values[~truth], ACCENT),
            "truly wrong": (values[truth], FAMILY_COLORS["corruption"]),
        }
    figure = go.Figure(
        [
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=np.histogram(some, edges)[0],
                width=edges[1] - edges[0],
                name=name,
                marker_color=color,
                opacity=1.0 if truth is None else 0.75,  # over each other: on a logarithmic axis stacks mislead
                hovertemplate=f"%{{x:.3g}}: %{{y:,}} {name}<extra></extra>",
                showlegend=bool(name),
            )
            for name, (some, color) in groups.items()
        ]
    )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(title="less suspicious → more suspicious")
    figure.update_yaxes(type="log", title="samples")
    st.plotly_chart(plain(figure, height_px=230), config={"displayModeBar": False}, key="labels-spread")
