"""The command line: what it prints, its exit codes, and one sentence instead of a traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from curation.cli import app
from curation.cli.terminal import Bars
from curation.pipeline import Pipeline
from curation.progress import Progress
from tests.readers.inputs_layouts import tree


def curation(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def recipe(computed: Pipeline, tmp_path: Path) -> Path:
    file = tmp_path / "recipe.yaml"
    file.write_text(computed.recipe.to_yaml())
    return file


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("readers", "fashion_mnist"),
        ("models", "preact_resnet18"),
        ("scores", "gini"),
        ("corruptions", "glass_blur"),
        ("attacks", "pgd"),
        ("selectors", "boundary"),
        ("exporters", "parquet"),
    ],
)
def test_every_registry_is_listed(kind: str, expected: str) -> None:
    result = curation("list", kind, "--json")
    assert result.exit_code == 0
    assert expected in json.loads(result.stdout.splitlines()[-1])


def test_select_prints_a_summary_as_the_last_line(computed: Pipeline, recipe: Path) -> None:
    result = curation("select", recipe, "--workspace", computed.workspace.root, "--json")
    assert result.exit_code == 0
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["images"] == 500
    assert {family: part["chosen"] for family, part in summary["families"].items()} == {
        "clean": 180,
        "corruption": 120,
        "adversarial": 200,
    }


def test_former_names_are_noted_once_with_the_file(computed: Pipeline, tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    value = computed.recipe.to_dict() | {"label_errors": {"neighbours": 7}}
    value["variants"]["corruption"] = {"kinds": ["gaussian_noise", "colour_quantisation/3", "colour_quantisation/4"]}
    old.write_text(yaml.safe_dump(value))
    result = curation("select", old, "--workspace", computed.workspace.root)
    notes = [line for line in result.stderr.splitlines() if line.startswith("note ")]
    assert notes == [
        f"note {old}: the corruption 'colour_quantisation' is now called 'color_quantization'",
        f"note {old}: the field 'neighbours' is now called 'neighbors'",
    ]
    assert "Warning" not in result.stderr


def test_run_reuses_what_is_there_and_exports(computed: Pipeline, recipe: Path, tmp_path: Path) -> None:
    words = ("run", recipe, "--workspace", computed.workspace.root, "--out", tmp_path / "out", "--no-map", "--json")
    result = curation(*words, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "SHA256SUMS").exists()
    assert json.loads(result.stdout.splitlines()[-1])["images"] == 500
    again = curation(*words)
    assert again.exit_code == 1
    assert "earlier export" in again.output
    assert curation(*words, "--overwrite").exit_code == 0


def test_status_and_jobs_of_a_workspace(computed: Pipeline) -> None:
    result = curation("status", "--workspace", computed.workspace.root, "--json")
    assert result.exit_code == 0
    stages = json.loads(result.stdout.splitlines()[-1])["stages"]
    states = {stage["stage"]: stage["state"] for stage in stages}
    assert all(states[name] == "done" for name in ("ingest", "duplicates", "goal_model", "score"))
    assert (states["self_correction"], states["map"]) == ("off", "missing")
    assert curation("jobs", "--workspace", computed.workspace.root).exit_code == 0


def test_ingest_makes_a_workspace_with_a_first_recipe(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(40) % 4)
    result = curation("ingest", tmp_path / "set.npz", "--workspace", tmp_path / "ws", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["images"] == 40
    assert len(summary["classes"]) == 4
    assert (tmp_path / "ws" / "recipes" / "0001.yaml").exists()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("run", "gone.yaml"), 2, "there is no recipe file gone.yaml"),
        (("list", "corruption"), 2, "did you mean 'corruptions'?"),
        (("ingest", "cifar11"), 2, "cifar10"),
        (("status", "--workspace", "nowhere"), 2, "there is no workspace nowhere"),
        (("select",), 2, "Missing argument"),
    ],
)
def test_bad_usage_is_a_sentence_and_exits_with_2(
    words: tuple[str, ...], code: int, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = curation(*words)
    assert result.exit_code == code
    assert sentence in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_what_could_be_either_is_asked_and_the_answer_is_in_the_recipe(tmp_path: Path) -> None:
    folder = tmp_path / ("n" * 120)
    tree("test", "control")(folder)
    words = ("ingest", folder, "--workspace", tmp_path / "ws", "--split", "Training", "--json")
    asked = curation(*words)
    assert asked.exit_code == 2
    assert "--option layout=classes" in asked.output
    assert not (tmp_path / "ws").exists()
    answered = curation(*words, "--option", "layout=classes")
    assert json.loads(answered.stdout.splitlines()[-1])["classes"] == ["control", "test"]
    written = yaml.safe_load((tmp_path / "ws/recipes/0001.yaml").read_text())
    assert (written["source"]["layout"], written["source"]["split"]) == ("classes", "train")
    assert written["name"] == "n" * 80


def test_failed_work_exits_with_1(computed: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "short.yaml"
    file.write_text(computed.recipe.with_changes(**{"selection.budget": 100_000}).to_yaml())
    result = curation("select", file, "--workspace", computed.workspace.root)
    assert result.exit_code == 1
    assert "short" in result.output


def test_the_help_names_every_command() -> None:
    text = curation("--help").output
    for command in ("demo", "app", "ingest", "run", "select", "export", "status", "jobs", "list"):
        assert command in text


def test_variants_are_estimated_computed_kept_and_shown(computed: Pipeline, recipe: Path, tmp_path: Path) -> None:
    shutil.copytree(computed.workspace.root, tmp_path / "copy")
    command = ["variants", recipe, "--workspace", tmp_path / "copy", "--device", "cpu", "--json"]
    more = [*command, "--kind", "snow", "--severity", 1, "--attack", "fgsm epsilon=0.2 loss=cw", "--samples", 70]

    def told(*words: object) -> list[dict[str, Any]]:
        result = curation(*more, *words)
        assert result.exit_code == 0
        return json.loads(result.stdout.splitlines()[-1])["variants"]

    assert [(row["kind"], row["missing"]) for row in told("--estimate")] == [("snow", 70), ("fgsm", 70)]
    assert {(row["kind"], row["parameters"]) for row in told()} == {
        ("snow", "severity=1"),
        ("fgsm", "epsilon=51/255 loss=cw"),
    }
    assert [row["missing"] for row in told("--estimate")] == [0, 0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--kind", "snwo"], "did you mean 'snow'"),
        (["--kind", "snow", "--severity", "6"], "severity must be 1, 2, 3, 4 or 5, got 6"),
        (["--attack", "fgsm 0.2"], "--attack takes a name and parameters"),
        (["--attack", "fgsm epsilon=8"], "use 8/255"),
        (["--attack", "pgd steps=0"], "steps: input should be greater than or equal to 1"),
        (["--samples", "many"], "--samples takes a number"),
    ],
)
def test_wrong_variants_are_one_sentence(computed: Pipeline, recipe: Path, words: list[str], sentence: str) -> None:
    result = curation("variants", recipe, "--workspace", computed.workspace.root, *words)
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_without_a_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr("curation.cli.terminal.time.monotonic", lambda: clock[0])
    with Bars() as bars:
        for at in range(101):
            clock[0] = at / 10
            bars(Progress("score", 10 * at, 1000, "images"))
        bars(Progress("score", 1000, 1000, "images"))
        bars(Progress("embed", 1000, 1000, "images"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Score candidates: 0 of 1,000 images"
    assert lines[1] == "Score candidates: 500 of 1,000 images, 100 images/s, 5 s left"
    assert lines[2].startswith("Score candidates: 1,000 of 1,000 images, ")
    assert [line.split(":")[0] for line in lines[3:]] == ["Features and clusters"]


def test_two_recipes_are_compared_by_settings_and_by_what_they_select(computed: Pipeline, tmp_path: Path) -> None:
    half = computed.recipe.with_changes(**{"selection.budget": computed.recipe.selection.budget // 2})
    for name, recipe in (("a", computed.recipe), ("b", half)):
        (tmp_path / f"{name}.yaml").write_text(recipe.to_yaml())
    files = [str(tmp_path / f"{name}.yaml") for name in "ab"]
    said = curation("diff", *files, "-w", str(computed.workspace.root), "--json")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout.splitlines()[-1])
    assert found["settings"] == {
        "selection.budget": {"a": computed.recipe.selection.budget, "b": half.selection.budget}
    }
    every = found["images"][-1]
    assert (every["family"], every["only_b"], every["both"]) == ("all", 0, half.selection.budget)
    alone = curation("diff", *files)
    assert alone.exit_code == 0
    assert "sets not compared: the set of" in alone.output
    for name, says in (("7", "say of which workspace"), ("gone.yaml", "there is no recipe file")):
        wrong = curation("diff", name, files[0])
        assert wrong.exit_code == 2
        assert says in wrong.output


def test_an_export_is_compared_by_its_manifest_and_only_with_the_same_source(
    computed: Pipeline, tmp_path: Path
) -> None:
    computed.export(tmp_path / "set")
    number = computed.workspace.save_revision(computed.recipe.to_yaml())
    said = curation("diff", tmp_path / "set", number, "-w", computed.workspace.root, "--json")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout.splitlines()[-1])
    assert set(found["settings"]) == {"goal_model.checkpoint"}, "an export carries its weights"
    assert found["images"][-1]["shared"] == 1
    assert "their pixels are not compared" in said.output
    other = computed.recipe.with_changes(**{"source": {"reader": "digits", "split": "test"}})
    (tmp_path / "other.yaml").write_text(other.to_yaml())
    apart = curation("diff", tmp_path / "set", tmp_path / "other.yaml", "--json")
    assert apart.exit_code == 0
    assert json.loads(apart.stdout.splitlines()[-1])["images"] is None
    empty = curation("diff", tmp_path, tmp_path / "set")
    assert empty.exit_code == 1
    assert "is not an export" in empty.output
