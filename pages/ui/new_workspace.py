"""The form that starts a workspace: where the images are, as what they are read, which name."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from curation import jobs
from curation.errors import CurationError, UsageError
from curation.readers import READERS, readable_as
from curation.recipe import first_recipe
from curation.storage.workspace import Workspace
from pages.ui import session, source_preview, state
from pages.ui.forms import settings_form


def begin() -> None:
    """Show the form instead of the workspace."""
    session.NEW_WORKSPACE.set(True)


def end() -> None:
    """Show the workspace again."""
    session.NEW_WORKSPACE.set(False)
    session.NEW_SOURCE.pop()


def _forget() -> None:
    session.NEW_SOURCE.pop()


def draw() -> None:
    """Draw the form."""
    st.subheader("Start a workspace")
    st.caption("A workspace stores everything computed for one source of images. Nothing leaves this machine.")
    where = st.text_input(
        "Images",
        key="new-where",
        placeholder="/data/photos, photos.zip, set.npz, digits, cifar10 …",
        help="The path of a folder or file on this machine, or a data set's name: "
        + ", ".join(reader.name for reader in READERS if not _needs_path(reader.name)),
        on_change=_forget,
    ).strip()
    if where:
        try:
            _parameters(where, _chosen(where))
        except CurationError as error:
            st.error(str(error))
    if session.NEW_SOURCE.get():
        source_preview.draw(session.NEW_SOURCE.get(), read=read, choose=choose)
    if state.workspace() is not None:
        st.button("Back", on_click=end, type="tertiary")


def _chosen(where: str) -> dict[str, str] | None:
    """Draw as what a source is read, as it is recognized until a person says otherwise; None: it is still to be said.

    Raises: CurationError: it is nothing that can be read.
    """
    ways = _ways(where)
    if "path" not in ways[0]:
        st.caption(f"Recognized: {READERS[ways[0]['reader']].title}.")
        return ways[0]
    names = [reader.name for reader in READERS if "path" in reader.model_fields]
    if len(ways) > 1:
        titles = " or as ".join(READERS[way["reader"]].title for way in ways)
        st.warning(f"{where} can be read as {titles}. Choose which is meant.", icon=":material/help:")
    recognized = names.index(ways[0]["reader"]) if len(ways) == 1 else None
    reader: str | None = st.selectbox(
        "Read as",
        names,
        index=recognized,
        format_func=lambda name: READERS[name].title,
        key=f"new-reader-{where}",
        placeholder="Choose how it is read",
        help="Recognized from the names of files and folders." if len(ways) == 1 else None,
        on_change=_forget,
    )
    return {"reader": reader, "path": ways[0]["path"]} if reader else None


@st.cache_data(ttl=30, show_spinner="Looking at the path …")  # a folder of a million files is not walked at each click
def _ways(where: str) -> list[dict[str, str]]:
    return readable_as(where)


def _parameters(where: str, about: dict[str, str] | None) -> None:
    """Draw the reader's own fields, and keep what is to be looked at."""
    if about is None:
        return
    reader = READERS[about["reader"]]
    with st.form("new-workspace-form"):
        parameters = settings_form(reader, {}, key=f"new-{reader.name}", leave_out=("path",))
        left, right = st.columns(2)
        limit = left.number_input(
            "Use at most",
            min_value=1,
            value=None,
            step=1000,
            placeholder="all samples",
            help="Drawn at random, as many of each class as its share.",
        )
        name = right.text_input("Name of the workspace", value=_name(where, about), key=f"new-name-{where}")
        if st.form_submit_button("Preview", type="primary"):
            looks = session.NEW_SOURCE.get().get("looks", 0) + 1
            source = {**parameters, **about, "limit": limit}
            session.NEW_SOURCE.set({"name": name, "source": source, "looks": looks})


def _needs_path(name: str) -> bool:
    return "path" in READERS[name].model_fields and READERS[name].model_fields["path"].is_required()


def _name(where: str, about: dict[str, str]) -> str:
    path = about.get("path")
    called = Path(path).resolve().name.partition(".")[0] if path else where
    return re.sub(r"[^\w-]+", "-", called.replace("_", "-")).strip("-") or about["reader"].replace("_", "-")


def read() -> None:
    """Read what the form says into the workspace that it names. Raises: CurationError."""
    asked = session.NEW_SOURCE.get()
    create(asked["name"], dict(asked["source"]))
    end()


def choose(field: str, value: str) -> None:
    """Answer what could not be decided of the source; the answer is kept in the recipe."""
    asked = session.NEW_SOURCE.get()
    session.NEW_SOURCE.set({**asked, "source": {**asked["source"], field: value}})


def create(name: str, source: dict) -> None:
    """Open the source once to check it, claim the workspace, and start reading. Raises: CurationError."""
    if not name or any(not (c.isalnum() or c in "-_") for c in name):
        raise UsageError(f"a workspace's name may contain only letters, digits, - and _, got {name!r}")
    recipe = first_recipe(name, source)
    found = Workspace(state.cache_folder() / name)
    found.claim({"reader": recipe.source.reader.name, "path": getattr(recipe.source.reader, "path", None)})
    found.save_revision(recipe.to_yaml())
    state.open_workspace(name)
    jobs.submit(found, recipe, ("ingest",))
