"""The map: every image a point, coloured, hovered and lassoed in the browser; Python hears of polygons and clicks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.errors import CurationError
from pages.ui.components.wire import Part, last_writer, pack, pack_columns, remember

Polygon = list[list[float]]
"""Corners [[x, y], …] in data coordinates, at most 128, closed implicitly."""

_part = Part("map", "shapes", "points")
_STEPS = 65535


@dataclass(frozen=True)
class MapEvents:
    """What the user did on the map.

    Attributes:
        polygon: the lasso or box that stands now, or None; kept across reruns.
        picked: the index of the point clicked just now, else None.
    """

    polygon: Polygon | None
    picked: int | None


def embedding_map(
    xy: NDArray[Any],
    *,
    key: str,
    fingerprint: str,
    labels: NDArray[Any],
    class_names: Sequence[str],
    clusters: NDArray[Any] | None = None,
    scores: NDArray[Any] | None = None,
    score_name: str = "entropy",
    ids: NDArray[Any] | None = None,
    selected: NDArray[np.bool_] | None = None,
    colour: Literal["label", "cluster", "score", "selected"] = "label",
    polygon: Polygon | EllipsisType | None = ...,
    height_px: int = 560,
    on_polygon: Callable[[], None] | None = None,
    on_picked: Callable[[], None] | None = None,
    on_colour: Callable[[], None] | None = None,
) -> MapEvents:
    """Draw a scatter of images that pans, zooms, isolates classes and takes a lasso or a box.

    The columns travel once a fingerprint (7 bytes a point); a rerun sends ``selected`` (a bit a point) and little else.
    Whoever changed the polygon last wins: the page by its argument (which must follow what is returned), or the user.
    ``st.session_state[key]`` holds ``{"polygon": …}`` in callbacks, and ``"picked"`` in that of a click.

    Args:
        xy: N×2, finite; any unit, the same on both axes.
        key: unique on the page.
        fingerprint: of xy, labels, clusters, scores and ids; new data must have a new one.
        labels: N, integers in [0, K).
        class_names: K names.
        clusters: N, integers >= 0, or None.
        scores: N, in [0, 1], such as entropy as a share of ln K, or None.
        score_name: what the scores are, for the legend.
        ids: N, integers in [0, 2³²), shown when a point is hovered; None means the index.
        selected: N, bool: drawn full, the others faded; None draws all alike.
        colour: how points are coloured first; the user can switch.
        polygon: the selection as the page knows it, for example from the recipe; ``...`` leaves it to the user.
        height_px: of the canvas.
        on_colour: called when the user switches the colouring; the state's ``colour`` is its name.
        on_polygon: called when the user draws or clears a selection.
        on_picked: called when the user clicks a point.

    Raises:
        CurationError: columns of different length, coordinates that are not finite, or labels without a name.
    """
    xy = np.asarray(xy)
    columns = {"labels": labels, "clusters": clusters, "scores": scores, "ids": ids, "selected": selected}
    for name, column in columns.items():
        if column is not None and len(column) != len(xy):
            raise CurationError(f"the map's {name} must have one entry a point: expected {len(xy)}, got {len(column)}")
    given = tuple(name for name, column in columns.items() if column is not None and name != "selected")
    identity = f"map-{fingerprint}-{len(xy)}-{'-'.join(given)}"
    encoded = _encode(identity, xy, labels, tuple(class_names), clusters, scores, ids, score_name)
    written = (st.session_state.get(key) or {}).get("polygon")
    if isinstance(polygon, EllipsisType):
        current = written or []
    else:
        current = last_writer(key, [[float(x), float(y)] for x, y in polygon or []], written)
    arrays = {} if selected is None else {"selected": np.packbits(np.asarray(selected, bool), bitorder="little")}
    parameters = pack(
        {"columns": identity, "colour": colour, "height_px": height_px},
        polygon=np.asarray(current, np.float32),
        **arrays,
    )
    state = _part.mount(
        parameters, key=key, columns=encoded, events={"polygon": on_polygon, "picked": on_picked, "colour": on_colour}
    )
    remember(key, current, written)
    picked = state.get("picked")
    return MapEvents(current or None, picked if isinstance(picked, int) and 0 <= picked < len(xy) else None)


@st.cache_resource(max_entries=8, show_spinner=False)
def _encode(
    identity: str,
    _xy: NDArray[Any],
    _labels: NDArray[Any],
    _class_names: tuple[str, ...],
    _clusters: NDArray[Any] | None,
    _scores: NDArray[Any] | None,
    _ids: NDArray[Any] | None,
    _score_name: str,
) -> bytes:
    if _xy.ndim != 2 or _xy.shape[1] != 2 or not np.isfinite(_xy).all():
        raise CurationError("the map needs finite coordinates N×2; compute the embedding again")
    labels = np.asarray(_labels)
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(_class_names):
        raise CurationError(f"the map's labels must be in 0…{len(_class_names) - 1}, one for each class name")
    low, high = (_xy.min(0), _xy.max(0)) if len(_xy) else (np.zeros(2), np.ones(2))
    span = np.where(high > low, high - low, 1.0)
    arrays: dict[str, NDArray[Any]] = {
        "xy": np.rint((_xy - low) / span * _STEPS).astype(np.uint16),
        "label": _codes(labels),
    }
    if _clusters is not None:
        arrays["cluster"] = _codes(np.asarray(_clusters))
    if _scores is not None:
        arrays["score"] = np.rint(np.clip(_scores, 0, 1) * 255).astype(np.uint8)
    if _ids is not None:
        arrays["ids"] = np.asarray(_ids).astype(np.uint32)
    header = {
        "low": low.astype(float).tolist(),
        "span": span.astype(float).tolist(),
        "class_names": list(_class_names),
        "score_name": _score_name,
    }
    return pack_columns(identity, header, **arrays)


def _codes(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.uint8 if values.max(initial=0) < 256 else np.uint16)


def points_in_polygon(xy: NDArray[Any], polygon: Sequence[Sequence[float]] | None) -> NDArray[np.bool_]:
    """Return which points lie inside a polygon, by the even-odd rule (milliseconds for 50,000 points).

    Args:
        xy: N×2.
        polygon: corners [[x, y], …]; None or fewer than three contain no point.

    Returns:
        bool, N.
    """
    xy = np.asarray(xy, np.float64)
    inside = np.zeros(len(xy), bool)
    if polygon is None or len(polygon) < 3 or not len(xy):
        return inside
    corners = np.asarray(polygon, np.float64)
    boxed = np.flatnonzero(((xy >= corners.min(0)) & (xy <= corners.max(0))).all(1))
    boxed = boxed[np.argsort(xy[boxed, 1], kind="stable")]
    x, y = xy[boxed].T
    odd = np.zeros(len(boxed), bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        # Points are sorted by y, so that an edge looks only at those between its ends.
        first, last = np.searchsorted(y, (min(y1, y2), max(y1, y2)))
        if last > first:
            odd[first:last] ^= x[first:last] < x1 + (y[first:last] - y1) * ((x2 - x1) / (y2 - y1))
    inside[boxed] = odd
    return inside
