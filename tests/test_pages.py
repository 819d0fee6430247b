"""The pages without a browser: they draw, change the recipe, refuse with a sentence, and say what is next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["workspace", "boundary", "map", "variants", "mix", "export"]


@pytest.fixture
def cache(computed: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CURATION_CACHE", str(Path(computed.workspace.root).parent))
    monkeypatch.chdir(ROOT)
    return Path(computed.workspace.root).parent


def open_page(name: str, **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "_shell.py"), default_timeout=60)
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    if name != "workspace":
        at.switch_page(f"{name}.py").run()
    return at


@pytest.mark.parametrize("name", PAGES)
def test_a_page_draws(cache: Path, name: str) -> None:
    at = open_page(name)
    assert not at.exception
    assert not at.error
    assert at.title[0].value


@pytest.mark.parametrize("name", PAGES)
def test_without_a_workspace_a_page_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CURATION_CACHE", str(tmp_path / "empty"))
    monkeypatch.chdir(ROOT)
    at = open_page(name)
    assert not at.exception
    words = " ".join(element.value for element in [*at.subheader, *at.markdown, *at.caption])
    assert "Start a workspace" in words or "Nothing to look at yet" in words


def test_the_budget_changes_the_selection_and_undo_takes_it_back(cache: Path) -> None:
    at = open_page("mix")
    at.number_input(key="field-selection.budget").set_value(250).run()
    assert not at.exception
    assert sum(int(metric.value.replace(",", "")) for metric in at.metric[:3]) == 250
    at.button(key="mix-undo").click().run()
    assert sum(int(metric.value.replace(",", "")) for metric in at.metric[:3]) == 500


def test_a_budget_too_large_says_who_is_short_and_offers_what_fits(cache: Path) -> None:
    at = open_page("mix")
    at.number_input(key="field-selection.budget").set_value(9000).run()
    assert not at.exception
    assert any("short" in element.value for element in at.markdown)
    fit = next(button for button in at.button if button.key and button.key.startswith("fit-"))
    fit.click().run()
    assert not at.exception


def test_a_broken_link_falls_back_to_the_saved_recipe(cache: Path) -> None:
    at = open_page("mix", w="small", d='{"selection.budget": -5}')
    assert not at.exception
    assert at.number_input(key="field-selection.budget").value == 500


def test_a_preset_sets_the_mix(cache: Path) -> None:
    at = open_page("mix")
    at.button(key="preset-1 : 0 : 0").click().run()
    assert [metric.value for metric in at.metric[:3]] == ["500", "0", "0"]


def test_the_environment_is_as_before() -> None:
    assert "CURATION_WORKSPACE" not in os.environ
