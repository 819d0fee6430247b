"""The hardness band: a histogram of entropy whose edges are dragged, with previews that follow before Python hears."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.analysis.sprite import make_sprite
from curation.errors import CurationError
from pages.ui.components.wire import Part, last_writer, pack, pack_columns, remember

_part = Part("band")
_BINS = 96
_CURVE_POINTS = 513
_PREVIEWS = 240
_SIDE_PX = 64


@dataclass(frozen=True)
class Band:
    """The part of a family from which images are taken, as shares of its candidates, hardest first.

    Attributes:
        offset: in [0, 1): this share, the hardest, is skipped.
        floor: in (offset, 1]: the band ends here; None: it ends where the quota is full.
    """

    offset: float
    floor: float | None


def hardness_band(
    entropies: Mapping[str, NDArray[Any]],
    *,
    key: str,
    fingerprint: str,
    family: str,
    class_count: int,
    quota: int,
    offset: float,
    floor: float | None,
    previews: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
    score: str = "",
    reset_offset: float = 0.05,
    locked: bool = False,
    on_change: Callable[[Band], None] | None = None,
) -> Band:
    """Draw the band of one family in the histogram of its entropies, and return it.

    While an edge is dragged, numbers and previews follow in the browser; Python hears of the release only. Whoever
    changed the band last wins: the page by its arguments (which must follow what is returned), or the user.
    ``st.session_state[key]["band"]`` is ``{"offset", "floor"}``.

    Args:
        entropies: for each family, the entropies of its candidates in nats, any order.
        key: unique on the page; one for each family.
        fingerprint: of the pool; new entropies must have a new one.
        family: the one whose band is shown; the others are outlines.
        class_count: K; entropies are shown as shares of ln K.
        quota: images wanted from this family.
        offset: the hardness offset as a rank share.
        floor: the lower edge as a rank share, or None.
        previews: called once a fingerprint with positions in ``entropies[family]`` (hardest first, at most 240);
            returns their images, uint8 N×H×W×C.
        score: title of the score that is shown where it is not entropy; ln K then stands for its largest value.
        reset_offset: what a double click on the upper edge goes back to.
        locked: the edges cannot be moved, because nothing follows them.
        on_change: called with the new band before the script runs.

    Raises:
        CurationError: the family has no entropies, or some are not finite.
    """
    if family not in entropies:
        raise CurationError(f"no entropies for the family {family!r}; known: {', '.join(entropies)}")
    total = len(entropies[family])
    identity = (
        f"band-{fingerprint}-{family}-{class_count}-{'-'.join(f'{name}{len(e)}' for name, e in entropies.items())}"
    )
    encoded = _encode(identity, entropies, family, class_count, score, previews)
    written = (st.session_state.get(key) or {}).get("band")
    released = None if written is None else _read(written)
    current = last_writer(key, Band(offset, floor), released)
    parameters = pack(
        {
            "columns": identity,
            "offset": current.offset,
            "floor": current.floor,
            "quota": quota,
            "total": total,
            "reset_offset": reset_offset,
            "locked": locked,
        }
    )
    _part.mount(
        parameters,
        key=key,
        columns=encoded,
        events={"band": on_change and (lambda: on_change(_read(st.session_state[key]["band"])))},
    )
    remember(key, current, released)
    return current


def _read(state: Mapping[str, Any]) -> Band:
    floor = state.get("floor")
    return Band(float(state["offset"]), None if floor is None else float(floor))


@st.cache_resource(max_entries=16, show_spinner=False)
def _encode(
    identity: str,
    _entropies: Mapping[str, NDArray[Any]],
    _family: str,
    _class_count: int,
    _score: str,
    _previews: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
) -> bytes:
    shares = {name: np.asarray(e, np.float64) / math.log(_class_count) for name, e in _entropies.items()}
    for name, values in shares.items():
        if not np.isfinite(values).all():
            raise CurationError(f"some entropies of the family {name} are not finite; compute its scores again")
    counts = {name: np.histogram(np.clip(v, 0, 1), _BINS, (0, 1))[0].astype(np.uint32) for name, v in shares.items()}
    own = shares[_family]
    hardest_first = np.argsort(-own, kind="stable")
    positions = np.unique(np.linspace(0, len(own) - 1, min(_PREVIEWS, len(own))).round().astype(np.int64))
    images = _previews(hardest_first[positions]) if len(own) else np.zeros((0, 8, 8, 3), np.uint8)
    layout, sprite = make_sprite(images, side_px=_SIDE_PX)
    ranks = np.linspace(0, 1, _CURVE_POINTS)
    curve = np.quantile(own, 1 - ranks) if len(own) else np.zeros(_CURVE_POINTS)
    header = {
        "family": _family,
        "families": list(counts),
        "class_count": _class_count,
        "score": _score,
        "layout": layout,
    }
    return pack_columns(
        identity,
        header,
        counts=np.stack(list(counts.values())),
        curve=curve.astype(np.float32),
        preview_ranks=positions.astype(np.uint32),
        sprite=sprite,
    )
