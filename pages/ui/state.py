"""The workspace and the working recipe of a session, mirrored in the URL so that a link shows the same view.

The recipe is a saved revision plus the changes made since, both in the URL (``?w=demo&r=3&d={…}``). Every change goes
through ``change``, which checks the recipe as a whole, keeps the state before it for undo, and refuses with a sentence.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from curation.errors import CurationError, RenamedWarning, UsageError
from curation.storage.workspace import Workspace, workspaces
from pages.ui import session

if TYPE_CHECKING:
    from curation.recipe import Recipe

UNDO_DEPTH = 100
LONGEST_URL = 1800


def cache_folder() -> Path:
    """The folder that holds all workspaces."""
    return Path(os.environ.get("CURATION_CACHE", "cache"))


def typed(path: Path) -> str:
    """Return a path as a person in the server's working directory would type it."""
    return str(path).removeprefix(f"{Path.cwd()}{os.sep}")


def workspace_names() -> list[str]:
    """Names of all workspaces, the one given on the command line first."""
    given = os.environ.get("CURATION_WORKSPACE")
    first = Path(given).name if given else "demo"
    names = {path.name for path in workspaces(cache_folder())} | ({first} if given else set())
    return sorted(names, key=lambda name: (name != first, name))


def workspace() -> Workspace | None:
    """The session's workspace, or None when there is none yet."""
    names = workspace_names()
    wanted = session.WORKSPACE.get() or st.query_params.get("w")
    if not names:
        return None
    name = wanted if wanted in names else names[0]
    if session.WORKSPACE.get() != name:
        open_workspace(name, keep_view=wanted == name)
    given = os.environ.get("CURATION_WORKSPACE")
    return Workspace(given if given and Path(given).name == name else cache_folder() / name)


def open_workspace(name: str, *, keep_view: bool = False) -> None:
    """Make a workspace the session's; its newest recipe, or with ``keep_view`` the URL's, becomes the working one."""
    if not keep_view:
        session.forget_view()
    session.WORKSPACE.set(name)
    session.REVISION.set(int(st.query_params.get("r", 0)) if keep_view else 0)
    session.CHANGES.set(_decode(st.query_params.get("d", "")) if keep_view else {})
    session.UNDO.set(())


def recipe() -> Recipe:
    """The working recipe: the session's revision with the changes made since."""
    base, found = base_recipe(), workspace()
    try:
        return _changed(str(found.root if found else ""), revision_number(), _encode(session.CHANGES.get()))
    except UsageError:
        session.CHANGES.set({})
        st.toast("The link held a change that this recipe does not allow; it was left out.", icon=":material/link_off:")
        return base


def base_recipe() -> Recipe:
    """The saved revision on which the working recipe builds."""
    found = workspace()
    if found is None:
        raise CurationError("there is no workspace yet")
    return _revision(str(found.root), revision_number())[0]


def former_names() -> list[str]:
    """One sentence for each former name that the saved revision, on which the working recipe builds, still uses."""
    found = workspace()
    return _revision(str(found.root), revision_number())[1] if found else []


def revision(number: int) -> Recipe:
    """A saved revision of the session's workspace. Raises: CurationError: it cannot be read any more."""
    found = workspace()
    assert found is not None
    return _revision(str(found.root), number)[0]


def revision_number() -> int:
    """Number of the saved revision the working recipe builds on; 0 when none was ever saved."""
    found = workspace()
    numbers = found.revisions() if found else []
    wanted = session.REVISION.get()
    if wanted not in numbers:
        wanted = numbers[-1] if numbers else 0
        session.REVISION.set(wanted)
    return wanted


@st.cache_resource(max_entries=64, show_spinner=False)
def _revision(root: str, number: int) -> tuple[Recipe, list[str]]:
    from curation.recipe import Recipe

    found = Workspace(root)
    if number:
        return read(found.revision(number), where=f"revision {number}")
    source = {key: value for key, value in found.about["source"].items() if value is not None}
    return Recipe.parse({"name": found.name, "source": source, "selection": {"budget": 1000}}), []


def read(text: str, *, where: str) -> tuple[Recipe, list[str]]:
    """Return a recipe that is written as YAML, and a sentence for each former name that it uses. Raises: UsageError."""
    from curation.recipe import Recipe

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RenamedWarning)
        found = Recipe.from_yaml(text, where=where)
    said = [str(one.message) for one in caught if issubclass(one.category, RenamedWarning)]
    return found, [f"In {where}, {sentence}; it was read accordingly." for sentence in dict.fromkeys(said)]


@st.cache_resource(max_entries=256, show_spinner=False)
def _changed(root: str, number: int, changes: str) -> Recipe:
    return _revision(root, number)[0].with_changes(**_decode(changes))


def change(**parts: Any) -> bool:
    """Change dotted fields of the working recipe (``{"selection.budget": 500}``); False when it was refused."""
    before = dict(session.CHANGES.get())
    try:
        changed = base_recipe().with_changes(**{**before, **parts})
    except UsageError as error:
        st.toast(str(error), icon=":material/error:")
        return False
    _set_changes(changed, before)
    return True


def replace(changed: Recipe) -> None:
    """Make another recipe the working one (a preset, an opened file); undo brings the old one back."""
    _set_changes(changed, dict(session.CHANGES.get()))


def _set_changes(changed: Recipe, before: dict[str, Any]) -> None:
    from curation.recipe import recipe_differences

    after = {path: value for path, (_, value) in recipe_differences(base_recipe(), changed).items()}
    if after == before:
        return
    session.UNDO.set((*session.UNDO.get(), (revision_number(), before))[-UNDO_DEPTH:])
    session.CHANGES.set(after)


def undo() -> None:
    """Take the last change back."""
    if session.UNDO.get():
        *earlier, (revision, changes) = session.UNDO.get()
        session.REVISION.set(revision)
        session.CHANGES.set(changes)
        session.UNDO.set(tuple(earlier))


def save(name: str | None = None) -> int:
    """Keep the working recipe as the newest revision; return its number."""
    found = workspace()
    assert found is not None
    current = recipe().with_changes(name=name) if name else recipe()
    number = found.save_revision(current.to_yaml())
    session.REVISION.set(number)
    session.CHANGES.set({})
    session.UNDO.set(())
    return number


def mirror_in_url() -> None:
    """Write workspace, revision and changes to the URL; changes too long for one are saved as a revision first."""
    name = session.WORKSPACE.get()
    if name is None:
        return
    text = _encode(session.CHANGES.get())
    if len(text) > LONGEST_URL:
        undone = session.UNDO.get()
        save()
        session.UNDO.set(undone)
        text = ""
    wanted = {"w": name, "r": str(revision_number() or ""), "d": text}
    for key, value in wanted.items():
        if value and st.query_params.get(key) != value:
            st.query_params[key] = value
        elif not value and key in st.query_params:
            del st.query_params[key]


def _encode(changes: Mapping[str, Any]) -> str:
    return json.dumps(changes, separators=(",", ":"), sort_keys=True) if changes else ""


def _decode(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def polygon() -> list[list[float]] | None:
    """The lasso that stands on the map, from the session or the link."""
    if not session.POLYGON.known:
        session.POLYGON.set(_decode_list(st.query_params.get("lasso", "")))
    return session.POLYGON.get()


def set_polygon(corners: list[list[float]] | None) -> None:
    """Keep the lasso in the session and in the address, rounded alike, so that a link shows the same samples."""
    rounded = [[float(f"{x:.5g}"), float(f"{y:.5g}")] for x, y in corners or []]
    session.POLYGON.set(rounded or None)
    if rounded:
        st.query_params["lasso"] = json.dumps(rounded, separators=(",", ":"))
    elif "lasso" in st.query_params:
        del st.query_params["lasso"]


def linked(name: str) -> str | None:
    """What of a view is kept under a name in the session and in the address, whichever has it."""
    value: str | None = st.query_params.get(name) or session.linked(name).get()
    session.linked(name).set(value)
    if value and name not in st.query_params:
        st.query_params[name] = value
    return value


def set_linked(name: str, value: str | None) -> None:
    """Keep something of a view in the session and in the address; None: nothing."""
    session.linked(name).set(value)
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
