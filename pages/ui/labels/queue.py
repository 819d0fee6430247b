"""Which suspects are looked at, in which order: the score, the filters, how far one is."""

from __future__ import annotations

import streamlit as st

from curation.analysis import label_review
from curation.analysis.label_review import LAST, Queue, Which
from curation.label_errors import LABEL_SCORES
from curation.plugin import fingerprint
from pages.ui import edits, session
from pages.ui.labels.checked import Review

WHICH: dict[Which, str] = {"open": "Open", "decided": "Decided", "all": "All"}


def choose(review: Review) -> Queue:
    """Draw the score and the filters and return what they leave."""
    classes, found = review.pipeline.samples.classes, review.suspects
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
            for label, key in (("Given", session.LABELS_GIVEN.key), ("Looks like", session.LABELS_LOOKS.key))
        )
        which = st.segmented_control(
            "Show", list(WHICH), format_func=WHICH.__getitem__, default="open", key="which", bind="query-params",
            required=True,
        )  # fmt: skip
    asked = [None if name is None else classes.index(name) for name in (given, looks)]
    return _queue(review, str(score), asked[0], asked[1], which)


def show(given: str, looks: str) -> None:
    """Filter by two classes; for callbacks."""
    session.LABELS_GIVEN.set(given)
    session.LABELS_LOOKS.set(looks)


def explained(score: str) -> str:
    """Return what a score is, in one line."""
    return (LABEL_SCORES[score].__doc__ or "").strip().splitlines()[0].rstrip(".:") + "."


def _queue(review: Review, score: str, given: int | None, looks: int | None, which: Which) -> Queue:
    decided = edits.labels_decided()
    if which != "all":
        # What is decided now stays where it is, so that one can go back to it; it leaves when one asks anew.
        asked = fingerprint([review.workspace.name, review.suspects.key, score, given, looks, which])
        if session.LABELS_ASKED.get() != asked:
            session.LABELS_ASKED.set(asked)
            session.LABELS_BEFORE.set(sorted(decided))
    return label_review.queue(
        review.suspects,
        review.pipeline.samples,
        decided,
        score=score,
        given=given,
        looks=looks,
        which=which,
        before=session.LABELS_BEFORE.get(),
    )


def progress(review: Review, queue: Queue) -> None:
    """Draw how many are decided, what came of it, and whether it is still worthwhile."""
    samples, total = review.pipeline.samples, len(review.suspects)
    at = label_review.progress(review.suspects, samples, queue, bulk=session.LABELS_BULK.get())
    parts = [f"**{at.decided:,}** of {total:,} decided", f"{at.relabeled:,} relabeled", f"{at.dropped:,} dropped"]
    if at.judged:
        of = f"the last {LAST} reviewed, by this score," if at.judged == LAST else f"the {at.judged} reviewed"
        parts.append(f"**{at.wrong}** of {of} were wrong")
    st.markdown(" · ".join(parts))
    truth = label_review.truly_wrong(review.suspects, samples, queue.score)
    if truth is not None:
        count, first, every = truth
        noise = review.recipe.source.noise
        words = f"{noise.kind} noise, {noise.share:.0%}, " if noise else "noise "
        st.caption(
            f":material/science: {words[:1].upper()}{words[1:]}was injected: **{first}** of the first {count} "
            f"suspects by this score are truly wrong, and {every:,} of all {total:,} labels."
        )
