"""What is alike: the samples nearest to any candidate, or to an uploaded picture, in the goal model's features."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.analysis.inspection import enlarged
from curation.embedding.neighbors import Metric, Neighbors, nearest_neighbors
from curation.plugin import fingerprint
from pages.ui import detail, edits, resources, session
from pages.ui.components import gallery
from pages.ui.fields import kept
from pages.ui.map import query
from pages.ui.map.drawn import clean_rows, labels_of, missing
from pages.ui.map.query import Query
from pages.ui.opened import Opened

METRICS: dict[Metric, str] = {"l2": "Euclidean", "cosine": "Cosine"}
SIDE_PX, SMALL_PX = 320, 72
PROBES = 500


def draw(opened: Opened) -> None:
    """Draw the view."""
    if not opened.pipeline.plan.features().complete():
        missing(opened, "Where the images lie is not computed yet.", stages=("embed",), words="Compute it")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sample_id, variant = query.choose(opened)
        metric = kept(
            st.segmented_control, "Distance", list(METRICS), key=session.NEAREST_METRIC.key,
            default=session.NEAREST_METRIC.default,
            format_func=METRICS.__getitem__, required=True,
        )  # fmt: skip
        number = kept(
            st.number_input,
            "How many",
            key=session.NEAREST_COUNT.key,
            default=session.NEAREST_COUNT.default,
            min_value=1,
            max_value=500,
            width=130,
        )
        with st.popover("Upload a picture", icon=":material/upload:", key="similar-upload-open"):
            uploaded = query.uploaded(opened)
    it = uploaded or query.candidate(opened, sample_id, variant)
    if it is None:
        return
    left, right = st.columns([5, 3], gap="medium")
    with right:
        if it.row is None:
            _picture(opened, it)
        else:
            detail.candidate(opened, it.row, key="similar-detail")
    with left:
        _neighbors(opened, it, metric, int(number))


def _neighbors(opened: Opened, it: Query, metric: Metric, number: int) -> None:
    samples = opened.pipeline.samples
    number = min(number, len(samples) - (it.owner is not None))
    found = _nearest(fingerprint([opened.pool_key, it.key, metric, number]), opened, it, metric, number)
    near, apart = found.index[0], found.distance[0]
    near, apart = near[near >= 0], apart[near >= 0]
    labels, classes = labels_of(opened)[near], samples.classes
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(enlarged(it.image, side_px=SMALL_PX), width=SMALL_PX)
        st.markdown(_agreement(labels, it.label, classes))
    if it.row is None and len(apart):
        _warn_of_unlike(opened, metric, float(apart[0]))
    rows = clean_rows(opened)[near]
    pool = opened.pool

    def opening(candidate_id: int) -> None:
        row = int(np.flatnonzero(pool["candidate_id"].to_numpy() == candidate_id)[0])
        query.look_at(int(pool["sample_id"].iloc[row]), query.CLEAN)

    gallery(
        resources.thumbnails(fingerprint([opened.pool_key, rows.tolist()]), lambda: samples.images(near)),
        key="similar-grid",
        ids=pool["candidate_id"].to_numpy()[rows],
        labels=labels,
        class_names=classes,
        predictions=pool["prediction"].to_numpy()[rows],
        states=edits.states(pool, rows),
        notes=[f"{distance:.3g}" for distance in apart],
        names=edits.names(pool, rows),
        on_open=opening,
        on_edit=lambda decisions: edits.apply(pool, decisions),
    )
    st.caption(
        "The nearest first, with its distance; the sample itself never counts. A click looks at that one's own "
        "neighbors · **i** include · **x** exclude · digits relabel"
    )


@st.cache_resource(max_entries=64, show_spinner="Looking for what is alike …")
def _nearest(key: str, _opened: Opened, _it: Query, _metric: Metric, count: int) -> Neighbors:
    ids = np.array(_opened.pipeline.samples.sample_ids)  # a copy that torch may share
    own = None if _it.owner is None else np.array([_it.owner])
    return nearest_neighbors(
        resources.features(_opened.pipeline),
        queries=_it.features[None],
        count=count,
        metric=_metric,
        owners=None if own is None else ids,
        query_owners=own,
        device=_opened.pipeline.device,
    )


def _warn_of_unlike(opened: Opened, metric: Metric, nearest: float) -> None:
    usual = _usual(fingerprint([opened.pool_key, metric]), opened, metric)
    if nearest > usual:
        st.warning(
            f"Unlike the samples, so that what the goal model says of it means little: the nearest is {nearest:.3g} "
            f"away, while 99 % of the samples have another one within {usual:.3g}. Perhaps it is inverted?",
            icon=":material/not_listed_location:",
        )


@st.cache_resource(max_entries=8, show_spinner=False)
def _usual(key: str, _opened: Opened, metric: Metric) -> float:
    """Return the distance within which 99 % of the samples have another one, by some of them, evenly spaced."""
    seen, ids = resources.features(_opened.pipeline), np.array(_opened.pipeline.samples.sample_ids)
    some = np.unique(np.linspace(0, len(ids) - 1, PROBES).astype(np.int64))
    found = nearest_neighbors(
        seen,
        queries=seen[some],
        count=1,
        metric=metric,
        owners=ids,
        query_owners=ids[some],
        device=_opened.pipeline.device,
    )
    return float(np.quantile(found.distance, 0.99))


def _agreement(labels: np.ndarray, label: int | None, classes: list[str]) -> str:
    """Return in words which classes neighbors have, and how many of them the query's."""
    counts = np.bincount(labels, minlength=len(classes))
    told = [f"{classes[one]} ({counts[one]:,})" for one in np.argsort(-counts, kind="stable") if counts[one]]
    listed = ", ".join(told[:6]) + (f" and {len(told) - 6} more classes" if len(told) > 6 else "")
    if label is None:
        return f"Labels of the **{len(labels):,}** nearest samples: {listed}"
    same = f"**{int(counts[label]):,} of {len(labels):,}** nearest samples have its label, **{classes[label]}**"
    return same if counts[label] == len(labels) else f"{same} :gray[· all: {listed}]"


def _picture(opened: Opened, it: Query) -> None:
    """Draw an uploaded picture as the goal model sees it."""
    classes = opened.pipeline.samples.classes
    with st.container(border=True):
        left, right = st.columns([1, 1])
        left.image(enlarged(it.image, side_px=SIDE_PX), width="stretch")
        with right:
            st.markdown(f"**{it.title}**  \n:gray[{it.note}]" if it.note else f"**{it.title}**")
            best = np.argsort(-it.probabilities)[: detail.TOP]
            st.markdown(f"Seen as **{classes[best[0]]}**")
            for index in best:
                st.progress(float(it.probabilities[index]), text=f"{classes[index]} · {it.probabilities[index]:.1%}")
        st.button("Take it away", icon=":material/close:", on_click=query.take_away, key="similar-take-away")
