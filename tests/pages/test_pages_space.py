"""The Map page in another space than the goal model's: chosen in its settings, kept in the recipe, told everywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation.analysis.similar import by_words
from curation.embedding import alike
from curation.pipeline import Pipeline
from curation.selection.pool import CODE_BITS
from curation.storage.workspace import Workspace
from tests import open_clip_stand_in
from tests.pages.opened import changes, open_page, recipe_of, use_cache, words


@pytest.fixture(scope="module")
def own(workspace: Workspace, computed: Pipeline) -> str:
    """A file of vectors, with the samples placed by it."""
    file = workspace.root.parent / "own.npy"
    np.save(file, np.random.default_rng(0).normal(size=(computed.samples.header.positions, 3)))
    found = computed.recipe.with_changes(space={"vectors": str(file)})
    Pipeline(found, workspace, device="cpu").run(("embed",))
    return str(file)


@pytest.fixture
def cache(own: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(workspace.root, tmp_path / "small")
    return use_cache(monkeypatch, tmp_path)


def open_map(view: str = "Map", *, space: dict[str, Any] | None = None, **more: Any) -> AppTest:
    changed = json.dumps(({"space": space} if space else {}) | more.pop("changes", {}))
    return open_page("map", **{"w": "small", "map-view": view, "d": changed, "layout": "pca", **more})


def fill(at: AppTest, **fields: str) -> None:
    for label, value in fields.items():
        next(one for one in at.text_input if one.label == label).set_value(value)
    next(button for button in at.button if button.label == "Compute").click().run()
    assert not at.exception


def test_a_space_goes_to_the_recipe_and_is_computed_at_once(cache: Path, own: str, started: list[Any]) -> None:
    at = open_map(changes={"map.names": {"0": "round"}})
    fill(at, Vectors=own)
    ((recipe, stages),) = started
    assert stages == ("embed", "map")
    assert (recipe.space.vectors, recipe.map.names) == (own, {})
    assert changes(at)["space"] == {"vectors": own}
    fill(at, Vectors="", Backbone="torchvision/resnet18")
    assert started[-1][0].space.model_dump() == {"backbone": "torchvision/resnet18", "weights": "pretrained"}
    fill(at, Backbone="")
    assert started[-1][0].space is None
    at.button(key="sidebar-undo").click().run()
    assert "Samples lie by the features of torchvision/resnet18" in words(at)
    assert next(one for one in at.text_input if one.label == "Backbone").value == "torchvision/resnet18"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Vectors": "gone.npy"}, "there is no file gone.npy"),
        ({"Vectors": "gone.csv"}, "must be a .npy or .parquet file"),
        ({"Backbone": "resnet18"}, "no weights of resnet18 are published"),
        ({"Backbone": "torchvision/resnet18", "Weights": "gone.pt"}, "there is no file gone.pt"),
    ],
)
def test_what_makes_no_space_is_refused(cache: Path, started: list[Any], fields: dict[str, str], said: str) -> None:
    at = open_map()
    fill(at, **fields)
    assert said in words(at)
    assert not started
    assert not changes(at)


@pytest.mark.parametrize("view", ["Map", "Clusters", "Similar"])
def test_every_view_is_of_the_vectors_and_says_so(cache: Path, own: str, view: str) -> None:
    at = open_map(view, space={"vectors": own}, sample="13")
    assert not at.error
    assert "the vectors of own.npy" in words(at)


def test_similar_samples_are_those_of_the_vectors(
    cache: Path, own: str, computed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.ui.map import similar

    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(similar, "gallery", lambda *_, **parts: shown.append(parts))
    ids, vectors = computed.samples.sample_ids, np.load(own)
    apart = np.linalg.norm(vectors[ids] - vectors[ids[17]], axis=1)
    nearest = np.argsort(apart)[1:4]
    open_map("Similar", space={"vectors": own}, sample=str(ids[17]))
    assert shown[-1]["notes"][:3] == [f"{one:.3g}" for one in apart[nearest]]


def test_a_copy_has_no_vector(cache: Path, own: str) -> None:
    at = open_map("Similar", space={"vectors": own}, sample="13", variant="fog/3")
    assert "Nothing to compare 13/fog/3 by: a file of vectors" in words(at)


def test_a_file_that_is_gone_is_said_and_can_be_changed(cache: Path, started: list[Any], own: str) -> None:
    at = open_page("map", w="small", d=json.dumps({"space": {"vectors": "gone.npy"}}))
    assert "there is no readable file gone.npy" in " ".join(one.value for one in [*at.error, *at.info, *at.markdown])
    fill(at, Vectors=own)
    assert started


def test_the_mix_page_offers_coverage_in_the_space(cache: Path, own: str) -> None:
    space = {"vectors": own}
    at = open_page(
        "mix",
        w="small",
        d=json.dumps({"space": space, "selection.strategy": "k_center", "selection.coverage.families": ["clean"]}),
    )
    box = next(one for one in at.selectbox if one.label == "Space")
    assert box.options[0] == "Of the map: the vectors of own.npy"
    assert "Choosing takes about" in words(at)


def test_alike_is_by_the_vectors_and_decided_as_duplicates_are(cache: Path, own: str, computed: Pipeline) -> None:
    pairs = alike(np.load(own)[computed.samples.sample_ids].astype(np.float32), similarity=0.9999)
    at = open_map("Duplicates", space={"vectors": own})
    at.segmented_control(key="doubles-by").set_value("space").run()
    at.number_input(key="doubles-similarity").set_value(0.9999).run()
    assert "that are alike: a cosine similarity of 0.9999 or more in the vectors of own.npy" in words(at)
    at.button(key="double-drop-doubtful").click().run()
    at.button(key="double-keep-one").click().run()
    dropped = recipe_of(at, cache).selection.edits.drop
    assert set(computed.samples.sample_ids[pairs["other"]].tolist()) <= set(dropped)


def test_words_find_what_fits_them_where_the_space_reads(
    cache: Path, workspace: Workspace, computed: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.ui.map import similar

    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(similar, "gallery", lambda *_, **parts: shown.append(parts))
    weights = open_clip_stand_in.install(monkeypatch, tmp_path)
    space = {"backbone": f"open_clip/{open_clip_stand_in.NAME}", "weights": str(weights)}
    found = Pipeline(computed.recipe.with_changes(space=space), Workspace(cache / "small"), device="cpu")
    found.run(("embed",))
    at = open_map("Similar", space=space)
    at.text_input(key="similar-words-typed").set_value("a seven").run()
    points, text = found.plan.features().whole_array(), by_words(found.plan, "a seven")
    cosines = points @ text / np.linalg.norm(points, axis=1) / np.linalg.norm(text)
    best = np.argsort(-cosines)[:24]
    assert shown[-1]["notes"][:3] == [f"{one:.3f}" for one in cosines[best[:3]]]
    assert shown[-1]["ids"][0] >> CODE_BITS == computed.samples.sample_ids[best[0]]
    assert "“a seven”" in words(at)


@pytest.mark.parametrize("reads", ["goal model", "vectors"])
def test_a_space_that_does_not_read_says_what_to_install(cache: Path, own: str, reads: str) -> None:
    at = open_map("Similar", space={"vectors": own} if reads == "vectors" else None)
    assert "Search by words needs a backbone that reads" in words(at)
    assert 'pip install "curation[text]"' in words(at)
