"""Decisions about single images, as they are written in the recipe: include, exclude, relabel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from curation.selection.pool import candidate_name
from pages.ui import state
from pages.ui.components import Edit


def names(pool: pd.DataFrame, rows: np.ndarray) -> list[str]:
    """Return the names, as in recipes, of some rows of the pool."""
    picked = pool.iloc[rows]
    return [
        candidate_name(int(sample_id), str(kind), int(severity))
        for sample_id, kind, severity in zip(picked["sample_id"], picked["kind"], picked["severity"], strict=True)
    ]


def states(pool: pd.DataFrame, rows: np.ndarray) -> list[str]:
    """Return ``included``, ``excluded``, ``relabelled`` or nothing for some rows of the pool."""
    edits = state.recipe().selection.edits
    included, excluded, relabelled = set(edits.include), set(edits.exclude), {int(key) for key in edits.relabel}
    found = []
    for name, sample_id in zip(names(pool, rows), pool["sample_id"].to_numpy()[rows], strict=True):
        if name in included:
            found.append("included")
        elif name in excluded:
            found.append("excluded")
        else:
            found.append("relabelled" if int(sample_id) in relabelled else "")
    return found


def apply(pool: pd.DataFrame, decisions: Iterable[Edit]) -> None:
    """Write decisions of the gallery, which names images by candidate id, to the working recipe."""
    block = _block()
    ids = pool["candidate_id"].to_numpy()
    for edit in decisions:
        row = np.flatnonzero(ids == edit.id)
        if len(row):
            _decide(block, names(pool, row)[0], int(pool["sample_id"].iloc[row[0]]), edit.action, edit.label)
    state.change(**{"selection.edits": block})


def decide(pool: pd.DataFrame, rows: np.ndarray, action: str, label: int | None = None) -> None:
    """Write one decision about some rows of the pool to the working recipe."""
    block = _block()
    for name, sample_id in zip(names(pool, rows), pool["sample_id"].to_numpy()[rows], strict=True):
        _decide(block, name, int(sample_id), action, label)
    state.change(**{"selection.edits": block})


def _block() -> dict[str, Any]:
    block = state.recipe().to_dict()["selection"]["edits"]
    return {"include": list(block["include"]), "exclude": list(block["exclude"]), "relabel": dict(block["relabel"])}


def _decide(block: dict[str, Any], name: str, sample_id: int, action: str, label: int | None) -> None:
    for listed in ("include", "exclude"):
        if name in block[listed] and action in ("include", "exclude", "clear"):
            block[listed].remove(name)
    block["relabel"] = {int(key): value for key, value in block["relabel"].items()}
    if action in ("include", "exclude"):
        block[action].append(name)
    elif action == "relabel" and label is not None:
        block["relabel"][sample_id] = label
    elif action == "clear":
        block["relabel"].pop(sample_id, None)


def count_words(edits: Any) -> str:
    """Return how many edits of each kind a recipe holds, in words."""
    parts: Sequence[tuple[int, str]] = (
        (len(edits.include), "forced in"),
        (len(edits.exclude), "forced out"),
        (len(edits.relabel), "relabelled"),
    )
    return ", ".join(f"{number} {words}" for number, words in parts if number) or "none"
