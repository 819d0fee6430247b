"""Blocks of several shards that other threads write, as on an accelerator: the same files, resumed, errors told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curation.errors import CurationError
from curation.pipeline import Pipeline
from curation.progress import Cancelled, Progress
from curation.storage.shards import Shards
from curation.storage.workspace import Workspace
from tests.blocks import as_on_an_accelerator

STAGES = ("corruption", "adversarial", "score", "embed")


@pytest.fixture
def emptied(computed: Pipeline, tmp_path: Path) -> Pipeline:
    """The small recipe, all copies kept, on a workspace that lacks what an accelerator would compute."""
    shutil.copytree(computed.workspace.root, tmp_path / "emptied")
    recipe = computed.recipe.with_changes(**{"variants.corruption.keep": "all"})
    pipeline = Pipeline(recipe, Workspace(tmp_path / "emptied"), device="cpu")
    for shards in made(pipeline):
        shutil.rmtree(shards.folder, ignore_errors=True)
    return Pipeline(recipe, Workspace(tmp_path / "emptied"), device="cpu")


def made(pipeline: Pipeline) -> list[Shards]:
    plan = pipeline.plan
    scores = [plan.scores(images) for images in plan.image_sets()]
    return [*(images.pixels for images in [*plan.corrupted(), *plan.attacked()]), *scores, plan.features()]


def names(pipeline: Pipeline) -> list[dict[int, str]]:
    """Return the names of all shards, of which their digests are a part; those of corrupted copies first."""
    return [shards.present() for shards in made(pipeline)]


def test_they_are_the_same_files(emptied: Pipeline, computed: Pipeline) -> None:
    with as_on_an_accelerator():
        emptied.run(STAGES)
    copies = len(emptied.plan.corrupted())
    assert names(emptied)[copies:] == names(computed)[copies:]
    assert [len(found) for found in names(emptied)[:copies]] == [2] * copies
    whole = names(emptied)
    for shards, index in zip(made(emptied), (0, 1, 1, 5, 0, 1, 0, 1, 0, 0), strict=True):
        (shards.folder / shards.present()[index]).unlink()
    again = Pipeline(emptied.recipe, emptied.workspace, device="cpu")
    with as_on_an_accelerator():
        again.run(STAGES)
    assert names(again) == whole


def test_what_could_not_be_written_is_said_and_the_rest_is_kept(
    emptied: Pipeline, computed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Shards.write

    def full(shards: Shards, index: int, value: object) -> None:
        if shards.folder.parent.name == "scores" and len(list(shards.folder.parent.glob("*/shard*"))) > 3:
            raise CurationError("cannot write there: the disk is full")
        write(shards, index, value)  # type: ignore[arg-type]

    with as_on_an_accelerator():
        monkeypatch.setattr(Shards, "write", full)
        with pytest.raises(CurationError, match=r"^cannot write there: the disk is full$"):
            emptied.run(STAGES)
        monkeypatch.undo()
        emptied.run(STAGES)
    copies = len(emptied.plan.corrupted())
    assert names(emptied)[copies:] == names(computed)[copies:]


def test_cancelled_in_a_block_all_that_was_scored_is_kept(emptied: Pipeline) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "score" and progress.done >= 2600:
            raise Cancelled

    with as_on_an_accelerator(), pytest.raises(Cancelled):
        emptied.run(STAGES, report=stop)
    scores = [emptied.plan.scores(images) for images in emptied.plan.image_sets()]
    assert [len(found.present()) for found in scores] == [2, 2, 0, 0, 0]
