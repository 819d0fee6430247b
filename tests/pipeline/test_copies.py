"""Corrupted copies are a function of their samples: kept or made again, they and all that follows are alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from curation.corruptions import CORRUPTIONS
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.progress import Cancelled, Progress
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

ROWS = 11


def of(pipeline: Pipeline, *, keep: str, workspace: Path | None = None) -> Pipeline:
    recipe = pipeline.recipe.with_changes(**{"variants.corruption.keep": keep})
    return Pipeline(recipe, Workspace(workspace) if workspace else pipeline.workspace, device="cpu")


def files_of_copies(pipeline: Pipeline) -> list[Path]:
    """Return the kept shards of corrupted copies."""
    return [Path(found) for images in pipeline.plan.corrupted() for found in images.pixels.folder.glob("*.npy")]


def tables(pipeline: Pipeline) -> list[dict[int, str]]:
    """Return the names, of which their contents are a part, of every shard of scores."""
    return [pipeline.plan.scores(images).present() for images in pipeline.plan.image_sets()]


def sums(folder: Path) -> str:
    return (folder / "SHA256SUMS").read_text()


@pytest.fixture
def copied(computed: Pipeline, tmp_path: Path) -> Path:
    """A copy of the small workspace."""
    shutil.copytree(computed.workspace.root, tmp_path / "copied")
    return tmp_path / "copied"


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3)], ids=str)
def test_a_copy_is_the_same_kept_or_made_again_and_with_whatever_others(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (ROWS, *shape), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=pixels, labels=np.arange(ROWS) % 2)
    recipe = Recipe.parse(
        {
            "source": {"reader": "npz", "path": str(tmp_path / "set.npz")},
            "variants": {
                "corruption": {"kinds": list(CORRUPTIONS.names), "severities": [1, 5], "keep": "all"},
                "adversarial": None,
            },
            "selection": {"budget": 1},
        }
    )
    pipeline = Pipeline(recipe, Workspace(tmp_path / "cache"), device="cpu")
    pipeline.run(("ingest", "corruption"))
    every = np.arange(ROWS)
    for images in pipeline.plan.corrupted():
        assert images.kept() == ROWS
        kept, make = images.gather(every), images.make
        assert make is not None
        for rows in (every, every[::-1], every[[7, 2, 9]], every[[4]], every[:0]):
            assert np.array_equal(make(rows), kept[rows]), images.name


def test_no_copy_is_kept_unless_asked_for(computed: Pipeline) -> None:
    assert computed.recipe.variants.corruption is not None
    assert computed.recipe.variants.corruption.keep == "none"
    assert files_of_copies(computed) == []
    rows = np.array([1299, 3, 700])
    for images in computed.plan.corrupted():
        assert images.gather(rows).shape == (3, 28, 28, 1)
        assert not np.array_equal(images.gather(rows), computed.samples.images(rows))


def test_what_is_kept_changes_neither_scores_nor_export(computed: Pipeline, copied: Path, tmp_path: Path) -> None:
    kept = of(computed, keep="all", workspace=copied)
    assert kept.pool_key == computed.pool_key
    for images in kept.plan.image_sets():
        shutil.rmtree(kept.plan.scores(images).folder)
    kept = of(computed, keep="all", workspace=copied)
    kept.run(FOR_SELECTION)
    assert len(files_of_copies(kept)) == 6
    assert tables(kept) == tables(computed)
    first, second = (one.export(tmp_path / name) for one, name in ((computed, "first"), (kept, "second")))
    assert sums(first) == sums(second)
    # and back: what is there is read, and nothing is computed again
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("shard-*")}
    back = of(computed, keep="none", workspace=copied)
    back.run(FOR_SELECTION)
    assert sums(back.export(tmp_path / "third")) == sums(first)
    assert {path: path.stat().st_mtime_ns for path in copied.rglob("shard-*")} == before


@pytest.mark.parametrize("damage", ["truncate", "alter", "delete"])
def test_a_damaged_copy_is_made_again(computed: Pipeline, copied: Path, tmp_path: Path, damage: str) -> None:
    kept = of(computed, keep="all", workspace=copied)
    kept.run(("corruption",))
    images = kept.plan.corrupted()[0]
    rows = np.array([1299, 3, 700, 1])
    right, held = images.gather(rows), images.frozen()
    path = Path(images.pixels.folder / images.pixels.present()[0])
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-100] if damage == "truncate" else path.read_bytes()[:-100] + bytes(100))
    if damage != "alter":  # noticed only where all is compared
        assert np.array_equal(held.gather(rows), right)
        assert np.array_equal(images.gather(rows), right)
    assert sums(kept.export(tmp_path / "a")) == sums(computed.export(tmp_path / "b"))
    assert next(found.state for found in kept.status() if found.stage == "corruption") == "partial"


def test_cancelled_among_the_copies_of_a_block_it_goes_on_there(computed: Pipeline, copied: Path) -> None:
    pipeline = of(computed, keep="none", workspace=copied)
    want = tables(pipeline)
    for images in pipeline.plan.image_sets():
        shutil.rmtree(pipeline.plan.scores(images).folder)

    def stop(progress: Progress) -> None:
        if progress.stage == "score" and progress.done >= 2048:
            raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.run(("score",), report=stop)
    assert [len(found) for found in tables(pipeline)] == [1, 1, 0, 0, 0]
    kept = {path: path.stat().st_mtime_ns for path in (copied / "scores").rglob("shard-*")}
    found = next(status for status in pipeline.status() if status.stage == "score")
    assert (found.state, found.done) == ("partial", 2048)
    pipeline.run(("score",))
    assert tables(pipeline) == want
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert files_of_copies(pipeline) == []


def test_a_recipe_says_what_is_kept_only_where_something_is(small: Recipe) -> None:
    kept = small.with_changes(**{"variants.corruption.keep": "all"})
    assert "keep" not in small.to_yaml()
    assert Recipe.from_yaml(kept.to_yaml()) == kept
    assert kept.fingerprint() == small.fingerprint()
    assert kept.candidates() == small.candidates()
    assert kept.computed() != small.computed()
