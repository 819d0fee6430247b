"""What the commands do where a source has changed since it was read."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from curation.cli import app
from curation.cli.terminal import settled
from curation.errors import CurationError
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace


def save(path: Path, count: int) -> None:
    pixels = np.random.default_rng(count).integers(0, 256, (count, 16, 16), dtype=np.uint8)
    np.savez(path, images=pixels, labels=np.arange(count) % 2)


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A source of 8 images that has 12 now."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    path = tmp_path / "set.npz"
    save(path, 8)
    recipe = Recipe.parse({"source": {"reader": "npz", "path": str(path)}, "selection": {"budget": 2}})
    found = Pipeline(recipe, Workspace(tmp_path / "w"), device="cpu")
    found.run(("ingest",))
    save(path, 12)
    return found


def test_with_nobody_to_ask_a_command_stops_and_says_how_to_go_on(changed: Pipeline) -> None:
    said = "it had 8 images of 2 classes, and has 12 of 2 now; .* add --changed-source read or --changed-source keep"
    with pytest.raises(CurationError, match=said):
        settled(partial(changed.run, ("ingest",)), None)


@pytest.mark.parametrize(("answer", "unasked", "images"), [("read", None, 12), ("keep", "read", 8), (None, "read", 12)])
def test_an_answer_holds_until_the_next_change(
    changed: Pipeline, answer: str | None, unasked: str | None, images: int
) -> None:
    settled(partial(changed.run, ("ingest",)), answer, unasked=unasked)  # type: ignore[arg-type]
    assert len(changed.samples) == images
    settled(partial(changed.run, ("ingest",)), None)
    assert len(changed.samples) == images


@pytest.fixture
def a_set(tmp_path: Path) -> Pipeline:
    """A source of 8 images, and all that a set chosen at random needs."""
    path = tmp_path / "set.npz"
    save(path, 8)
    block = {"source": {"reader": "npz", "path": str(path)}, "variants": {"corruption": None}}
    block |= {"goal_model": {"architecture": "tiny_resnet", "train": {"epochs": 1}}}
    recipe = Recipe.parse({**block, "selection": {"budget": 2, "mix": [1, 0, 0], "strategy": "random"}})
    found = Pipeline(recipe, Workspace(tmp_path / "w"), device="cpu")
    found.run(FOR_SELECTION)
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    return found


@pytest.mark.parametrize("command", ["select", "export"])
def test_what_reads_nothing_again_says_that_the_source_changed(a_set: Pipeline, command: str, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    words = [command, tmp_path / "recipe.yaml", "--workspace", tmp_path / "w"]
    words += ["--out", tmp_path / "out", "--overwrite"] if command == "export" else []

    def said() -> str:
        done = CliRunner().invoke(app, list(map(str, words)))
        assert done.exit_code == 0, done.output
        return done.output

    assert "note" not in said()
    os.utime(path, ns=(10**18, 10**18))
    assert "note" not in said(), "the images are what they were"
    shutil.copy(path, tmp_path / "before.npz")
    save(path, 12)
    changed = (
        "it had 8 images of 2 classes, and has 12 of 2 now; read it again, or keep the images as they were read; here "
        "its images are as they were read: `curation run` with --changed-source read or keep decides"
    )
    assert changed in said()
    path.unlink()
    assert "set.npz any more; its images are used as they were read" in said()
    shutil.copy(tmp_path / "before.npz", path)
    assert "note" not in said()
