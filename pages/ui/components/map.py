"""The map: every image a point, colored, hovered and lassoed in the browser; Python hears of polygons and clicks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.analysis.map_columns import Column, Copies, identify
from curation.analysis.slices import points_in_polygon
from curation.errors import CurationError
from pages.ui.components.columns import send_column, send_copies, send_flags, send_places
from pages.ui.components.wire import Part, last_writer, pack, remember

Polygon = list[list[float]]
"""Corners [[x, y], …] in data coordinates, at most 128, closed implicitly."""

_part = Part("map")
_KEPT_COLUMNS = 6


@dataclass(frozen=True)
class MapEvents:
    """What the user did on the map.

    Attributes:
        polygon: the lasso or box that stands now, or None; kept across reruns.
        inside: bool, N: the points in the polygon, as ``points_in_polygon`` finds them; treat as read-only.
        picked: the index of the point clicked just now, else None.
        copy: the index of the copy clicked just now, else None.
        color: the name of the column that colors the points.
    """

    polygon: Polygon | None
    inside: NDArray[np.bool_]
    picked: int | None
    copy: int | None
    color: str


def embedding_map(
    xy: NDArray[Any],
    *,
    key: str,
    fingerprint: str,
    columns: Sequence[Column],
    color: str | None = None,
    hover: Sequence[str] | None = None,
    ids: NDArray[Any] | None = None,
    selected: NDArray[np.bool_] | None = None,
    marked: NDArray[np.bool_] | None = None,
    marked_title: str = "representatives",
    copies: Copies | None = None,
    thumbnails: str = "",
    polygon: Polygon | EllipsisType | None = ...,
    height_px: int = 560,
    on_polygon: Callable[[], None] | None = None,
    on_picked: Callable[[], None] | None = None,
    on_copy: Callable[[], None] | None = None,
    on_color: Callable[[], None] | None = None,
) -> MapEvents:
    """Draw a scatter of images that pans, zooms, isolates classes and takes a lasso or a box; for a million points too.

    Places travel once (4 bytes a point), each column once it is first looked at (at most 2 bytes a point); a rerun
    sends ``selected`` and ``marked`` (a bit a point) and little else. Switching the color to a column the browser does
    not have reruns the script: put the map in a fragment.
    Whoever changed the polygon last wins: the page by its argument (which must follow what is returned), or the user.
    ``st.session_state[key]`` holds ``{"polygon": …, "color": …}`` in callbacks, and ``"picked"`` or ``"copy"`` in that
    of a click.

    Args:
        xy: N×2, finite; any unit, the same on both axes.
        key: unique on the page.
        fingerprint: of xy and ids; new places must have a new one. Columns, masks and copies are compared by content.
        columns: what the user can color by, in the order of the menu; at least one.
        color: the column that colors first; the user can switch, the page too, by another name. ``"selected"`` stands
            for the mask where one is given.
        hover: the columns read when a point is hovered; they travel at once. None means the first three.
        ids: N, integers in [0, 2³²), shown when a point is hovered; None means the index.
        selected: N, bool: drawn full, the others faded; None draws all alike.
        marked: N, bool: ringed, such as the facilities that a coverage strategy chose.
        marked_title: what the ringed points are, for the legend.
        copies: variants, drawn hollow where they land, with a line from their point.
        thumbnails: address from ``pages.ui.thumbnails.offer`` under which picture i is that of point i; "" for none.
        polygon: the selection as the page knows it, for example from the recipe; ``...`` leaves it to the user.
        height_px: of the canvas.
        on_polygon: called when the user draws or clears a selection.
        on_picked: called when the user clicks a point.
        on_copy: called when the user clicks a copy.
        on_color: called when the user switches the coloring; the state's ``color`` is the column's name.

    Raises:
        CurationError: columns of different length, coordinates that are not finite, or categories without a name.
    """
    xy = np.asarray(xy)
    by_name = _checked(xy, columns, ids=ids, selected=selected, marked=marked)
    state = st.session_state.get(key) or {}
    shown = _color(key, color, state.get("color"), [*by_name, *(["selected"] if selected is not None else [])])
    read = [name for name in (hover if hover is not None else list(by_name)[:3]) if name in by_name]
    identity = f"map-{fingerprint}-{len(xy)}{'' if ids is None else '-ids'}"
    places = send_places(identity, xy, ids)

    cargo: dict[str, tuple[str, bytes]] = {}
    for name, column in _wanted(key, by_name, shown, read).items():
        cargo[f"column {column.name}"] = name, send_column(name, column)
    for title, mask in (("selected", selected), ("marked", marked)):
        if mask is not None:
            cargo[title] = send_flags(mask)
    if copies is not None:
        cargo["copies"] = send_copies(copies, len(xy))

    written = state.get("polygon")
    if isinstance(polygon, EllipsisType):
        current = written or []
    else:
        current = last_writer(key, [[float(x), float(y)] for x, y in polygon or []], written)
    inside = _inside(identity, repr(current), xy, current)
    parameters = pack(
        {
            "columns": identity,
            "more": {name: identity for name, (identity, _) in cargo.items()},
            "menu": [[column.name, column.title] for column in columns],
            "color": shown,
            "hover": read,
            "thumbnails": thumbnails,
            **({} if copies is None else {"copy_thumbnails": copies.thumbnails}),
            **({} if marked is None else {"marked_title": marked_title}),
            "inside": int(inside.sum()),
            "height_px": height_px,
        },
        polygon=np.asarray(current, np.float32),
    )
    state = _part.mount(
        parameters,
        key=key,
        columns=places,
        more={name.replace(" ", "-").replace("__", "-"): message for name, (_, message) in cargo.items()},
        events={"polygon": on_polygon, "picked": on_picked, "copy": on_copy, "color": on_color},
    )
    remember(key, current, written)
    return MapEvents(
        current or None,
        inside,
        _index(state.get("picked"), len(xy)),
        _index(state.get("copy"), 0 if copies is None else len(copies.owners)),
        shown,
    )


def _checked(xy: NDArray[Any], columns: Sequence[Column], **masks: NDArray[Any] | None) -> dict[str, Column]:
    by_name = {column.name: column for column in columns}
    if not columns or len(by_name) < len(columns):
        raise CurationError("the map needs at least one column to color by, each with a name of its own")
    for name, values in {**{c.title: c.values for c in columns}, **masks}.items():
        if values is not None and len(values) != len(xy):
            raise CurationError(f"the map's {name} must have one entry a point: expected {len(xy)}, got {len(values)}")
    return by_name


def _color(key: str, argument: str | None, written: str | None, names: Sequence[str]) -> str:
    """Return what colors the points: what the page or the user asked for last."""
    value, argued, wrote = st.session_state.get(f"{key}-coloring", (None, None, None))
    if argument != argued:
        value = argument
    elif written is not None and written != wrote:  # a map that comes back to the page has nothing written
        value = written
    st.session_state[f"{key}-coloring"] = (value, argument, written)
    return value if value in names else names[0]


def _wanted(key: str, by_name: dict[str, Column], shown: str, read: Sequence[str]) -> dict[str, Column]:
    """Return the columns to send by fingerprint: those in use, and the last few that were and are still the same."""
    before: dict[str, str] = st.session_state.get(f"{key}-columns", {})
    now = {name: identify(by_name[name]) for name in dict.fromkeys([shown, *before, *read]) if name in by_name}
    recent = [name for name in now if name == shown or before.get(name) == now[name]][:_KEPT_COLUMNS]
    st.session_state[f"{key}-columns"] = {name: now[name] for name in recent}
    return {now[name]: by_name[name] for name in dict.fromkeys([*read, *recent]) if name in by_name}


@st.cache_resource(max_entries=8, show_spinner=False)
def _inside(identity: str, corners: str, _xy: NDArray[Any], _polygon: Polygon) -> NDArray[np.bool_]:
    inside = points_in_polygon(_xy, _polygon)
    inside.flags.writeable = False
    return inside


def _index(value: Any, number: int) -> int | None:
    return value if isinstance(value, int) and 0 <= value < number else None
