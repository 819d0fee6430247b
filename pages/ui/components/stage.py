"""The stage of a presentation: dots, arrow keys and full screen; the page draws the step that it is at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from curation.plugin import fingerprint
from pages.ui.components.wire import Part, last_writer, pack, pack_columns, remember

_part = Part("stage")


def stage(steps: Sequence[str], *, key: str, at: int, on_change: Callable[[int], None] | None = None) -> int:
    """Draw the stage and return the step it is at, counted from 0.

    Right, Page Down and Space go on, left and Page Up back, Home and End to the ends; f shows nothing but the step.

    Args:
        steps: their titles, at least one.
        key: unique on the page.
        at: the step that is shown; what was chosen since counts more.
        on_change: called with the new step before the script runs.
    """
    identity = f"stage-{fingerprint(list(steps))}"
    written = (st.session_state.get(key) or {}).get("at")
    chosen = None if written is None else min(int(written), len(steps) - 1)
    current = last_writer(key, at, chosen)
    _part.mount(
        pack({"columns": identity, "at": current}),
        key=key,
        columns=pack_columns(identity, {"steps": list(steps)}),
        events={"at": on_change and (lambda: on_change(int(st.session_state[key]["at"])))},
    )
    remember(key, current, chosen)
    return current
