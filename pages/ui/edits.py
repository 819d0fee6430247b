"""Decisions about single images and labels as a recipe has them: include, exclude, relabel, drop, confirm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from curation.analysis import candidates
from curation.analysis.arrays import Array, Table
from curation.analysis.candidates import names as names
from curation.analysis.label_review import Decided
from curation.errors import UsageError
from curation.selection.pool import parse_candidate
from pages.ui import state
from pages.ui.components import Edit


def states(pool: Table, rows: Array) -> list[str]:
    """Return ``included``, ``excluded``, ``relabeled`` or nothing for some rows of the pool."""
    return candidates.states(pool, rows, state.recipe().selection.edits)


def apply(pool: Table, decisions: Iterable[Edit]) -> None:
    """Write decisions of the gallery, which names images by candidate id, to the working recipe."""
    block = _block()
    for edit in decisions:
        row = candidates.row_of(pool, edit.id)
        if row is not None:
            (name,) = names(pool, candidates.just(row))
            _decide(block, name, int(pool["sample_id"].iloc[row]), edit.action, edit.label)
    _keep(block)


def decide(pool: Table, rows: Array, action: str, label: int | None = None) -> None:
    """Write one decision about some rows of the pool to the working recipe."""
    block = _block()
    for name, sample_id in zip(names(pool, rows), pool["sample_id"].to_numpy()[rows], strict=True):
        _decide(block, name, int(sample_id), action, label)
    _keep(block)


def decide_all(pool: Table, rows: Array, action: str, quotas: Mapping[str, int]) -> None:
    """Write one decision about many rows of the pool; more forced images than a quota are refused in one sentence."""
    if action == "include":
        try:
            _require_room(pool, rows, quotas)
        except UsageError as error:
            st.toast(str(error), icon=":material/error:")
            return
    decide(pool, rows, action)


def _require_room(pool: Table, rows: Array, quotas: Mapping[str, int]) -> None:
    """Raises: UsageError: some rows of the pool, with those that are included already, are more than a quota."""
    included = {parse_candidate(name).id for name in state.recipe().selection.edits.include}
    forced = pool["candidate_id"].isin(included).to_numpy().copy()
    forced[rows] = True
    for family, quota in quotas.items():
        count = int((forced & (pool["family"] == family).to_numpy()).sum())
        if count > quota:
            raise UsageError(
                f"That would force {count:,} {family} images into the set, more than their quota of {quota:,}; "
                "choose fewer, or raise the budget on the Mix page."
            )


def labels_decided() -> dict[int, Decided]:
    """Return what was decided about labels, by sample id."""
    edits = state.recipe().selection.edits
    found: dict[int, Decided] = dict.fromkeys(edits.confirmed, "confirmed")
    return {**found, **edits.relabel, **dict.fromkeys(edits.drop, "dropped")}


def decide_labels(decisions: Iterable[tuple[int, Decided | None]]) -> bool:
    """Write decisions about labels to the working recipe, as one change: sample id and what it is, None: open again.

    False when the recipe refused them.
    """
    block = _block()
    for sample_id, decided in decisions:
        for listed in ("confirmed", "drop", "relabel"):
            block[listed].pop(sample_id, None)
        if decided == "confirmed":
            block["confirmed"][sample_id] = None
        elif decided == "dropped":
            block["drop"][sample_id] = None
        elif decided is not None:
            block["relabel"][sample_id] = decided
    return _keep(block)


def _block() -> dict[str, dict[Any, Any]]:
    """Return the recipe's edits, its lists as the keys of dicts, so that thousands are changed in no time."""
    edits = state.recipe().selection.edits
    return {name: dict(part) if isinstance(part, dict) else dict.fromkeys(part) for name, part in edits}


def _keep(block: dict[str, dict[Any, Any]]) -> bool:
    """Write edits to the working recipe. False when it refused them."""
    written = {name: part if name == "relabel" else list(part) for name, part in block.items()}
    return state.change(**{"selection.edits": written})


def _decide(block: dict[str, dict[Any, Any]], name: str, sample_id: int, action: str, label: int | None) -> None:
    if action in ("include", "exclude", "clear"):
        block["include"].pop(name, None)
        block["exclude"].pop(name, None)
    if action in ("include", "exclude"):
        block[action][name] = None
    elif action == "relabel" and label is not None:
        block["relabel"][sample_id] = label
        block["confirmed"].pop(sample_id, None)
    elif action == "clear":
        block["relabel"].pop(sample_id, None)


def count_words(edits: Any) -> str:
    """Return how many edits of each kind a recipe holds, in words."""
    parts: Sequence[tuple[int, str]] = (
        (len(edits.include), "included"),
        (len(edits.exclude), "excluded"),
        (len(edits.relabel), "relabeled"),
        (len(edits.drop), "dropped"),
        (len(edits.confirmed), "labels confirmed"),
    )
    return ", ".join(f"{number} {words}" for number, words in parts if number) or "none"
