"""A source that changed since it was read is noticed, and never taken for what it was."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curation.errors import SourceWarning
from curation.pipeline import Pipeline
from curation.pipeline.freshness import SourceChanged, change
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

RANDOM = np.random.default_rng(0)


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RANDOM.integers(0, 256, (16, 16), dtype=np.uint8)).save(path)


def a_folder(at: Path) -> Path:
    for split in ("train", "test"):
        for name in ("ant", "bee"):
            for index in range(4):
                image(at / split / name / f"{index}.png")
    return at


def an_archive(at: Path) -> Path:
    parts: dict[str, Any] = {}
    for split in ("train", "test"):
        parts[f"{split}_images"] = RANDOM.integers(0, 256, (8, 16, 16), dtype=np.uint8)
        parts[f"{split}_labels"] = np.arange(8) % 2
    np.savez(at.with_suffix(".npz"), **parts)
    return at.with_suffix(".npz")


def arrays(at: Path) -> Path:
    at.mkdir()
    np.save(at / "data.npy", RANDOM.integers(0, 256, (8, 16, 16), dtype=np.uint8))
    np.save(at / "label.npy", np.arange(8) % 2)
    return at


MADE: dict[str, Callable[[Path], Path]] = {"folder": a_folder, "npz": an_archive, "npy_folder": arrays}


def opened(kind: str, place: Path, workspace: Path, **more: Any) -> Pipeline:
    block = {"reader": kind, "path": str(place), **more.pop("source", {})}
    recipe = Recipe.parse({"source": block, "selection": {"budget": 2}, **more})
    return Pipeline(recipe, Workspace(workspace), device="cpu")


def run(pipeline: Pipeline) -> np.ndarray:
    pipeline.run(("ingest",))
    return pipeline.samples.images(np.arange(len(pipeline.samples)))


def later(path: Path) -> None:
    """Give the files other times, as a copy has."""
    for file in [path, *path.rglob("*")]:
        if file.is_file():
            os.utime(file, ns=(10**18, 10**18))


@pytest.mark.parametrize("kind", MADE)
def test_other_images_in_its_place_are_asked_about(kind: str, tmp_path: Path) -> None:
    source = MADE[kind](tmp_path / "set")
    before = run(opened(kind, source, tmp_path / "w"))
    shutil.rmtree(source) if source.is_dir() else source.unlink()
    MADE[kind](tmp_path / "set")  # as many, as large, of the same names
    later(source)
    with pytest.raises(SourceChanged, match="its files differ in names, sizes or contents; read it again, or keep"):
        run(opened(kind, source, tmp_path / "w"))
    with pytest.raises(SourceChanged) as found:
        run(opened(kind, source, tmp_path / "w"))
    found.value.keep()
    np.testing.assert_array_equal(run(opened(kind, source, tmp_path / "w")), before)
    later(source)
    os.utime(next(iter([source] if source.is_file() else sorted(source.rglob("*.*")))))
    with pytest.raises(SourceChanged) as again:  # it changed once more
        run(opened(kind, source, tmp_path / "w"))
    again.value.read_again()
    after = run(opened(kind, source, tmp_path / "w"))
    assert (after != before).any()
    np.testing.assert_array_equal(run(opened(kind, source, tmp_path / "w")), after)


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("source", [{}, {"limit": 6}, {"noise": {"share": 0.5}}], ids=str)
def test_files_that_were_only_touched_or_copied_are_what_they_were(
    kind: str, source: dict[str, Any], tmp_path: Path
) -> None:
    place = MADE[kind](tmp_path / "set")
    it = opened(kind, place, tmp_path / "w", source=source)
    run(it)
    key = it.plan.samples_key
    later(place)
    assert change(it.plan) is not None  # by times alone nobody can tell
    run(it)
    assert it.plan.samples_key == key
    assert change(it.plan) is None


def test_counts_are_told_and_edits_by_hand_warned_of(tmp_path: Path) -> None:
    source = a_folder(tmp_path / "set")
    run(opened("folder", source, tmp_path / "w"))
    for index in range(3):
        image(source / "train" / "cow" / f"{index}.png")
    edited = opened("folder", source, tmp_path / "w", selection={"budget": 2, "edits": {"drop": [3]}})
    found = str(change(edited.plan))
    assert "it had 8 images of 2 classes, and has 11 of 3 now" in found
    assert "edits by hand name positions in it, and may then mean other images" in found
    assert "then mean other images" not in str(change(opened("folder", source, tmp_path / "w").plan))


def test_the_other_split_and_what_systems_leave_behind_are_no_change(tmp_path: Path) -> None:
    source = a_folder(tmp_path / "set")
    it = opened("folder", source, tmp_path / "w")
    run(it)
    image(source / "test" / "ant" / "more.png")
    (source / "train" / ".DS_Store").write_text("x")
    (source / "train" / "Thumbs.db").write_text("x")
    assert change(it.plan) is None
    run(it)
    test = opened("folder", source, tmp_path / "w", source={"split": "test"})
    assert len(run(test)) == 9
    image(source / "test" / "bee" / "more.png")
    assert change(it.plan) is None
    assert change(test.plan) is not None


def test_a_broken_source_has_changed_and_one_that_is_gone_is_used_as_it_was_read(tmp_path: Path) -> None:
    source = an_archive(tmp_path / "set")
    it = opened("npz", source, tmp_path / "w")
    before = run(it)
    source.write_bytes(source.read_bytes()[:50])
    with pytest.raises(SourceChanged, match="cannot be read now"):
        run(it)
    source.unlink()
    with pytest.warns(SourceWarning, match=r"there is no .*set\.npz any more; its images are used as they were read"):
        np.testing.assert_array_equal(run(it), before)


def test_what_an_older_version_read_is_known_by_its_key(tmp_path: Path) -> None:
    source = a_folder(tmp_path / "set")
    it = opened("folder", source, tmp_path / "w")
    run(it)
    it.workspace.write_source_key(it.plan.source_spec, str(it.plan.samples_key), None)
    assert change(it.plan) is None
    (source / "train" / "ant" / "0.png").unlink()
    it.workspace.write_source_key(it.plan.source_spec, str(it.plan.samples_key), None)
    assert change(it.plan) is not None
