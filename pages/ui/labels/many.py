"""Many at once: relabel the first suspects of the queue, where what they look like is sure enough."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui import edits
from pages.ui.fields import kept
from pages.ui.labels import queue as queues
from pages.ui.labels.checked import Review
from pages.ui.labels.overview import grid
from pages.ui.labels.queue import Queue
from pages.ui.turn import PAGE, turn

FIRST, CONFIDENCE = 100, 0.9


def draw(found: Review, queue: Queue) -> None:
    """Draw how many would be relabeled, which ones, and what does it."""
    queues.progress(found, queue)
    ids, checked = found.pipeline.samples.sample_ids, found.checked
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = kept(
            st.number_input, "Relabel the first", key="labels-first", default=FIRST, min_value=1, step=50, width=160
        )
        sure = kept(
            st.number_input,
            "where confidence is at least",
            key="labels-confidence",
            default=CONFIDENCE,
            min_value=0.0,
            max_value=1.0,
            step=0.05,
            format="%.2f",
            width=200,
            help="In the class that it looks like: the mean of the networks' probability and of the neighbors' votes.",
        )
    rows = queue.rows[: int(first)]
    is_open = np.array([int(one) not in queue.decided for one in ids[rows]], bool)
    other = is_open & (checked.suggested[rows] != checked.given[rows])
    would = rows[other & (checked.confidence[rows] >= sure)]
    done = st.session_state.get("labels-bulk", [])
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        truth = found.pipeline.samples.truly_wrong
        right = ""
        if truth is not None and len(would):
            true = found.pipeline.samples.table["true_label"].to_numpy()[would]
            right = f" :gray[:material/science: {int((true == checked.suggested[would]).sum())} of them rightly]"
        st.markdown(f"**{len(would):,}** of the first {len(rows):,} of this list would be relabeled.{right}")
        st.button(
            f"Relabel {len(would):,}",
            type="primary",
            icon=":material/label:",
            disabled=not len(would),
            on_click=_relabel,
            args=(ids[would].tolist(), checked.suggested[would].tolist()),
            key="labels-relabel",
            help="One change of the recipe, which one Undo takes back.",
        )
        if any(one in queue.decided for one in done):
            st.button(
                f"Take the last {len(done):,} back",
                icon=":material/undo:",
                on_click=_take_back,
                args=(done,),
                key="labels-take-back",
            )
    if len(would):
        page = turn(len(would), len(rows), f"many-{queue.key}-{first}-{sure}", what="would be relabeled")
        grid(found, would[(page - 1) * PAGE : page * PAGE], queue.decided, key="labels-many")
        st.caption("Given → the new label · click or Enter opens it in “One by one”")
    else:
        surest = f"the surest is {checked.confidence[rows[other]].max():.0%}; " if other.any() else ""
        st.info(f"None of them: {surest}ask for more, for less, or take a filter back.", icon=":material/search_off:")


def _relabel(sample_ids: list[int], labels: list[int]) -> None:
    if edits.decide_labels(zip(sample_ids, labels, strict=True)):
        st.session_state["labels-bulk"] = sample_ids
        st.toast(f"{len(sample_ids):,} relabeled; Undo takes them back.", icon=":material/label:")


def _take_back(sample_ids: list[int]) -> None:
    edits.decide_labels((one, None) for one in sample_ids)
    st.session_state.pop("labels-bulk", None)
