"""The views of one page: which one is looked at, kept in the address, and what was typed in the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import streamlit as st

from pages.ui import session

Draw = TypeVar("Draw", bound=Callable[..., None])


def chosen(
    views: Mapping[str, Draw], *, key: str, go: str, typed: tuple[str, ...], buttons: Collection[str] = ()
) -> Draw:
    """Draw the choice of a view and return what draws the one that is looked at; at first the first.

    Args:
        key: of the choice, in the session and in the address.
        go: where a callback leaves the name of a view to go to.
        typed: what the keys of the views' fields begin with.
        buttons: keys that begin so too, but hold nothing.
    """
    session.keep_typed(typed, but=buttons)
    first = next(iter(views))
    wanted = st.session_state.pop(go, None)
    if wanted:
        st.session_state[key] = wanted
    elif key not in st.session_state and st.query_params.get(key) not in views:
        st.session_state[key] = first
    look = st.segmented_control(
        "View", list(views), key=key, bind="query-params", required=True, label_visibility="collapsed"
    )
    return views[look or first]
