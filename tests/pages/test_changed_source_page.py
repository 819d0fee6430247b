"""A source that changed since it was read, on the pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation.pipeline import Pipeline
from curation.pipeline.freshness import change
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from pages.ui import changed
from tests.pages.opened import open_page, use_cache, words

ASKED = "has changed since it was read into"


def save(path: Path, count: int) -> None:
    pixels = np.random.default_rng(count).integers(0, 256, (count, 16, 16), dtype=np.uint8)
    np.savez(path, images=pixels, labels=np.arange(count) % 2)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A workspace whose source has more images than when it was read."""
    path = tmp_path / "set.npz"
    save(path, 8)
    recipe = Recipe.parse({"source": {"reader": "npz", "path": str(path)}, "selection": {"budget": 2}})
    found = Pipeline(recipe, Workspace(use_cache(monkeypatch, tmp_path / "cache") / "one"), device="cpu")
    found.run(("ingest",))
    found.workspace.save_revision(recipe.to_yaml())
    save(path, 12)
    changed._change.clear()
    return found


def test_every_page_asks_and_what_was_read_can_be_kept(read: Pipeline) -> None:
    for name in ("workspace", "mix"):
        assert ASKED in words(open_page(name))
    at = open_page("workspace")
    assert "it had 8 images of 2 classes, and has 12 of 2 now" in words(at)
    at.button(key="source-keep").click().run()
    assert not at.exception
    assert ASKED not in words(at)
    assert change(read.plan) is None


def test_reading_it_again_starts_a_job(read: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr("curation.jobs.submit", lambda found, recipe, stages, **_: started.append(tuple(stages)))
    at = open_page("workspace")
    at.button(key="source-read").click().run()
    assert not at.exception
    assert started == [("ingest",)]
    assert ASKED not in words(at)
    read.run(("ingest",))
    assert len(read.samples) == 12
