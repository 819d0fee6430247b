"""The workspace and the working recipe of a session, mirrored in the URL so that a link shows the same view.

The recipe is a saved revision plus the changes made since, both in the URL (``?w=demo&r=3&d={…}``). Every change goes
through ``change``, which checks the recipe as a whole, keeps the state before it for undo, and refuses with a sentence.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from curation.errors import CurationError, UsageError
from curation.storage.workspace import Workspace, workspaces

if TYPE_CHECKING:
    from curation.recipe import Recipe

UNDO_DEPTH = 100
LONGEST_URL = 1800
WHOLE = ("source", "export", "slices")
"""Parts of a recipe that change as one: their fields depend on each other, or are names that people give."""


def cache_folder() -> Path:
    """The folder that holds all workspaces."""
    return Path(os.environ.get("CURATION_CACHE", "cache"))


def workspace_names() -> list[str]:
    """Names of all workspaces, the one given on the command line first."""
    names = [path.name for path in workspaces(cache_folder())]
    given = os.environ.get("CURATION_WORKSPACE")
    first = Path(given).name if given else "demo"
    return sorted(names, key=lambda name: (name != first, name))


def workspace() -> Workspace | None:
    """The session's workspace, or None when there is none yet."""
    names = workspace_names()
    wanted = st.session_state.get("workspace") or st.query_params.get("w")
    if not names:
        return None
    name = wanted if wanted in names else names[0]
    if st.session_state.get("workspace") != name:
        open_workspace(name, keep_view=wanted == name)
    given = os.environ.get("CURATION_WORKSPACE")
    return Workspace(given if given and Path(given).name == name else cache_folder() / name)


def open_workspace(name: str, *, keep_view: bool = False) -> None:
    """Make a workspace the session's; its newest recipe, or with ``keep_view`` the URL's, becomes the working one."""
    for key in [str(key) for key in st.session_state] if not keep_view else []:
        if key == "polygon" or key.startswith("linked-"):  # what was looked at is another one's
            del st.session_state[key]
    st.session_state["workspace"] = name
    st.session_state["revision"] = int(st.query_params.get("r", 0)) if keep_view else 0
    st.session_state["changes"] = _decode(st.query_params.get("d", "")) if keep_view else {}
    st.session_state["undo"] = []


def recipe() -> Recipe:
    """The working recipe: the session's revision with the changes made since."""
    base, found = base_recipe(), workspace()
    try:
        return _changed(
            str(found.root if found else ""), revision_number(), _encode(st.session_state.get("changes", {}))
        )
    except UsageError:
        st.session_state["changes"] = {}
        st.toast("The link held a change that this recipe does not allow; it was left out.", icon=":material/link_off:")
        return base


def base_recipe() -> Recipe:
    """The saved revision on which the working recipe builds."""
    found = workspace()
    if found is None:
        raise CurationError("there is no workspace yet")
    return _revision(str(found.root), revision_number())


def revision_number() -> int:
    """Number of the saved revision the working recipe builds on; 0 when none was ever saved."""
    found = workspace()
    numbers = found.revisions() if found else []
    wanted = st.session_state.get("revision", 0)
    if wanted not in numbers:
        wanted = numbers[-1] if numbers else 0
        st.session_state["revision"] = wanted
    return wanted


@st.cache_resource(max_entries=64, show_spinner=False)
def _revision(root: str, number: int) -> Recipe:
    from curation.recipe import Recipe

    found = Workspace(root)
    if number:
        return Recipe.from_yaml(found.revision(number), where=f"revision {number}")
    source = {key: value for key, value in found.about["source"].items() if value is not None}
    return Recipe.parse({"name": found.name, "source": source, "selection": {"budget": 1000}})


@st.cache_resource(max_entries=256, show_spinner=False)
def _changed(root: str, number: int, changes: str) -> Recipe:
    return _revision(root, number).with_changes(**_decode(changes))


def change(**parts: Any) -> bool:
    """Change dotted fields of the working recipe (``{"selection.budget": 500}``); False when it was refused."""
    before = dict(st.session_state.get("changes", {}))
    try:
        changed = base_recipe().with_changes(**{**before, **parts})
    except UsageError as error:
        st.toast(str(error), icon=":material/error:")
        return False
    _set_changes(changed, before)
    return True


def replace(changed: Recipe) -> None:
    """Make another recipe the working one (a preset, an opened file); undo brings the old one back."""
    _set_changes(changed, dict(st.session_state.get("changes", {})))


def _set_changes(changed: Recipe, before: dict[str, Any]) -> None:
    after = difference(base_recipe(), changed)
    if after == before:
        return
    st.session_state["undo"] = [*st.session_state.get("undo", []), (revision_number(), before)][-UNDO_DEPTH:]
    st.session_state["changes"] = after


def undo() -> None:
    """Take the last change back."""
    if st.session_state.get("undo"):
        st.session_state["revision"], st.session_state["changes"] = st.session_state["undo"].pop()


def save(name: str | None = None) -> int:
    """Keep the working recipe as the newest revision; return its number."""
    found = workspace()
    assert found is not None
    current = recipe().with_changes(name=name) if name else recipe()
    number = found.save_revision(current.to_yaml())
    st.session_state.update(revision=number, changes={}, undo=[])
    return number


def difference(before: Recipe, after: Recipe) -> dict[str, Any]:
    """Return the dotted fields, at most two deep, in which ``after`` differs from ``before``, with their new values."""
    old, new = before.to_dict(), after.to_dict()
    parts: dict[str, Any] = {}
    for key, value in new.items():
        if not isinstance(value, dict) or not isinstance(old[key], dict) or key in WHOLE:
            if value != old[key]:
                parts[key] = value
            continue
        parts.update({f"{key}.{field}": part for field, part in value.items() if part != old[key].get(field)})
    return parts


def mirror_in_url() -> None:
    """Write workspace, revision and changes to the URL; changes too long for one are saved as a revision first."""
    if st.session_state.get("workspace") is None:
        return
    text = _encode(st.session_state.get("changes", {}))
    if len(text) > LONGEST_URL:
        undone = st.session_state.get("undo", [])
        save()
        text, st.session_state["undo"] = "", undone
    wanted = {"w": st.session_state["workspace"], "r": str(revision_number() or ""), "d": text}
    for key, value in wanted.items():
        if value and st.query_params.get(key) != value:
            st.query_params[key] = value
        elif not value and key in st.query_params:
            del st.query_params[key]


def _encode(changes: dict[str, Any]) -> str:
    return json.dumps(changes, separators=(",", ":"), sort_keys=True) if changes else ""


def _decode(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def polygon() -> list[list[float]] | None:
    """The lasso that stands on the map, from the session or the link."""
    if "polygon" not in st.session_state:
        value = _decode_list(st.query_params.get("lasso", ""))
        st.session_state["polygon"] = value
    return st.session_state["polygon"]


def set_polygon(corners: list[list[float]] | None) -> None:
    """Keep the lasso in the session and in the address, rounded alike, so that a link shows the same samples."""
    rounded = [[float(f"{x:.5g}"), float(f"{y:.5g}")] for x, y in corners or []]
    st.session_state["polygon"] = rounded or None
    if rounded:
        st.query_params["lasso"] = json.dumps(rounded, separators=(",", ":"))
    elif "lasso" in st.query_params:
        del st.query_params["lasso"]


def linked(name: str) -> str | None:
    """What of a view is kept under a name in the session and in the address, whichever has it."""
    value: str | None = st.query_params.get(name) or st.session_state.get(f"linked-{name}")
    st.session_state[f"linked-{name}"] = value
    if value and name not in st.query_params:
        st.query_params[name] = value
    return value


def set_linked(name: str, value: str | None) -> None:
    """Keep something of a view in the session and in the address; None: nothing."""
    st.session_state[f"linked-{name}"] = value
    if value is not None:
        st.query_params[name] = value
    elif name in st.query_params:
        del st.query_params[name]


def map_color() -> str:
    """Name of the column that colors the map, from the session or the link."""
    return linked("color") or "label"


def set_map_color(name: str) -> None:
    """Keep what colors the map in the session and in the address."""
    set_linked("color", name)


def _decode_list(text: str) -> list[list[float]] | None:
    try:
        return [[float(x), float(y)] for x, y in json.loads(text)] if text else None
    except (ValueError, TypeError):
        return None
