"""The gallery: thumbnails from one sprite, with keys to open, include, exclude and relabel that answer at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.analysis.sprite import make_sprite
from curation.errors import CurationError
from pages.ui.components.wire import Part, pack, pack_columns

_part = Part("gallery")
_SIDE_PX = 96
_DIGITS = 10
_ACTIONS = ("include", "exclude", "relabel", "clear")


@dataclass(frozen=True)
class Edit:
    """One decision of the user about one image.

    Attributes:
        id: of the image, as given to ``gallery``.
        index: its position when the decision was made.
        action: ``clear`` takes an earlier decision back.
        label: the new class of a ``relabel``, else None.
    """

    id: int
    index: int
    action: Literal["include", "exclude", "relabel", "clear"]
    label: int | None = None


@dataclass(frozen=True)
class GalleryEvents:
    """What the user did in the gallery since the last run.

    Attributes:
        opened: the id of the image opened just now, else None.
        edits: decisions, oldest first; returned in one run only, or given to ``on_edit`` instead.
    """

    opened: int | None
    edits: tuple[Edit, ...]


def gallery(
    images: NDArray[np.uint8],
    *,
    key: str,
    ids: NDArray[Any],
    labels: NDArray[Any],
    class_names: Sequence[str],
    predictions: NDArray[Any] | None = None,
    entropy_shares: NDArray[Any] | None = None,
    families: Sequence[str] | None = None,
    states: Sequence[str] | None = None,
    notes: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    selected: int | None = None,
    columns: int | Literal["auto"] = "auto",
    group: int = 1,
    editable: bool = True,
    on_open: Callable[[int], None] | None = None,
    on_edit: Callable[[tuple[Edit, ...]], None] | None = None,
) -> GalleryEvents:
    """Draw a grid of thumbnails with label, prediction, entropy, family and state.

    Arrows move, Enter or a click opens; ``i`` includes, ``x`` excludes, a digit relabels, Backspace undoes. A
    decision shows at once and is told to Python as an edit; until ``states`` confirms it, the browser keeps showing it.
    Edits name images by id, so that none is lost or misread when the page turns meanwhile.

    Args:
        images: uint8 N×H×W×C; shown in pixels when small, scaled down to 96 pixels when large.
        key: unique on the page.
        ids: N, integers, unique: what events refer to, such as the candidate id.
        labels: N, integers in [0, K): the labels as they stand.
        class_names: K names; digits relabel to the first ten.
        predictions: N, the goal model's classes, or None.
        entropy_shares: N, in [0, 1], shares of ln K, or None.
        families: N of ``clean``, ``corruption``, ``adversarial``, or None.
        states: N of ``""``, ``included``, ``excluded``, ``relabeled``, or None.
        notes: N short texts for the second line, such as ``fog 3``, or None.
        names: N names said of the focused image instead of its id, such as ``17/fog/3``, or None.
        selected: the id of the image that the page shows in detail, or None.
        columns: number of columns, or ``auto`` for as many as fit.
        group: with ``auto``, the number of columns is a multiple of this.
        editable: offer include, exclude and relabel.
        on_open: called with the id before the script runs.
        on_edit: called with the new edits before the script runs.

    Raises:
        CurationError: columns of different length, or images that are not uint8 N×H×W×C.
    """
    given: dict[str, Any] = {
        "ids": ids,
        "labels": labels,
        "predictions": predictions,
        "entropy_shares": entropy_shares,
        "families": families,
        "states": states,
        "notes": notes,
        "names": names,
    }
    for name, column in given.items():
        if column is not None and len(column) != len(images):
            raise CurationError(
                f"the gallery's {name} must have one entry an image: expected {len(images)}, got {len(column)}"
            )
    sheet = encoded(identity(images), images)
    parameters = {
        "columns": identity(images),
        "grid_columns": 0 if columns == "auto" else columns,
        "group": group,
        "ids": [int(i) for i in ids],
        "titles": [_title(i, labels, class_names, predictions) for i in range(len(images))],
        "notes": list(notes) if notes is not None else None,
        "names": list(names) if names is not None else None,
        "shares": None if entropy_shares is None else [round(float(share), 3) for share in entropy_shares],
        "families": list(families) if families is not None else None,
        "states": list(states) if states is not None else None,
        "digits": list(class_names[:_DIGITS]) if editable and len(class_names) <= _DIGITS else [],
        "editable": editable,
        "selected": selected,
        "seen": st.session_state.get(f"{key}-seen", 0),
    }

    def edited() -> None:
        # Seen only once they are written: a run may be stopped in between.
        fresh = _fresh(key, st.session_state[key])
        if on_edit is not None:
            on_edit(_edits(fresh))
        _seen(key, fresh)

    state = _part.mount(
        pack(parameters),
        key=key,
        columns=sheet,
        events={
            "opened": on_open and (lambda: on_open(int(st.session_state[key]["opened"]))),
            "journal": on_edit and edited,
        },
    )
    opened, fresh = state.get("opened"), _fresh(key, state)
    _seen(key, fresh)
    return GalleryEvents(None if opened is None else int(opened), _edits(fresh))


def _fresh(key: str, state: Any) -> list[dict[str, Any]]:
    seen = st.session_state.get(f"{key}-seen", 0)
    return [entry for entry in state.get("journal") or [] if entry["number"] > seen and entry["action"] in _ACTIONS]


def _seen(key: str, fresh: list[dict[str, Any]]) -> None:
    if fresh:
        st.session_state[f"{key}-seen"] = fresh[-1]["number"]


def _edits(fresh: list[dict[str, Any]]) -> tuple[Edit, ...]:
    return tuple(Edit(int(e["id"]), int(e["index"]), e["action"], e.get("label")) for e in fresh)


def _title(index: int, labels: NDArray[Any], class_names: Sequence[str], predictions: NDArray[Any] | None) -> str:
    label = class_names[int(labels[index])]
    if predictions is None or predictions[index] == labels[index]:
        return label
    return f"{label} → {class_names[int(predictions[index])]}"


def identity(images: NDArray[np.uint8]) -> str:
    """Return the fingerprint by which the browser knows a sheet of thumbnails."""
    digest = hashlib.blake2b(np.ascontiguousarray(images).view(np.uint8).data, digest_size=12)
    return f"gallery-{digest.hexdigest()}-{'x'.join(map(str, images.shape))}"


@st.cache_resource(max_entries=32, show_spinner=False)
def encoded(identity: str, _images: NDArray[np.uint8]) -> bytes:
    """Return the columns of a component that shows these thumbnails, once for each identity."""
    layout, sprite = make_sprite(_images, side_px=_SIDE_PX)
    return pack_columns(identity, {"layout": layout, "number": len(_images)}, sprite=sprite)
