"""What the commands do where a source has changed since it was read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from curation.cli.terminal import settled
from curation.errors import CurationError
from curation.pipeline import Pipeline
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
