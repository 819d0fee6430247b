"""The review: one suspicious label at a time, what speaks for and against it beside it; the next shows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.analysis.sprite import make_sprite
from pages.ui.components.wire import Part, pack, pack_columns

_part = Part("review")
_SIDE_PX = 96
_AROUND = 3
_ACTIONS = ("confirm", "relabel", "drop", "open")

BLOCK = 6
"""Suspects that travel together, with all their pictures."""

Pictures = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
"""From rows to uint8 M×H×W×C."""


@dataclass(frozen=True)
class Suspect:
    """One label in doubt.

    Attributes:
        id: what decisions refer to, such as the sample id.
        row: of its picture.
        given: its class.
        looks: the class that speaks most for itself.
        sure: confidence in that class, in [0, 1].
        opinion: the likeliest classes and their probabilities, falling.
        scores: for each score its value in words, how far that is between the least and the most suspicious one, in
            [0, 1], and its place among all, 1: the most suspicious.
        near: rows and classes of the most similar samples, the nearest first.
    """

    id: int
    row: int
    given: int
    looks: int
    sure: float
    opinion: Sequence[tuple[int, float]]
    scores: Sequence[tuple[str, float, int]]
    near: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Sheet:
    """Suspects or classes with their pictures, as they travel: the fingerprint and the message."""

    identity: str
    message: bytes


@dataclass(frozen=True)
class Decision:
    """One decision of the user about one label; ``open`` takes an earlier one back.

    Attributes:
        id: of the suspect.
        action: the label is right, it is of class ``label``, or the sample is to be left out.
        label: the new class of a ``relabel``, else None.
    """

    id: int
    action: Literal["confirm", "relabel", "drop", "open"]
    label: int | None = None


@dataclass(frozen=True)
class ReviewEvents:
    """What the user did since the last run.

    Attributes:
        at: the place in the queue that is looked at now; None: that of another queue.
        decisions: oldest first.
    """

    at: int | None
    decisions: tuple[Decision, ...]


def classes_sheet(
    identity: str,
    *,
    class_names: Sequence[str],
    typical: Mapping[int, Sequence[int]],
    scores: Sequence[tuple[str, str]],
    total: int,
    pictures: Pictures,
) -> Sheet:
    """Return what all suspects share.

    Args:
        identity: a fingerprint of everything given here.
        class_names: K names; digits relabel to them where there are ten or fewer.
        typical: rows of typical samples of some classes; of the others the blocks have them.
        scores: title and one line of explanation of each.
        total: number of labels that were scored.
        pictures: of rows.
    """
    rows = sorted({row for some in typical.values() for row in some})
    header = {"classes": list(class_names), "scores": [list(score) for score in scores], "total": total}
    return _sheet(f"classes-{identity}", rows, typical, header, pictures)


def suspects_sheet(
    identity: str,
    suspects: Sequence[Suspect],
    *,
    typical: Mapping[int, Sequence[int]],
    shared: Sequence[int],
    pictures: Pictures,
) -> Sheet:
    """Return one block of the queue.

    Args:
        identity: a fingerprint of everything given here.
        suspects: at most ``BLOCK``.
        typical: rows of typical samples of the classes that ``classes_sheet`` has none of.
        shared: rows whose pictures that sheet has.
        pictures: of rows.
    """
    wanted = {row for one in suspects for row in (one.row, *(row for row, _ in one.near))}
    wanted |= {row for some in typical.values() for row in some}
    header = {"items": [_plain(one) for one in suspects]}
    return _sheet(f"suspects-{identity}", sorted(wanted.difference(shared)), typical, header, pictures)


def _plain(one: Suspect) -> dict[str, Any]:
    return {
        "id": one.id,
        "row": one.row,
        "given": one.given,
        "looks": one.looks,
        "sure": round(one.sure, 4),
        "opinion": [[label, round(share, 4)] for label, share in one.opinion],
        "scores": [[words, round(share, 3), place] for words, share, place in one.scores],
        "near": [list(pair) for pair in one.near],
    }


def _sheet(
    identity: str,
    rows: Sequence[int],
    typical: Mapping[int, Sequence[int]],
    header: Mapping[str, Any],
    pictures: Pictures,
) -> Sheet:
    layout, sprite = make_sprite(pictures(np.array(rows, np.int64)), side_px=_SIDE_PX)
    listed = {str(label): list(some) for label, some in typical.items()}
    return Sheet(
        identity,
        pack_columns(identity, {**header, "layout": layout, "rows": list(rows), "typical": listed}, sprite=sprite),
    )


def around(at: int, total: int) -> list[int]:
    """Return the blocks that the browser should have: that of a place in the queue, and those beside it."""
    last = max(0, total - 1) // BLOCK
    block = min(at // BLOCK, last)
    return [other for other in (block, block + 1, block - 1) if 0 <= other <= last]


def review(
    classes: Sheet,
    blocks: Mapping[int, Sheet],
    *,
    key: str,
    queue: str,
    total: int,
    at: int,
    jump: int = 0,
    states: Mapping[int, str | int],
    skip: bool = True,
    large: str = "",
    on_events: Callable[[ReviewEvents], None],
) -> None:
    """Draw one suspect of a queue, and take decisions about it by key, button or touch.

    ``a`` or Enter: the label is right; ``r``: it is what the sample looks like; a digit: it is that class; ``d`` or
    ``x``: drop the sample; ``u`` or Backspace takes the last one back; arrows, ``j`` and ``k`` move. The next one shows
    at once: its block is there already. Until ``states`` confirms a decision, the browser keeps showing it.

    Args:
        classes: from ``classes_sheet``.
        blocks: those ``around`` the place, by number, from ``suspects_sheet``.
        key: unique on the page.
        queue: changes with what is in the queue; the user's place is then given up for ``at``.
        total: number of suspects in it.
        at: the place to show, from 0; as long as ``queue`` and ``jump`` stay, the browser's own goes before it.
        jump: another number brings the browser to ``at``.
        states: by id, of the suspects in the blocks: ``confirmed``, ``dropped`` or the new class; others are open.
        skip: after a decision, pass over what is decided already.
        large: address of larger pictures, ``<address>/<row>``, where those of the blocks are scaled down.
        on_events: called with what is new before the script runs. A run that is interrupted meanwhile has it called
            again with the same decisions, so that none is lost.
    """
    parameters = {
        "columns": classes.identity,
        "more": {str(number % _AROUND): sheet.identity for number, sheet in blocks.items()},
        "numbers": {str(number % _AROUND): number for number in blocks},
        "block": BLOCK,
        "queue": queue,
        "total": total,
        "at": at,
        "jump": jump,
        "states": {str(one): state for one, state in states.items()},
        "skip": skip,
        "large": large,
        "seen": st.session_state.get(f"{key}-seen", 0),
    }

    def hear(state: Any) -> None:
        events = _new(state.get("journal") or {}, queue, st.session_state.get(f"{key}-seen", 0))
        on_events(events)
        if events.decisions:
            st.session_state[f"{key}-seen"] = state["journal"]["entries"][-1]["number"]

    state = _part.mount(
        pack(parameters),
        key=key,
        columns=classes.message,
        more={str(number % _AROUND): blocks[number].message for number in sorted(blocks, key=lambda n: n % _AROUND)},
        events={"journal": lambda: hear(st.session_state[key])},
    )
    if _new(state.get("journal") or {}, queue, parameters["seen"]).decisions:
        hear(state)  # the run that should have heard of them was interrupted
        st.rerun()


def _new(journal: Mapping[str, Any], queue: str, seen: int) -> ReviewEvents:
    fresh = [entry for entry in journal.get("entries", []) if entry["number"] > seen and entry["action"] in _ACTIONS]
    decisions = tuple(Decision(int(entry["id"]), entry["action"], entry.get("label")) for entry in fresh)
    return ReviewEvents(int(journal["at"]) if journal.get("queue") == queue else None, decisions)
