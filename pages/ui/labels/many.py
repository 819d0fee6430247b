"""Many at once: relabel the first suspects of the queue whose suggested class is confident enough."""

from __future__ import annotations

import streamlit as st

from curation.analysis.label_review import Queue, bulk
from pages.ui import edits, session
from pages.ui.fields import kept
from pages.ui.labels import queue as queues
from pages.ui.labels.checked import Review
from pages.ui.labels.overview import grid
from pages.ui.turn import PAGE, turn

FIRST, CONFIDENCE = 100, 0.9


def draw(found: Review, queue: Queue) -> None:
    """Draw how many would be relabeled, which ones, and what does it."""
    queues.progress(found, queue)
    samples, suspects = found.pipeline.samples, found.suspects
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = kept(
            st.number_input, "Relabel the first", key="labels-first", default=FIRST, min_value=1, step=50, width=160
        )
        sure = kept(
            st.number_input,
            "with confidence of at least",
            key="labels-confidence",
            default=CONFIDENCE,
            min_value=0.0,
            max_value=1.0,
            step=0.05,
            format="%.2f",
            width=200,
            help="Confidence in the class that it looks like: the mean of the network's probability and the "
            "neighbors' votes.",
        )
    would = bulk(suspects, samples, queue, first=int(first), confidence=float(sure))
    done = session.LABELS_BULK.get()
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        right = f" :gray[:material/science: correct for {would.right}]" if would.right is not None else ""
        right = right if len(would.rows) else ""
        st.markdown(f"**{len(would.rows):,}** of the first {would.asked:,} in this list would be relabeled.{right}")
        st.button(
            f"Relabel {len(would.rows):,}",
            type="primary",
            icon=":material/label:",
            disabled=not len(would.rows),
            on_click=_relabel,
            args=(samples.sample_ids[would.rows].tolist(), suspects.suggested[would.rows].tolist()),
            key="labels-relabel",
            help="One change of the recipe; a single Undo reverts it.",
        )
        if any(one in queue.decided for one in done):
            st.button(
                f"Revert the last {len(done):,}",
                icon=":material/undo:",
                on_click=_take_back,
                args=(done,),
                key="labels-take-back",
            )
    if len(would.rows):
        page = turn(len(would.rows), would.asked, f"many-{queue.key}-{first}-{sure}", what="would be relabeled")
        grid(found, would.rows[(page - 1) * PAGE : page * PAGE], queue.decided, key="labels-many")
        st.caption("Given → new label · click or press Enter to open it in “One by one”")
    else:
        surest = "" if would.surest is None else f"; the highest confidence is {would.surest:.0%}"
        st.info(
            f"No matches{surest}: raise the number, lower the confidence, or clear a filter.",
            icon=":material/search_off:",
        )


def _relabel(sample_ids: list[int], labels: list[int]) -> None:
    if edits.decide_labels(zip(sample_ids, labels, strict=True)):
        session.LABELS_BULK.set(sample_ids)
        st.toast(f"{len(sample_ids):,} relabeled; Undo reverts it.", icon=":material/label:")


def _take_back(sample_ids: list[int]) -> None:
    edits.decide_labels((one, None) for one in sample_ids)
    session.LABELS_BULK.pop()
