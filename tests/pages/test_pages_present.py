"""The Present page without a browser: the story, how it is arranged, and that presenting changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation.pipeline import Pipeline
from curation.presentation.settings import STEPS, Presentation
from curation.storage.workspace import Workspace
from tests.pages.opened import open_page, use_cache


@pytest.fixture(scope="module")
def cache(computed: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("presented")
    shutil.copytree(computed.workspace.root, folder / "small")
    return folder


@pytest.fixture(autouse=True)
def found(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace, with nothing arranged yet."""
    use_cache(monkeypatch, cache)
    workspace = Workspace(cache / "small")
    workspace.write_presentation({})
    return workspace


def html(at: AppTest) -> str:
    return " ".join(element.proto.body for element in at.get("html"))


def arranged(found: Workspace) -> Presentation:
    return Presentation.parse(found.presentation())


@pytest.mark.parametrize(("step", "says"), [("question", "Which 500 images"), ("better", "curation evaluate")])
def test_a_link_opens_a_step(step: str, says: str) -> None:
    at = open_page("present", w="small", step=step)
    assert says in html(at)


def test_moving_on_and_the_live_band_change_nothing_of_the_recipe(found: Workspace) -> None:
    at = open_page("present", w="small", step="data")
    at.session_state["stage"] = {"at": STEPS.index("boundary")}
    at.run()
    assert "which images are hard" in html(at)
    at.session_state["present-band"] = {"band": {"offset": 0.4, "floor": None}}
    at.run()
    assert not at.exception
    assert at.session_state["changes"] == {}
    assert len(found.revisions()) == 1


def test_arranging_is_kept_for_tomorrow(found: Workspace) -> None:
    at = open_page("present", w="small", present="Arrange")
    at.checkbox(key="arrange-shown-question").uncheck().run()
    at.text_area(key="arrange-words-data").input("Our *own* <b>words</b>").run()
    at.button(key="move-data-1").click().run()
    at.selectbox(key="arrange-revision").select(1).run()
    at.selectbox(key="arrange-against").select("clean").run()
    at.multiselect(key="arrange-redact_classes").select("3").run()
    assert not at.exception
    kept = arranged(found)
    assert [part.step for part in kept.shown] == ["boundary", "data", *STEPS[3:]]
    assert (kept.revision, kept.against, kept.redact_classes) == (1, "clean", ["3"])
    again = open_page("present", w="small", step="data")
    assert "Our *own* &lt;b&gt;words&lt;/b&gt;" in html(again)


def test_a_frozen_presentation_stays_as_it_is_when_the_recipe_changes(found: Workspace) -> None:
    found.write_presentation({"revision": 1})
    at = open_page("present", w="small", d='{"selection.budget":300}')
    assert "Which 500 images" in html(at)
    found.write_presentation({})
    at.run()
    assert "Which 300 images" in html(at)


def test_the_page_says_what_to_do_before_the_images_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_cache(monkeypatch, tmp_path)
    Workspace(tmp_path / "new").claim({"reader": "digits", "path": None})
    at = open_page("present", w="new")
    assert any("Nothing to present yet" in one.value for one in at.subheader)
