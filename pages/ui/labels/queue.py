"""Which suspects are looked at, in which order: the score, the filters, how far one is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from curation.label_errors import LABEL_SCORES
from curation.plugin import fingerprint
from pages.ui import edits
from pages.ui.edits import Decided
from pages.ui.labels.checked import Review

WHICH = {"open": "Open", "decided": "Decided", "all": "All"}
LAST = 20


@dataclass(frozen=True)
class Queue:
    """Suspects in order.

    key: changes with what is in it; score: that orders it; rows: int64 M, of the samples; which: of ``WHICH``;
    given, looks: the classes asked for, None: all.
    """

    key: str
    score: str
    rows: np.ndarray
    which: str
    given: int | None
    looks: int | None
    decided: dict[int, Decided]


def choose(review: Review) -> Queue:
    """Draw the score and the filters and return what they leave."""
    classes, found = review.pipeline.samples.classes, review.checked
    with st.container(horizontal=True, vertical_alignment="bottom"):
        score = st.selectbox(
            "Most suspicious by",
            list(found.scores),
            format_func=lambda name: LABEL_SCORES[name].title,
            key="by",
            bind="query-params",
            width=220,
            help="  \n".join(f"**{LABEL_SCORES[name].title}**: {explained(name)}" for name in found.scores),
        )
        given, looks = (
            st.selectbox(label, classes, index=None, key=key, bind="query-params", placeholder="any class", width=150)
            for label, key in (("Given", "given"), ("Looks like", "looks"))
        )
        which = st.segmented_control(
            "Show", list(WHICH), format_func=WHICH.__getitem__, default="open", key="which", bind="query-params",
            required=True,
        )  # fmt: skip
    asked = [None if name is None else classes.index(name) for name in (given, looks)]
    return _queue(review, str(score), asked[0], asked[1], str(which))


def show(given: str, looks: str) -> None:
    """Filter by two classes; for callbacks."""
    st.session_state["given"], st.session_state["looks"] = given, looks


def explained(score: str) -> str:
    """Return what a score is, in one line."""
    return (LABEL_SCORES[score].__doc__ or "").strip().splitlines()[0].rstrip(".:") + "."


def _queue(review: Review, score: str, given: int | None, looks: int | None, which: str) -> Queue:
    found, samples = review.checked, review.pipeline.samples
    rows = found.order(score)
    if given is not None:
        rows = rows[found.given[rows] == given]
    if looks is not None:
        rows = rows[found.suggested[rows] == looks]
    decided = edits.labels_decided()
    listed: list[int] = []
    if which != "all":
        # What is decided now stays where it is, so that one can go back to it; it leaves when one asks anew.
        asked = fingerprint([review.workspace.name, found.key, score, given, looks, which])
        if st.session_state.get("labels-asked") != asked:
            st.session_state["labels-asked"] = asked
            st.session_state["labels-before"] = sorted(decided)
        listed = [one for one in st.session_state["labels-before"] if one in decided or which == "decided"]
        mask = np.zeros(len(samples), bool)
        mask[samples.known(listed)[0]] = True
        rows = rows[mask[rows] == (which == "decided")]
    key = fingerprint([found.key, score, given, looks, which, listed])
    return Queue(key, score, rows, which, given, looks, decided)


def progress(review: Review, queue: Queue) -> None:
    """Draw how many are looked at, what came of it, and whether it is still worth while."""
    samples, total = review.pipeline.samples, len(review.checked.given)
    rows, here = samples.known(list(queue.decided))
    outcomes = [what for what, one_of_these in zip(queue.decided.values(), here, strict=True) if one_of_these]
    dropped, relabeled = outcomes.count("dropped"), sum(isinstance(what, int) for what in outcomes)
    parts = [f"**{len(rows):,}** of {total:,} decided", f"{relabeled:,} relabeled", f"{dropped:,} dropped"]
    unseen = np.isin(samples.sample_ids[rows], st.session_state.get("labels-bulk", []))
    if not unseen.all():
        places = review.checked.places(queue.score)[rows[~unseen]]
        wrong = np.array([what != "confirmed" for what in outcomes])[~unseen]
        last = np.argsort(places)[-LAST:]
        of = f"the last {LAST} looked at, by this score," if len(last) == LAST else f"the {len(last)} looked at"
        parts.append(f"**{int(wrong[last].sum())}** of {of} were wrong")
    st.markdown(" · ".join(parts))
    truth = samples.truly_wrong
    if truth is not None:
        first = review.checked.order(queue.score)[:100]
        noise = review.recipe.source.noise
        words = f"{noise.kind} noise, {noise.share:.0%}, " if noise else "noise "
        st.caption(
            f":material/science: {words[:1].upper()}{words[1:]}was injected: of the first {len(first)} suspects by "
            f"this score **{int(truth[first].sum())}** are truly wrong, of all {total:,} labels {int(truth.sum()):,}."
        )
