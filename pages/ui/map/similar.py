"""Similar samples: those nearest to any candidate, an uploaded picture or some words, in the recipe's space."""

from __future__ import annotations

import streamlit as st

from curation.analysis.arrays import Array
from curation.analysis.candidates import described, just, most_probable
from curation.analysis.inspection import enlarged
from curation.analysis.similar import by_words, label_counts, usual_distance
from curation.embedding.neighbors import Metric, Neighbors, nearest_neighbors
from curation.errors import CurationError
from curation.pipeline.space import NO_READER
from curation.plugin import fingerprint
from curation.recipe import space_in_words
from curation.selection.pool import CODE_BITS
from pages.ui import detail, edits, resources, session
from pages.ui.components import gallery
from pages.ui.fields import kept
from pages.ui.map import query
from pages.ui.map.drawn import clean_rows, labels_of, missing
from pages.ui.map.query import Query
from pages.ui.prepared import Opened

METRICS: dict[Metric, str] = {"l2": "Euclidean", "cosine": "Cosine"}
SIDE_PX, SMALL_PX = 320, 72


def draw(opened: Opened) -> None:
    """Draw the view."""
    if not opened.pipeline.plan.features().complete():
        missing(opened, "The embedding is not computed yet.", stages=("embed",), words="Compute")
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
        with st.popover("Search by words", icon=":material/text_fields:", key="similar-words-open"):
            text = _words(opened)
    if text:
        _by_words(opened, text, int(number))
        return
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
    found = _nearest(fingerprint([_space(opened), it.key, metric, number]), opened, it, metric, number)
    near, apart = found.index[0], found.distance[0]
    near, apart = near[near >= 0], apart[near >= 0]
    labels, classes = labels_of(opened)[near], samples.classes
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(enlarged(it.image, side_px=SMALL_PX), width=SMALL_PX)
        st.markdown(_agreement(labels, it.label, classes))
    if it.row is None and len(apart):
        _warn_of_unlike(opened, metric, float(apart[0]))
    _gallery(opened, near, notes=[f"{distance:.3g}" for distance in apart])
    st.caption(
        f"Nearest first in {space_in_words(opened.recipe.space)}, with the distance; the sample's own images are left "
        f"out. {_KEYS}"
    )


def _words(opened: Opened) -> str:
    """Draw the field for words, or what it needs; return what stands there."""
    space = opened.recipe.space
    if space is None or not space.reads:
        st.markdown(f"{NO_READER[:1].upper()}{NO_READER[1:]}. The space is under *Settings* on the map.")
        return ""
    text = kept(
        st.text_input, "What is in the picture", key=session.SIMILAR_WORDS.key, default=session.SIMILAR_WORDS.default,
        placeholder="a photo of a dog on grass",
    )  # fmt: skip
    return str(text).strip()


def _by_words(opened: Opened, text: str, number: int) -> None:
    """Draw the samples that fit some words best."""
    samples = opened.pipeline.samples
    try:
        found = _fitting(fingerprint([_space(opened), text, number]), opened, text, min(number, len(samples)))
    except CurationError as error:
        st.error(f"Not searched: {error}.", icon=":material/error:")
        return
    near = found.index[0]
    st.markdown(f"**“{text}”** · {_agreement(labels_of(opened)[near], None, samples.classes)}")
    _gallery(opened, near, notes=[f"{1 - distance:.3f}" for distance in found.distance[0]])
    st.caption(f"Best fit first, with the cosine similarity of words and image. {_KEYS}")


@st.cache_resource(max_entries=64, show_spinner="Reading …")
def _fitting(key: str, _opened: Opened, _text: str, count: int) -> Neighbors:
    pipeline = _opened.pipeline
    return nearest_neighbors(
        resources.features(pipeline),
        queries=by_words(pipeline.plan, _text)[None],
        count=count,
        metric="cosine",
        device=pipeline.device,
    )


_KEYS = "Click one for its neighbors · **i** include · **x** exclude · digits relabel"


def _gallery(opened: Opened, near: Array, *, notes: list[str]) -> None:
    """Draw samples by their rows, each with a note."""
    samples, pool, rows = opened.pipeline.samples, opened.pool, clean_rows(opened)[near]
    shown = described(pool, rows, class_count=len(samples.classes))

    def opening(candidate_id: int) -> None:
        query.look_at(candidate_id >> CODE_BITS, query.CLEAN)

    gallery(
        resources.thumbnails(fingerprint([opened.pool_key, rows.tolist()]), lambda: samples.images(near)),
        key="similar-grid",
        ids=shown.ids,
        labels=labels_of(opened)[near],
        class_names=samples.classes,
        predictions=shown.predictions,
        states=edits.states(pool, rows),
        notes=notes,
        names=shown.names,
        on_open=opening,
        on_edit=lambda decisions: edits.apply(pool, decisions),
    )


def _space(opened: Opened) -> list[str]:
    """Return what a distance depends on."""
    return [opened.pool_key, opened.pipeline.plan.features().folder.name]


@st.cache_resource(max_entries=64, show_spinner="Searching for similar samples …")
def _nearest(key: str, _opened: Opened, _it: Query, _metric: Metric, count: int) -> Neighbors:
    ids = _opened.pipeline.samples.sample_ids.copy()  # torch may share it
    own = None if _it.owner is None else just(_it.owner)
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
    usual = _usual(fingerprint([_space(opened), metric]), opened, metric)
    if nearest > usual:
        st.warning(
            f"Unlike the samples, so the goal model's prediction is not reliable: the nearest sample is at "
            f"{nearest:.3g}, while 99 % of the samples have another one within {usual:.3g}. Is it inverted?",
            icon=":material/not_listed_location:",
        )


@st.cache_resource(max_entries=8, show_spinner=False)
def _usual(key: str, _opened: Opened, metric: Metric) -> float:
    seen, ids = resources.features(_opened.pipeline), _opened.pipeline.samples.sample_ids
    return usual_distance(seen, ids, metric=metric, device=_opened.pipeline.device)


def _agreement(labels: Array, label: int | None, classes: list[str]) -> str:
    """Return in words which classes neighbors have, and how many of them the query's."""
    counts = label_counts(labels)
    told = [f"{classes[one]} ({count:,})" for one, count in counts]
    listed = ", ".join(told[:6]) + (f" and {len(told) - 6} more classes" if len(told) > 6 else "")
    if label is None:
        return f"Labels of the **{len(labels):,}** nearest samples: {listed}"
    alike = dict(counts).get(label, 0)
    same = f"**{alike:,} of {len(labels):,}** nearest samples have its label, **{classes[label]}**"
    return same if alike == len(labels) else f"{same} :gray[· all: {listed}]"


def _picture(opened: Opened, it: Query) -> None:
    """Draw an uploaded picture as the goal model sees it."""
    classes = opened.pipeline.samples.classes
    with st.container(border=True):
        left, right = st.columns([1, 1])
        left.image(enlarged(it.image, side_px=SIDE_PX), width="stretch")
        with right:
            st.markdown(f"**{it.title}**  \n:gray[{it.note}]" if it.note else f"**{it.title}**")
            best = most_probable(it.probabilities, detail.TOP)
            st.markdown(f"Predicted **{classes[best[0][0]]}**")
            for index, share in best:
                st.progress(share, text=f"{classes[index]} · {share:.1%}")
        st.button("Remove", icon=":material/close:", on_click=query.take_away, key="similar-take-away")
