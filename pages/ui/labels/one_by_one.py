"""Suspects one by one: each beside its neighbors and both classes, decided by key, button or touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from curation.analysis.label_review import Decided, Queue, place
from curation.label_errors import LABEL_SCORES
from curation.plugin import fingerprint
from pages.ui import edits, session, thumbnails
from pages.ui.components.review import (
    BLOCK,
    Decision,
    ReviewEvents,
    Sheet,
    Suspect,
    around,
    classes_sheet,
    review,
    suspects_sheet,
)
from pages.ui.labels import queue as queues
from pages.ui.labels.checked import Review

if TYPE_CHECKING:
    import numpy as np

KEY = "labels-review"
SHARED_CLASSES = 32
"""Of so many classes the typical samples travel once; of more, with the suspects that look like them."""
OPINIONS = 3
AHEAD = 300
"""The neighbors of so many suspects are found at once."""
SHOWN_PX = 96


def show(sample_id: int) -> None:
    """Look at one sample; for callbacks."""
    _go(sample_id)
    session.LABELS_JUMP.set(session.LABELS_JUMP.get() + 1)
    session.LABELS_GO.set("One by one")


def draw(found: Review, queue: Queue) -> None:
    """Draw the suspect that is looked at."""
    ids = found.pipeline.samples.sample_ids
    at = _place(ids[queue.rows])

    def happened(events: ReviewEvents) -> None:
        _decide(events.decisions)
        if events.at is not None and len(queue.rows):
            _go(int(ids[queue.rows[min(events.at, len(queue.rows) - 1)]]))

    queues.progress(found, queue)
    blocks = {number: _block(found, queue.rows, number) for number in _around(queue, at)}
    here = {int(ids[row]) for number in blocks for row in queue.rows[number * BLOCK : (number + 1) * BLOCK]}
    review(
        _classes(found),
        blocks,
        key=KEY,
        queue=queue.key,
        total=len(queue.rows),
        at=at,
        jump=session.LABELS_JUMP.get(),
        states={one: state for one, state in queue.decided.items() if one in here},
        skip=queue.which != "decided",
        large=_large(found),
        on_events=happened,
    )


def _around(queue: Queue, at: int) -> list[int]:
    return around(at, len(queue.rows)) if len(queue.rows) else []


def _place(ids: np.ndarray) -> int:
    """Return where in the queue the sample of the session or the link is, the first place where it is not in it."""
    return place(ids, session.from_address(session.LABELS_AT, "suspect"))


def _go(sample_id: int) -> None:
    session.LABELS_AT.set(sample_id)
    st.query_params["suspect"] = str(sample_id)


def _decide(decisions: Sequence[Decision]) -> None:
    """Write each as a change of its own, so that each can be undone."""
    words: dict[str, Decided | None] = {"confirm": "confirmed", "drop": "dropped", "open": None}
    for one in decisions:
        edits.decide_labels([(one.id, one.label if one.action == "relabel" else words[one.action])])


def _typical(found: Review) -> dict[int, list[int]]:
    """Return the rows of typical samples that all suspects share."""
    classes = found.suspects.typical
    return dict(enumerate(classes)) if len(classes) <= SHARED_CLASSES else {}


def _classes(found: Review) -> Sheet:
    return _shared(found.suspects.key, found)


@st.cache_resource(max_entries=4, show_spinner=False)
def _shared(key: str, _found: Review) -> Sheet:
    samples = _found.pipeline.samples
    return classes_sheet(
        key,
        class_names=samples.classes,
        typical=_typical(_found),
        scores=[(LABEL_SCORES[name].title, queues.explained(name)) for name in _found.suspects.scores],
        total=len(samples),
        pictures=samples.images,
    )


def _block(found: Review, rows: np.ndarray, number: int) -> Sheet:
    some, ahead = (rows[number * BLOCK :][:most] for most in (BLOCK, AHEAD))
    return _suspects(fingerprint([found.suspects.key, some.tolist()]), found, some, ahead)


@st.cache_resource(max_entries=128, show_spinner=False)
def _suspects(key: str, _found: Review, _rows: np.ndarray, _ahead: np.ndarray) -> Sheet:
    found, samples, shared = _found.suspects, _found.pipeline.samples, _typical(_found)
    suspects = [
        _suspect(_found, int(row), near) for row, near in zip(_rows, found.nearest(_rows, ahead=_ahead), strict=True)
    ]
    own = {label for one in suspects for label in (one.given, one.looks)}.difference(shared)
    return suspects_sheet(
        key,
        suspects,
        typical={label: found.typical[label] for label in own},
        shared=[row for some in shared.values() for row in some],
        pictures=samples.images,
    )


def _suspect(found: Review, row: int, near: np.ndarray) -> Suspect:
    suspects, samples = found.suspects, found.pipeline.samples
    return Suspect(
        id=int(samples.sample_ids[row]),
        row=row,
        given=int(suspects.given[row]),
        looks=int(suspects.suggested[row]),
        sure=float(suspects.confidence[row]),
        opinion=suspects.opinion(row, count=OPINIONS),
        scores=[
            (f"{values[row]:.3g}", suspects.share(name, row), int(suspects.places(name)[row]))
            for name, values in suspects.scores.items()
        ],
        near=[(int(one), int(suspects.given[one])) for one in near if one >= 0],
    )


def _large(found: Review) -> str:
    """Return the address of the pictures in full size, where those that travel are scaled down."""
    samples = found.pipeline.samples
    if max(samples.shape[:2]) <= SHOWN_PX:
        return ""
    return thumbnails.offer(fingerprint(["samples", samples.key]), lambda row: samples.image(row), number=len(samples))
