"""The form that starts a workspace: which reader, what it needs, which name."""

from __future__ import annotations

import streamlit as st

from curation import jobs
from curation.errors import UsageError
from curation.readers import READERS
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from pages.ui import session, source_preview, state
from pages.ui.forms import settings_form


def begin() -> None:
    """Show the form instead of the workspace."""
    session.NEW_WORKSPACE.set(True)


def end() -> None:
    """Show the workspace again."""
    session.NEW_WORKSPACE.set(False)


def draw() -> None:
    """Draw the form."""
    st.subheader("Start a workspace")
    st.caption("A workspace stores everything computed for one source of images. Nothing leaves this machine.")
    names = READERS.names
    reader = READERS[st.selectbox("Source", names, format_func=lambda name: READERS[name].title, key="new-reader")]
    with st.form("new-workspace-form"):
        parameters = settings_form(reader, {}, key=f"new-{reader.name}")
        left, right = st.columns(2)
        limit = left.number_input(
            "Use at most",
            min_value=1,
            value=None,
            step=1000,
            placeholder="all samples",
            help="Evenly spaced over the source.",
        )
        name = right.text_input("Name of the workspace", value=reader.name.replace("_", "-"))
        if st.form_submit_button("Preview", type="primary"):
            looks = session.NEW_SOURCE.get().get("looks", 0) + 1
            source = {"reader": reader.name, "limit": limit, **parameters}
            session.NEW_SOURCE.set({"name": name, "source": source, "looks": looks})
    if session.NEW_SOURCE.get():
        source_preview.draw(session.NEW_SOURCE.get(), read=read, choose=choose)
    if state.workspace() is not None:
        st.button("Back", on_click=end, type="tertiary")


def read() -> None:
    """Read what the form says into the workspace that it names. Raises: CurationError."""
    asked = session.NEW_SOURCE.get()
    create(asked["name"], dict(asked["source"]))
    session.NEW_SOURCE.pop()
    end()


def choose(field: str, value: str) -> None:
    """Answer what could not be decided of the source; the answer is kept in the recipe."""
    asked = session.NEW_SOURCE.get()
    session.NEW_SOURCE.set({**asked, "source": {**asked["source"], field: value}})


def create(name: str, source: dict) -> None:
    """Open the source once to check it, claim the workspace, and start reading. Raises: CurationError."""
    if not name or any(not (c.isalnum() or c in "-_") for c in name):
        raise UsageError(f"a workspace's name may contain only letters, digits, - and _, got {name!r}")
    recipe = Recipe.parse({"name": name, "source": source, "selection": {"budget": 1000}})
    count = len(recipe.source.reader.open())
    recipe = recipe.with_changes(**{"selection.budget": max(1, min(count, recipe.source.limit or count) // 2)})
    found = Workspace(state.cache_folder() / name)
    found.claim({"reader": recipe.source.reader.name, "path": getattr(recipe.source.reader, "path", None)})
    found.save_revision(recipe.to_yaml())
    state.open_workspace(name)
    jobs.submit(found, recipe, ("ingest",))
