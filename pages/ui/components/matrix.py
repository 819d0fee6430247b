"""The matrix: thumbnails in named rows and columns, each on a ground tinted by its entropy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.errors import CurationError
from pages.ui.components.gallery import encoded, identity
from pages.ui.components.wire import Part, pack

_part = Part("matrix")


def matrix(
    images: NDArray[np.uint8],
    *,
    key: str,
    ids: NDArray[Any],
    rows: Sequence[str],
    columns: Sequence[str],
    shares: NDArray[Any],
    wrong: NDArray[Any],
    captions: Sequence[str],
    selected: int | None = None,
    on_open: Callable[[int], None] | None = None,
) -> int | None:
    """Draw a table of thumbnails and return the id of the one opened just now, else None.

    Arrows move, Enter or a click opens. A cell's ground shows the entropy, from the color of none to that of the
    maximum; a corner mark says that the goal model is wrong.

    Args:
        images: uint8 (R·C)×H×W×ch, row by row.
        key: unique on the page.
        ids: R·C integers, unique: what is returned.
        rows: R names, at the left.
        columns: C names, on top.
        shares: R·C, in [0, 1]: entropy as a share of ln K.
        wrong: R·C booleans.
        captions: R·C texts said of the focused image.
        selected: the id of the image that the page shows in detail, or None.
        on_open: called with the id before the script runs.

    Raises:
        CurationError: columns of different length.
    """
    cells = len(rows) * len(columns)
    for name, given in {"images": images, "ids": ids, "shares": shares, "wrong": wrong, "captions": captions}.items():
        if len(given) != cells:
            raise CurationError(f"the matrix's {name} must have one entry a cell: expected {cells}, got {len(given)}")
    name = identity(images)
    parameters = {
        "columns": name,
        "ids": [int(i) for i in ids],
        "row_names": list(rows),
        "column_names": list(columns),
        "shares": [round(float(share), 3) for share in shares],
        "wrong": [int(bool(one)) for one in wrong],
        "captions": list(captions),
        "selected": selected,
    }
    state = _part.mount(
        pack(parameters),
        key=key,
        columns=encoded(name, images),
        events={"opened": on_open and (lambda: on_open(int(st.session_state[key]["opened"])))},
    )
    opened = state.get("opened")
    return None if opened is None else int(opened)
