"""A goal model at chance is said everywhere: command line, pages, datasheet, and before a job goes on with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from curation.cli import app
from curation.engine import choose
from curation.errors import CurationError, notes_told
from curation.jobs import _Worker
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.pipeline.trust import doubts_of, require_trust, tell
from curation.storage.jobs import JobFolder
from curation.storage.workspace import Workspace
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
AT_CHANCE = {"right": [10] * 10, "of": [100] * 10, "guessing": 0.1, "matched": None}
SAID = "the goal model is at chance, it cannot be told from guessing: accuracy 10.0% on 1,000 images of the test split"


@pytest.fixture(scope="module")
def doubtful(computed: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A copy of the small recipe's workspace, its goal model's answers replaced by a guesser's."""
    root = tmp_path_factory.mktemp("doubtful") / "small"
    shutil.copytree(computed.workspace.root, root)
    pipeline = Pipeline(computed.recipe, Workspace(root), device="cpu")
    assert doubts_of(pipeline.plan) == []
    (kept,) = (root / "models" / pipeline.plan.model_key).rglob("model.json")
    about: dict[str, Any] = json.loads(kept.read_text())
    kept.write_text(json.dumps(about | {"answers": {"samples": AT_CHANCE, "test": AT_CHANCE}, "remarks": ["a remark"]}))
    return Pipeline(computed.recipe, Workspace(root), device="cpu")


def test_doubts_are_told_once_each_and_stop_who_has_not_accepted_them(doubtful: Pipeline) -> None:
    told: list[tuple[str, str]] = []
    with notes_told(lambda word, sentence: told.append((word, sentence))):
        tell(doubtful.plan)
        doubtful.run(FOR_SELECTION)
    assert told[0] == ("note", "a remark")
    assert [word for word, _ in told] == ["note", "warning"]
    assert told[1][1].startswith(SAID)
    assert "by class: 0 10%, 1 10%" in told[1][1]
    with pytest.raises(CurationError, match="stopped before more is computed: the goal model is at chance"):
        require_trust(doubtful.plan)


def test_the_datasheet_warns(doubtful: Pipeline, tmp_path: Path) -> None:
    text = (doubtful.export(tmp_path / "out") / "datasheet.md").read_text()
    assert f"- **Warning: {SAID}" in text
    assert "by class: 0 10%" in text
    assert "a remark" not in text


def test_the_command_line_warns(doubtful: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(doubtful.recipe.to_yaml())
    done = CliRunner().invoke(app, ["select", str(tmp_path / "recipe.yaml"), "-w", str(doubtful.workspace.root)])
    assert done.exit_code == 0
    assert f"warning {SAID}" in done.output


@pytest.mark.parametrize("accept", [False, True])
def test_a_job_stops_after_the_goal_model_until_that_is_accepted(doubtful: Pipeline, accept: bool) -> None:
    worker, about = (
        _Worker(str(doubtful.workspace.root), f"job-{accept}"),
        {
            "does": "stages",
            "stages": list(FOR_SELECTION),
            "destination": None,
            "recipes": [doubtful.recipe.to_dict()],
            "accept_doubts": accept,
        },
    )
    JobFolder(doubtful.workspace, f"job-{accept}").begin(about)
    if accept:
        worker._stages(about, choose(device="cpu"))
    else:
        with pytest.raises(CurationError, match="Start again to go on all the same"):
            worker._stages(about, choose(device="cpu"))
    worker.tell(state="done")


@pytest.mark.parametrize("page", ["boundary", "mix", "export"])
def test_every_page_warns(doubtful: Pipeline, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.setenv("CURATION_CACHE", str(Path(doubtful.workspace.root).parent))
    monkeypatch.chdir(ROOT)
    at = AppTest.from_file(str(ROOT / "pages" / "_shell.py"), default_timeout=PATIENCE_S).run()
    at.switch_page(f"{page}.py").run()
    assert not at.exception
    assert SAID[1:] in at.warning[0].value


def test_a_start_asks_first(doubtful: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_CACHE", str(Path(doubtful.workspace.root).parent))
    monkeypatch.chdir(ROOT)
    started: list[dict[str, Any]] = []
    monkeypatch.setattr("curation.jobs.submit", lambda *_, **options: started.append(options))
    at = AppTest.from_file(str(ROOT / "pages" / "_shell.py"), default_timeout=PATIENCE_S).run()
    at.switch_page("workspace.py").run()
    at.button(key="run-all").click().run()
    assert started == []
    at.button(key="doubt-decline").click().run()
    assert all(button.key != "doubt-accept" for button in at.button)
    at.button(key="run-all").click().run()
    at.button(key="doubt-accept").click().run()
    assert started == [{"accept_doubts": True}]
    assert not at.exception
