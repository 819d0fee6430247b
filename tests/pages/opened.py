"""Pages without a browser, opened as by a link, on the workspaces of one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


def use_cache(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Let pages find the workspaces of a folder. Returns: the folder."""
    monkeypatch.setenv("CURATION_CACHE", str(folder))
    monkeypatch.chdir(ROOT)
    return folder


def open_page(name: str, **query: str) -> AppTest:
    """Open a page as a link with these parameters would; it draws without an exception."""
    at = AppTest.from_file(str(ROOT / "pages" / "_shell.py"), default_timeout=PATIENCE_S)
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    at.switch_page(f"{name}.py").run()
    assert not at.exception
    return at


def run_script(script: str, **query: str) -> AppTest:
    """Run some Streamlit code as a page would."""
    at = AppTest.from_string(script, default_timeout=PATIENCE_S)
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    """Return what a page says."""
    return " ".join(
        element.value for element in [*at.subheader, *at.markdown, *at.caption, *at.info, *at.error, *at.toast]
    )


def changes(at: AppTest) -> dict[str, Any]:
    return at.session_state["changes"]


def recipe_of(at: AppTest, cache: Path) -> Recipe:
    """The working recipe; what grew too long for a link is in a revision."""
    found = Workspace(cache / "small").revision(at.session_state["revision"])
    return Recipe.from_yaml(found).with_changes(**changes(at))
