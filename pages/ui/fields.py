"""Widgets bound to a field of the working recipe: they show what it holds; a change goes through ``state.change``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui import session, state


def bound(
    widget: Callable[..., Any],
    label: str,
    *args: Any,
    path: str,
    to: Callable[[Any], Any] = lambda v: v,
    back: Callable[[Any], Any] = lambda v: v,
    **options: Any,
) -> Any:
    """Draw ``widget`` for the recipe's field at ``path``.

    Args:
        path: dotted, at most three deep, e.g. ``selection.offset.clean``.
        to: from the recipe's value to the widget's.
        back: from the widget's value to the recipe's.
    """
    entry = session.field(path)
    value = state.recipe().to_dict(defaults=True)
    for part in path.split("."):
        value = value[part]
    entry.set(to(value))

    def changed() -> None:
        set_field(path, back(entry.get()))

    return widget(label, *args, key=entry.key, on_change=changed, **options)


def kept(widget: Callable[..., Any], label: str, *args: Any, key: str, default: Any, **options: Any) -> Any:
    """Draw ``widget`` with an initial value, which a value in the session overrides."""
    st.session_state.setdefault(key, default)
    return widget(label, *args, key=key, **options)


def set_field(path: str, value: Any) -> bool:
    """Change one field of the working recipe; a field three deep replaces the block it lies in."""
    parts = path.split(".")
    if len(parts) <= 2:
        return state.change(**{path: value})
    block = state.recipe().to_dict()[parts[0]][parts[1]]
    return state.change(**{".".join(parts[:2]): {**block, parts[2]: value}})
