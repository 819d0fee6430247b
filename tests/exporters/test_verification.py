"""What `curation verify` says of an export: its files, its source, its goal model, this machine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curation.cli import app
from curation.errors import CurationError
from curation.exporters import EXPORTERS
from curation.exporters.environment import environment
from curation.exporters.export import export
from curation.exporters.verification import Check, verification
from curation.pipeline import Pipeline
from tests.exporters.test_exporters import make_set

HERE = environment("cpu")


def found(folder: Path, **changes: object) -> dict[str, Check]:
    """The checks by what they are of."""
    checks = verification(folder, **{"samples": None, "here": HERE} | changes)  # type: ignore[arg-type]
    return {check.of: check for check in checks}


@pytest.fixture
def carried(computed: Pipeline, tmp_path: Path) -> Path:
    return computed.export(tmp_path / "out")


def test_an_untouched_export_is_equal_in_everything(computed: Pipeline, carried: Path) -> None:
    checks = found(carried, samples=computed.samples.content)
    assert {check.state for check in checks.values()} == {"equal"}
    assert "goal_model.safetensors is the goal model that chose this set" in checks["weights"].words


def test_changed_missing_and_added_files_are_named(carried: Path) -> None:
    (carried / "classes.json").write_text("[]")
    (carried / "label.npy").unlink()
    (carried / "mine.txt").write_text("")
    files = found(carried)["files"]
    assert files.state == "differs"
    assert files.words == (
        "missing: label.npy; changed or damaged: classes.json; not part of the export: mine.txt; "
        "export the recipe again"
    )


def test_other_weights_and_another_source_are_told(carried: Path) -> None:
    with (carried / "goal_model.safetensors").open("ab") as file:
        file.write(b" ")
    checks = found(carried, samples="another")
    assert [checks[of].state for of in ("files", "source", "weights")] == ["differs"] * 3
    assert found(carried)["source"].words.endswith("(--workspace)")


def test_differences_of_machines_are_told_in_words(carried: Path) -> None:
    other = {**HERE, "torch": "1.0", "instructions": "NEON", "limits": {"ONEDNN_MAX_CPU_ISA": "AVX2"}}
    words = found(carried, here=other)["environment"].words
    assert f"torch {HERE['torch']} then, 1.0 here" in words
    assert "limits none then, ONEDNN_MAX_CPU_ISA=AVX2 here: other instructions round differently" in words


def test_exports_of_earlier_versions_are_read(tmp_path: Path) -> None:
    out = export(make_set(), EXPORTERS.build("npy"), tmp_path / "old")
    checks = found(out)
    assert checks["files"].state == "equal"
    assert {checks[of].state for of in ("source", "weights", "environment")} == {"unknown"}


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CurationError, match="is not an export"):
        verification(tmp_path, samples=None, here=HERE)


def test_the_environment_is_no_part_of_the_checksums(tmp_path: Path) -> None:
    one, two = (replace(make_set(), environment={"threads": count}) for count in (1, 2))
    outs = [export(curated, EXPORTERS.build("npy"), tmp_path / str(i)) for i, curated in enumerate((one, two))]
    assert len({(out / "SHA256SUMS").read_text() for out in outs}) == 1
    assert [json.loads((out / "environment.json").read_text())["threads"] for out in outs] == [1, 2]


def test_the_command_says_it_and_its_exit_code_is_that_of_the_files(computed: Pipeline, carried: Path) -> None:
    command = ["verify", str(carried), "-w", str(computed.workspace.root), "--device", "cpu", "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["intact"]
    assert {check["of"]: check["state"] for check in summary["checks"]}["source"] == "equal"
    (carried / "datasheet.md").write_text("")
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert not json.loads(result.stdout.splitlines()[-1])["intact"]
