"""The gate, the sidebar, and the frame in which a page runs: errors meant for people become one line.

This module and those that it imports are there before the numerical libraries are loaded; all others import as usual.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import threading
from pathlib import Path
from typing import Any

import streamlit as st

from curation.errors import CurationError
from pages.ui import session, state

ICON = Path(__file__).parent / "icon.png"
LOGO = Path(__file__).parent / "logo.svg"

_HEAVY = ("curation.pipeline", "pages.ui.trust", "pages.ui.changed", "pages.ui.ranking", "pages.ui.browse")
_loading = threading.Lock()
_WARNINGS = ("pages.ui.trust", "warn"), ("pages.ui.changed", "ask")
_STYLE = """
<style>
.stMainBlockContainer { padding-top: 2.6rem; padding-bottom: 2rem; max-width: 1500px; }
[data-testid="stSidebarHeader"] { padding-bottom: 0; }
h1 { font-size: 1.6rem !important; padding: 0 0 .25rem !important; letter-spacing: -0.02em; }
h2, h3 { font-size: 1.05rem !important; padding-bottom: .25rem !important; }
[data-testid="stMetricValue"] { font-size: 1.35rem; font-variant-numeric: tabular-nums; }
[data-testid="stMetricLabel"] { opacity: .75; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding: 4rem 1rem 2rem; }
  /* What is open comes before the sixty others, where one column is all there is. */
  [class*="st-key-browse-"] > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] {
    flex-direction: column-reverse;
  }
  .st-key-query-bar > :first-child { flex-basis: 100%; }
}
</style>
"""


class Done(Exception):
    """The page has shown all there is to show; unlike ``st.stop``, the sidebar is still drawn."""


def style() -> None:
    """Tighten Streamlit's generous spacing."""
    st.html(_STYLE)


def gate() -> None:
    """Ask for a login where one is configured (`[auth]` in secrets.toml); off by default, for a server on loopback."""
    try:
        configured = "auth" in st.secrets
    except FileNotFoundError:
        configured = False
    if configured and not st.user.is_logged_in:
        st.title("Curation")
        st.button("Log in", on_click=st.login, type="primary")
        st.stop()


def _save() -> None:
    state.save()


def sidebar() -> None:
    """Which workspace, which recipe, and what was changed since it was saved."""
    st.logo(str(LOGO), size="large", icon_image=str(ICON))
    with st.sidebar:
        names = state.workspace_names()
        found = state.workspace()
        if found is None:
            st.caption("No workspace yet. Start on the Workspace page.")
            return

        def switch() -> None:
            state.open_workspace(session.SIDEBAR_WORKSPACE.get())
            st.query_params.clear()

        session.SIDEBAR_WORKSPACE.set(found.name)
        st.selectbox("Workspace", names, key=session.SIDEBAR_WORKSPACE.key, on_change=switch)
        recipe, number = state.recipe(), state.revision_number()
        changes = len(session.CHANGES.get())
        note = f"revision {number}" if number else "never saved"
        dirty = f" · **{changes} unsaved change{'s' * (changes != 1)}**" if changes else ""
        st.caption(f"Recipe **{recipe.name}**  \n{note}{dirty}")
        left, right = st.columns(2)
        left.button(
            "Undo",
            icon=":material/undo:",
            on_click=state.undo,
            disabled=not session.UNDO.get(),
            width="stretch",
            key="sidebar-undo",
        )
        right.button(
            "Save",
            icon=":material/save:",
            on_click=_save,
            disabled=number > 0 and not changes,
            width="stretch",
            key="sidebar-save",
        )
        engine = importlib.import_module("curation.engine")
        st.caption(f"Computes on: {engine.title_of(engine.best_device())}")


def load() -> None:
    """Load the numerical libraries and what the first page needs of this package, once a process."""
    with _loading:
        if not gc.get_freeze_count():
            for name in _HEAVY:
                importlib.import_module(name)
            # Streamlit collects garbage after every run; what was loaded now stays, and looking through it takes 0.2 s.
            gc.collect()
            gc.freeze()
            atexit.register(gc.unfreeze)  # libraries complain at the end of what is held then


def run(page: Any) -> None:
    """Draw the title at once, load what is heavy, then run the page and the sidebar.

    What a page refuses is shown as one sentence, and the address always tells what is shown.
    """
    if not page.url_path:
        page.run()
    st.title(page.title)
    if not gc.get_freeze_count():
        with st.spinner("Starting: loading the numerical libraries, once per server start …", show_time=True):
            load()
    try:
        for module, function in _WARNINGS:
            getattr(importlib.import_module(module), function)()
        page.run()
    except Done:
        pass
    except CurationError as error:
        st.error(str(error), icon=":material/error:")
    finally:
        sidebar()
        state.mirror_in_url()
