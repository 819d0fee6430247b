"""What a workspace takes on disk, and freeing what is made again by itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from curation.cli.main import app
from curation.pipeline import Pipeline
from curation.storage.disk import CORRUPTED, clean, parts
from curation.storage.workspace import Workspace


@pytest.fixture
def kept(computed: Pipeline, tmp_path: Path) -> Pipeline:
    """The small recipe in a workspace of its own, its corrupted copies kept as files."""
    shutil.copytree(computed.workspace.root, tmp_path / "kept")
    recipe = computed.recipe.with_changes(**{"variants.corruption.keep": "all"})
    pipeline = Pipeline(recipe, Workspace(tmp_path / "kept"), device="cpu")
    pipeline.run(("corruption",))
    return pipeline


def test_every_file_is_of_one_part(kept: Pipeline, computed: Pipeline) -> None:
    found = {part.name: part for part in parts(kept.workspace)}
    folder = Path(kept.workspace.root)
    every = [path for path in folder.rglob("*") if path.is_file() and path.name != "workspace.json"]
    assert sum(part.files for part in found.values()) == len(every)
    assert sum(part.bytes for part in found.values()) == sum(path.stat().st_size for path in every)
    assert found[CORRUPTED].bytes == pytest.approx(3 * 1300 * 28 * 28, rel=0.01)
    assert {name for name, part in found.items() if part.made_again} <= {CORRUPTED, "tables of all candidates"}
    assert found["samples"].bytes > 1300 * 28 * 28
    assert CORRUPTED not in {part.name for part in parts(computed.workspace)}


def test_what_is_freed_is_made_again(kept: Pipeline) -> None:
    rows = np.array([1299, 3, 700])
    pool, images = kept.pool(), [images.gather(rows) for images in kept.plan.corrupted()]
    freeable = sum(part.bytes for part in parts(kept.workspace) if part.made_again)
    freed = clean(kept.workspace)
    assert freed == freeable
    assert clean(kept.workspace) == 0
    again = Pipeline(kept.recipe.with_changes(**{"variants.corruption.keep": "none"}), kept.workspace, device="cpu")
    assert all(status.state in ("done", "off") for status in again.status() if status.stage != "map")
    assert again.pool().equals(pool)
    for found, before in zip(again.plan.corrupted(), images, strict=True):
        assert np.array_equal(found.gather(rows), before)


@pytest.mark.parametrize(("answer", "freed"), [("n\n", False), ("y\n", True), (None, True)])
def test_the_command_lists_sizes_and_asks(kept: Pipeline, answer: str | None, freed: bool) -> None:
    from typer.testing import CliRunner

    words = ["clean", "--workspace", str(kept.workspace.root), "--json", *(["--yes"] if answer is None else [])]
    result = CliRunner().invoke(app, words, input=answer)
    assert result.exit_code == 0, result.output
    assert CORRUPTED in result.output
    summary = json.loads(result.stdout.splitlines()[-1])
    assert bool(summary["freed"]) == freed
    assert any(part["name"] == CORRUPTED and part["made_again"] for part in summary["parts"])
    left = sum(images.kept() for images in kept.plan.corrupted())
    assert left == (0 if freed else 3 * 1300)
