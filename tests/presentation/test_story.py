"""The story of the small workspace and its report: what is told, what is left out, and that names stay text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from curation.cli import app
from curation.errors import UsageError
from curation.evaluation.metrics import Interval
from curation.pipeline import Pipeline
from curation.presentation.report import report
from curation.presentation.settings import STEPS, Part, Presentation
from curation.presentation.step import Missing, Pictures, Told
from curation.presentation.steps.better import _compared, _cost, _gained
from curation.presentation.story import Story, story
from curation.presentation.subject import Subject
from curation.recipe import Recipe
from curation.storage.samples import Samples
from curation.storage.workspace import Workspace
from tests.evaluation.kept_evaluation import keep_evaluation

HOSTILE = "<img src=x onerror=alert(1)>**bold** </script>"


def told(pipeline: Pipeline, **settings: Any) -> Story:
    return story(Subject(pipeline, Presentation.parse(settings)))


def steps(found: Story) -> dict[str, Told | Missing]:
    return {step.name: step.told for step in found.steps}


@pytest.fixture(scope="module")
def pipeline(workspace: Workspace, computed: Pipeline) -> Pipeline:
    return Pipeline(computed.recipe, workspace, device="cpu")


@pytest.fixture(scope="module")
def plain(pipeline: Pipeline) -> Story:
    """The story before there is an evaluation."""
    return told(pipeline)


def test_every_step_is_told_but_the_one_that_needs_an_evaluation(plain: Story) -> None:
    found = steps(plain)
    assert list(found) == list(STEPS)
    missing = {name: step for name, step in found.items() if isinstance(step, Missing)}
    assert list(missing) == ["better"]
    assert missing["better"].command.startswith("curation evaluate recipe.yaml -w ")


def test_a_term_is_explained_where_it_first_stands(plain: Story, pipeline: Pipeline) -> None:
    every = [term for step in plain.steps for term, _ in step.explained]
    assert len(every) == len(set(every))
    assert "Goal model" in dict(next(step for step in plain.steps if step.name == "boundary").explained)
    turned = told(pipeline, parts=[{"step": "copies"}, {"step": "boundary"}])
    first, second = (dict(step.explained) for step in turned.steps)
    assert "Goal model" in first
    assert "Goal model" not in second


def test_the_boundary_goes_from_sure_to_undecided(plain: Story) -> None:
    step = steps(plain)["boundary"]
    assert isinstance(step, Told)
    shown = next(block for block in step.blocks if isinstance(block, Pictures))
    values = [float(lines[0].removesuffix("\u00a0%").removeprefix("< ")) for lines in shown.captions]
    assert values == sorted(values)
    assert values[0] < values[-1]
    assert len(shown.images) == len(shown.captions) == len(shown.marks)


def test_the_set_compared_with_itself_changes_nothing(pipeline: Pipeline, workspace: Workspace) -> None:
    number = workspace.save_revision(pipeline.recipe.to_yaml())
    step = steps(told(pipeline, against=number))["changes"]
    assert isinstance(step, Told)
    assert "same" in step.lead
    assert not step.blocks
    unknown = steps(told(pipeline, against=99))["changes"]
    assert isinstance(unknown, Missing)
    assert "99" in unknown.why


def test_the_presenters_order_words_and_title(pipeline: Pipeline) -> None:
    settings = Presentation(title="For the board").moved("doubts", -9).with_part("data", shown=False)
    settings = settings.with_part("doubts", words="We begin with what we do not know.")
    found = story(Subject(pipeline, settings))
    assert [step.name for step in found.steps] == [
        "doubts",
        *(name for name in STEPS if name not in ("data", "doubts")),
    ]
    assert found.steps[0].words.startswith("We begin")
    text = report(found)
    assert "For the board" in text
    assert "We begin with what we do not know." in text


def test_settings_are_kept_in_the_workspace_and_know_newer_steps(workspace: Workspace) -> None:
    settings = Presentation(parts=[Part(step="better"), Part(step="data", words="x")], revision=1)
    workspace.write_presentation(settings.model_dump())
    again = Presentation.parse(workspace.presentation())
    assert [part.step for part in again.shown] == ["better", "data"]
    assert {part.step for part in again.parts} == set(STEPS)
    assert workspace.revisions()
    workspace.write_presentation({})
    with pytest.raises(UsageError, match="twice"):
        Presentation.parse({"parts": [{"step": "data"}, {"step": "data"}]})


def test_an_evaluation_is_told_with_its_doubt(workspace: Workspace, pipeline: Pipeline) -> None:
    keep_evaluation(workspace, pipeline.recipe)
    step = steps(told(pipeline))["better"]
    assert isinstance(step, Told)
    assert "clean images" in step.lead
    another = Pipeline(pipeline.recipe.with_changes(**{"selection.offset": 0.2}), workspace, device="cpu")
    assert isinstance(steps(told(another, parts=[{"step": "better"}]))["better"], Missing), "of another set"
    renamed = pipeline.recipe.with_changes(name="renamed", export={"format": "parquet"})
    assert isinstance(steps(told(Pipeline(renamed, workspace, device="cpu")))["better"], Told), "of the same set"


def test_a_gain_whose_interval_holds_0_is_never_called_one() -> None:
    unsure, better, worse = Interval(0.02, -0.01, 0.05), Interval(0.02, 0.01, 0.03), Interval(-0.02, -0.03, -0.01)
    assert "no clear difference" in _compared("clean", unsure) + _cost(unsure)
    assert _gained(unsure) == "unclear"
    for words in (_compared("clean", unsure), _cost(unsure)):
        assert not re.search("more robust|costs|rises", words)
    assert "more robust" in _compared("clean", better)
    assert "less robust" in _compared("clean", worse)
    assert "costs" in _cost(worse)


def test_hostile_names_stay_text(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = [f"{HOSTILE}{number}" for number in range(10)]
    monkeypatch.setattr(Samples, "classes", property(lambda _: classes))
    named = Pipeline(pipeline.recipe.with_changes(name=HOSTILE), pipeline.workspace, device="cpu")
    text = report(told(named))
    assert "<img src=x" not in text
    assert text.count("</script>") == text.count("<script"), "nothing ends a script early"
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_chosen_classes_and_files_are_left_out(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = ["zebra", *(f"kind {number}" for number in range(1, 10))]
    monkeypatch.setattr(Samples, "classes", property(lambda _: classes))
    named = Pipeline(pipeline.recipe.with_changes(note="mostly zebra"), pipeline.workspace, device="cpu")
    found = told(named, redact_classes=["zebra"])
    text = report(found)
    assert "zebra" not in text
    assert "class A" in text
    assert str(pipeline.workspace.root) not in text
    shown = [block for one in found.steps if isinstance(one.told, Told) for block in one.told.blocks]
    captions = [line for block in shown if isinstance(block, Pictures) for lines in block.captions for line in lines]
    assert not any(line.startswith("class A") for line in captions), "none of its pictures is shown"
    with pytest.raises(UsageError, match="did you mean 'zebra'"):
        Subject(named, Presentation(redact_classes=["zebu"]))


def test_a_name_taken_from_a_folder_is_left_out_with_files(tmp_path: Path) -> None:
    folder = tmp_path / "secret-parts"
    for name in ("bolt", "nut"):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((16, 16, 3), 40 * number + len(name), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    recipe = Recipe.parse(
        {"name": folder.name, "source": {"reader": "folder", "path": str(folder)}, "selection": {"budget": 2}}
    )
    begun = Pipeline(recipe, Workspace(tmp_path / "begun"), device="cpu")
    begun.run(("ingest", "duplicates"))
    assert "secret-parts" in report(told(begun))
    assert "secret-parts" not in report(told(begun, redact_files=True))
    assert "bolt" not in report(told(begun, redact_classes=["bolt"]))


def test_without_candidates_the_steps_say_what_to_run(tmp_path: Path, small: Recipe) -> None:
    few = small.with_changes(**{"source.limit": 60, "selection.budget": 20})
    begun = Pipeline(few, Workspace(tmp_path / "begun"), device="cpu")
    begun.run(("ingest", "duplicates"))
    found = steps(told(begun))
    assert {name for name, step in found.items() if isinstance(step, Told)} == {"question", "data", "doubts"}
    assert "curation run" in found["boundary"].command  # type: ignore[union-attr]
    assert "Plotly" in report(told(begun))


def test_the_command_writes_one_file_that_needs_no_network(workspace: Workspace, small: Recipe, tmp_path: Path) -> None:
    recipe, out = tmp_path / "r.yaml", tmp_path / "out.html"
    recipe.write_text(small.to_yaml())
    command = ["report", str(recipe), "-w", str(workspace.root), "--out", str(out), "--json"]
    result = CliRunner().invoke(app, [*command, "--redact", "files", "--redact", "class=3"])
    assert result.exit_code == 0, result.output
    text = out.read_text()
    assert len(text) < 10e6
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", text.split("<script>")[0])
    assert text.count("Plotly.newPlot(place") == 1
    assert CliRunner().invoke(app, [*command, "--redact", "names"]).exit_code == 2
    assert CliRunner().invoke(app, [*command, "--redact", "class=cat"]).exit_code == 2


def test_pictures_are_small_files() -> None:
    from curation.presentation.markup import picture

    large = np.random.default_rng(0).integers(0, 255, (512, 400, 3)).astype(np.uint8)
    assert len(str(picture(large)["src"])) < 200_000
    assert picture(np.zeros((8, 8, 1), np.uint8))["crisp"]
