"""The Map page without a browser: what to do first, slices and names kept in the recipe, what is alike and double."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from curation.analysis.similar import fitted
from curation.pipeline import Pipeline
from curation.pipeline.stages.embed import embed_shards
from curation.pipeline.stages.map import copies_table, mapped_copies
from curation.readers.pixels import Unreadable
from curation.selection.settings import Edits
from curation.storage.workspace import Workspace
from tests.pages.opened import changes, open_page, recipe_of, run_script, use_cache, words

VIEWS = ["Map", "Clusters", "Similar", "Duplicates"]
ALL = [[-1e6, -1e6], [1e6, -1e6], [1e6, 1e6], [-1e6, 1e6]]
NONE = [[1e6, 1e6], [2e6, 1e6], [2e6, 2e6]]


@pytest.fixture(scope="module")
def drawn(workspace: Workspace, computed: Pipeline) -> Pipeline:
    """The small workspace with a map in UMAP's place, and fog where it might land, without waiting for UMAP."""
    recipe = computed.recipe.with_changes(**{"map.copies": ["fog/3"]})
    pipeline = Pipeline(recipe, workspace, device="cpu")
    flat = pipeline.plan.map_table("pca").table(0)
    pipeline.plan.map_table("umap").write(0, flat.assign(x=10 * flat["y"], y=flat["x"]))
    (fog,) = mapped_copies(pipeline.plan)
    points = pipeline.plan.points(fog, epoch=pipeline.plan.epoch)
    for index in range(points.count):
        embed_shards(pipeline.samples, {}, fog, points, pipeline.plan.model, "features", [index])
    places = pipeline.plan.map_table("umap").table(0)[["x", "y"]] + 1
    copies_table(pipeline.plan, fog).write(0, places)
    return pipeline


@pytest.fixture
def cache(drawn: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, since what is too long for a link is saved as a revision."""
    shutil.copytree(drawn.workspace.root, tmp_path / "small")
    return use_cache(monkeypatch, tmp_path)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page last gave to the map."""
    from pages.ui.map import view

    kept: dict[str, Any] = {}
    draw = view.embedding_map

    def embedding_map(xy: np.ndarray, **parameters: Any) -> None:
        kept.update(parameters, xy=xy)
        draw(xy, **parameters)

    monkeypatch.setattr(view, "embedding_map", embedding_map)
    return kept


def open_map(view: str = "Map", *, changes: dict[str, Any] | None = None, **query: str) -> AppTest:
    asked = {"w": "small", "map-view": view, "d": json.dumps(changes) if changes else "", **query}
    return open_page("map", **{key: value for key, value in asked.items() if value})


def run(script: str, **changes: Any) -> AppTest:
    """Run what a cell of a table calls, which this test cannot click."""
    return run_script(script, w="small", d=json.dumps(changes))


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_draws_without_a_word_of_error(cache: Path, view: str) -> None:
    at = open_map(view)
    assert not at.error
    assert at.segmented_control(key="map-view").value == view


@pytest.mark.parametrize("view", ["Map", "Clusters"])
def test_what_is_not_computed_is_offered(cache: Path, started: list[Any], view: str) -> None:
    at = open_map(view, changes={"map.clusters": 7})
    assert "not computed" in words(at)
    at.button(key="map-compute").click().run()
    assert [stages for _, stages in started] == [("embed", "map")]


def test_pca_is_shown_until_umap_is_there(cache: Path, started: list[Any], shown: dict[str, Any]) -> None:
    at = open_map(changes={"map.neighbors": 33}, lasso=json.dumps(ALL))
    assert "PCA is shown" in words(at)
    assert shown["polygon"] is None, "it was drawn on the other map"
    at.button(key="map-compute").click().run()
    assert started


def test_other_settings_are_computed_at_once_and_other_clusters_have_no_names(cache: Path, started: list[Any]) -> None:
    named = {"map.names": {"0": "round"}}
    at = open_map(changes=named)
    box = next(one for one in at.number_input if one.label == "Neighbors")
    box.set_value(30)
    submit(at, "Compute")
    ((recipe, asked),) = started
    assert asked == ("embed", "map")
    assert (recipe.map.neighbors, recipe.map.names) == (30, {0: "round"}), "k-means does not depend on UMAP"

    at = open_map(changes=named)
    next(one for one in at.number_input if one.label == "Clusters").set_value(8)
    submit(at, "Compute")
    assert changes(at) == {"map.clusters": 8}
    at.button(key="sidebar-undo").click().run()
    assert changes(at) == {"map.names": {"0": "round"}}


def test_a_setting_out_of_range_is_refused_with_a_sentence(cache: Path, started: list[Any]) -> None:
    at = open_map()
    next(one for one in at.text_input if one.label == "Min dist").set_value("far")
    submit(at, "Compute")
    assert "min_dist" in words(at)
    assert not started
    assert not changes(at)


def submit(at: AppTest, label: str) -> None:
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception


def test_a_lasso_decides_about_all_that_is_in_it(cache: Path, drawn: Pipeline) -> None:
    xy = drawn.plan.map_table("umap").table(0)
    x = np.sort(xy["x"])
    inside = 100 + int(np.argmax(np.diff(x[99:200])))  # at the widest gap: a link rounds
    right = float((x[inside - 1] + x[inside]) / 2)
    at = open_map(lasso=json.dumps([[-1e6, -1e6], [right, -1e6], [right, 1e6], [-1e6, 1e6]]))
    assert f"{inside:,} of 1,300** samples in the lasso" in words(at)
    at.button(key="map-exclude-all").click().run()
    assert "**0** of them chosen" in words(at)
    edits = recipe_of(at, cache).selection.edits
    assert (len(edits.include), len(edits.exclude)) == (0, inside)
    at.button(key="map-include-all").click().run()
    assert f"**{inside}** of them chosen" in words(at)
    edits = recipe_of(at, cache).selection.edits
    assert (len(edits.include), len(edits.exclude)) == (inside, 0)
    at.button(key="map-clear-all").click().run()
    assert recipe_of(at, cache).selection.edits == Edits()
    at.button(key="sidebar-undo").click().run()
    at.button(key="sidebar-undo").click().run()
    assert len(recipe_of(at, cache).selection.edits.exclude) == inside, "also where a revision was saved meanwhile"


def test_more_than_the_quota_is_not_forced_in(cache: Path) -> None:
    at = open_map(lasso=json.dumps(ALL))
    at.button(key="map-include-all").click().run()
    assert "force 1,300 clean images into the set, more than their quota of 180" in words(at)
    assert not changes(at)


SLICES = {"slices": {"all": {"layout": "umap", "polygon": ALL}, "none": {"layout": "umap", "polygon": NONE}}}


def test_a_lasso_becomes_a_slice_that_the_link_shows_again(cache: Path, shown: dict[str, Any]) -> None:
    at = open_map(lasso=json.dumps(ALL))
    at.text_input(key="slice-name").set_value("  everything ")
    submit(at, "Save slice")
    assert changes(at)["slices"]["everything"]["layout"] == "umap"
    assert "in the slice “everything”" in words(at)
    assert shown["polygon"] == ALL
    at = open_map(changes=changes(at), lasso=at.query_params["lasso"])
    assert "1,300 of 1,300** samples in the slice “everything”" in words(at)
    at.button(key="clear-lasso").click().run()
    assert shown["polygon"] is None
    assert "everything" in recipe_of(at, cache).slices


@pytest.mark.parametrize(("name", "said"), [("  ", "needs a name"), ("all", "already")])
def test_a_slice_without_a_name_of_its_own_is_refused(cache: Path, name: str, said: str) -> None:
    at = open_map(changes=SLICES, lasso=json.dumps([[0, 0], [1, 0], [1, 1]]))
    at.text_input(key="slice-name").set_value(name)
    submit(at, "Save slice")
    assert said in words(at)
    assert list(recipe_of(at, cache).slices) == ["all", "none"]


def test_a_slice_is_renamed_deleted_and_comes_back(cache: Path) -> None:
    call = "from pages.ui import state\nfrom pages.ui.map import slices\n"
    at = run(f"{call}slices.rename('all', 'v1.0')", **SLICES)
    assert list(recipe_of(at, cache).slices) == ["v1.0", "none"]
    at = run(f"{call}slices.rename('all', 'none')", **SLICES)
    assert "already" in words(at)
    at = run(f"{call}slices.delete('all')", **SLICES)
    assert list(recipe_of(at, cache).slices) == ["none"]
    at = run(f"{call}state.save(); slices.delete('all'); slices.delete('none')\nstate.undo()", **SLICES)
    assert list(recipe_of(at, cache).slices) == ["none"], "one of the two deletions was taken back"


def test_the_set_is_made_up_of_its_slices(cache: Path, drawn: Pipeline) -> None:
    at = open_map(changes=SLICES | {"slices": {**SLICES["slices"], "far": {"layout": "pca", "polygon": NONE}}})
    table = at.dataframe[0].value.set_index("name")
    assert table["samples"].tolist() == [1300, 0, 0]
    assert table["images"].tolist() == [500, 0, 0]
    assert table["share"].tolist() == [100, 0, 0]


def test_points_are_colored_by_what_the_pool_tells(cache: Path, shown: dict[str, Any], computed: Pipeline) -> None:
    open_map(changes={"selection.edits": {"drop": [int(computed.samples.sample_ids[3])]}})
    columns = {column.name: column for column in shown["columns"]}
    assert {"label", "entropy", "gini", "margin", "true_probability", "right", "cluster", "images"} <= columns.keys()
    assert all(len(column.values) == 1300 for column in columns.values())
    pool = computed.pool()
    corrupted = pool[pool["family"] == "corruption"].groupby("sample_id")["entropy"].mean() / np.log(10)
    np.testing.assert_allclose(columns["corruption_entropy"].values, corrupted, rtol=1e-5)
    attacked = pool[pool["family"] == "adversarial"]
    np.testing.assert_array_equal(columns["adversarial_wrong"].values, attacked["prediction"] != attacked["label"])
    assert np.sum(columns["images"].values) == 500
    assert np.flatnonzero(columns["dropped"].values).tolist() == [3]


def test_copies_are_drawn_where_they_land(cache: Path, shown: dict[str, Any], started: list[Any]) -> None:
    at = open_map(changes={"map.copies": ["fog/3"]})
    copies = shown["copies"]
    assert copies.kind_names == ["fog/3"]
    np.testing.assert_allclose(copies.xy, shown["xy"][copies.owners] + 1, rtol=1e-5)
    at.pills(key="field-map.copies").set_value(["fog/3", "pgd"]).run()
    assert "pgd is not computed" in words(at)
    at.button(key="map-compute").click().run()
    ((recipe, asked),) = started
    assert (recipe.map.copies, asked) == (["fog/3", "pgd"], ("embed", "map"))


def test_copies_that_were_made_for_a_former_label_are_not_drawn(
    cache: Path, shown: dict[str, Any], drawn: Pipeline
) -> None:
    recipe = drawn.recipe.with_changes(**{"map.copies": ["pgd"]})
    pipeline = Pipeline(recipe, Workspace(cache / "small"), device="cpu")
    (pgd,) = mapped_copies(pipeline.plan)
    points = pipeline.plan.points(pgd, epoch=pipeline.plan.epoch)
    for index in range(points.count):
        embed_shards(pipeline.samples, {}, pgd, points, pipeline.plan.model, "features", [index])
    copies_table(pipeline.plan, pgd).write(0, pipeline.plan.map_table("umap").table(0)[["x", "y"]])
    some = drawn.samples.sample_ids[::5].tolist()
    relabel = {str(one): (drawn.samples.label_of(one) + 1) % 10 for one in some}
    said = f"{len(some)} adversarial copies were made for labels that you have changed since and are not drawn."
    assert said not in words(open_map(changes={"map.copies": ["pgd"]}))
    at = open_map(changes={"map.copies": ["pgd"], "selection.edits": {"relabel": relabel}})
    assert said in words(at)
    owners = shown["ids"][shown["copies"].owners]
    assert len(owners)
    assert not np.isin(owners, some).any()


def test_one_cluster_alone_is_drawn(cache: Path, shown: dict[str, Any], drawn: Pipeline) -> None:
    mine = (drawn.plan.map_table("umap").table(0)["cluster"] == 2).to_numpy()
    at = open_map(changes={"map.copies": ["fog/3"]}, only="2")
    np.testing.assert_array_equal(shown["ids"], drawn.samples.sample_ids[mine])
    assert shown["copies"].owners.max() < mine.sum()
    at.button(key="map-everything").click().run()
    assert len(shown["ids"]) == 1300
    assert not at.exception


def test_clusters_have_names_that_people_gave(cache: Path) -> None:
    at = run("from pages.ui.map import clusters\nclusters.rename({1: ' ones ', 2: ''})", **{"map.names": {"2": "two"}})
    assert recipe_of(at, cache).map.names == {1: "ones"}
    at = open_map("Clusters", changes=changes(at), cluster="1")
    table = at.dataframe[0].value
    assert table["name"].tolist() == ["Cluster 0", "ones", "Cluster 2", "Cluster 3", "Cluster 4"]
    assert table["size"].sum() == 1300
    assert any(element.value == "ones" for element in at.subheader)
    at.button(key="cluster-only").click().run()
    assert at.segmented_control(key="map-view").value == "Map"
    assert "Only ones" in [button.label for button in at.button]


def test_samples_in_no_cluster_are_told_apart(cache: Path, drawn: Pipeline, shown: dict[str, Any]) -> None:
    dense = {"map.cluster_by": "hdbscan"}
    table = drawn.plan.map_table("umap").table(0)
    table.loc[:99, "cluster"] = -1
    with_noise = Pipeline(drawn.recipe.with_changes(**dense), Workspace(cache / "small"), device="cpu")
    with_noise.plan.map_table("umap").write(0, table)
    at = open_map("Clusters", changes=dense, cluster="-1")
    assert "**5** clusters on the UMAP map" in words(at)
    assert "**100** samples in no cluster" in words(at)
    assert "**100 of 1,300** samples in no cluster" in words(at)
    assert at.dataframe[0].value["name"].iloc[-1] == "No cluster"
    open_map(changes=dense)
    column = next(one for one in shown["columns"] if one.name == "cluster")
    assert (column.names[0], column.missing, int((np.asarray(column.values) < 0).sum())) == (
        "Cluster 0",
        "no cluster",
        100,
    )


def test_the_neighbors_of_a_copy_are_other_samples(cache: Path) -> None:
    at = open_map("Similar", sample="13", variant="fog/3")
    assert "of 24** nearest samples have its label" in words(at)
    assert any(element.value.startswith("**13/fog/3**") for element in at.markdown)
    at.number_input(key="nearest-count").set_value(500).run()
    at.segmented_control(key="nearest-metric").set_value("cosine").run()
    assert "500** nearest samples" in words(at)
    at.number_input(key="similar-sample").set_value(22).run()
    assert any(element.value.startswith("**22/fog/3**") for element in at.markdown), "the variant stays"


def test_a_sample_that_is_not_there_is_said_so(cache: Path) -> None:
    at = open_map("Similar", sample="17")
    assert "Sample 17 is not in this workspace; the nearest ids: 13 and 22." in words(at)
    assert not at.error


def picture(pixels: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_uploaded_picture_finds_itself(cache: Path, drawn: Pipeline, kind: str) -> None:
    digit = drawn.samples.images(np.array([40]))[0, ..., 0]
    at = open_map("Similar")
    at.file_uploader[0].set_value((f"mine.{kind.lower()}", picture(digit, kind), f"image/{kind.lower()}")).run()
    assert not at.exception
    assert "mine." in words(at)
    assert "Labels of the **24** nearest samples" in words(at)
    assert not at.warning
    at.button(key="similar-take-away").click().run()
    assert "Labels of the" not in words(at)


def test_a_picture_that_is_unlike_the_samples_is_told(cache: Path, drawn: Pipeline) -> None:
    digit = drawn.samples.images(np.array([40]))[0, ..., 0]
    at = open_map("Similar")
    at.file_uploader[0].set_value(("inverted.png", picture(255 - digit, "PNG"), "image/png")).run()
    assert "Unlike the samples" in at.warning[0].value


def test_a_picture_of_another_size_and_color_is_brought_to_the_set(drawn: Pipeline) -> None:
    photo = np.zeros((60, 90, 3), np.uint8)
    photo[:, 30:60] = (255, 255, 255)
    image, notes = fitted(picture(photo, "JPEG"), drawn.samples.shape)
    assert image.shape == drawn.samples.shape
    assert image.dtype == np.uint8
    assert "color converted to gray" in notes
    wide, _ = fitted(picture(photo, "PNG"), (10, 30, 3))
    assert wide.shape == (10, 30, 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("white", "told"), [(4095, None), (None, "4,095 taken for white, by this image alone")])
def test_a_picture_of_more_bits_has_the_sets_white(
    drawn: Pipeline, kind: str, white: int | None, told: str | None
) -> None:
    digit = drawn.samples.images(np.array([40]))[0, ..., 0]
    deep = np.rint(digit / digit.max() * (4095 if white is None else 1500)).astype(np.uint16)
    image, notes = fitted(picture(deep, kind), drawn.samples.shape, white_level=white)
    assert np.abs(image[..., 0].astype(int) - np.rint(deep * (255 / 4095))).max() <= 1
    assert any("taken for white" in note for note in notes) == (told is not None)
    assert told is None or told in notes


def test_a_picture_of_zeros_and_ones_is_black_and_white(drawn: Pipeline) -> None:
    half = (drawn.samples.images(np.array([40]))[0, ..., 0] > 100).astype(np.uint8)
    image, notes = fitted(picture(half, "PNG"), drawn.samples.shape)
    assert set(np.unique(image)) == {0, 255}
    assert notes == ["1 taken for white, by this image alone"]


def test_a_picture_whose_white_cannot_be_told_is_refused(drawn: Pipeline) -> None:
    dark = np.full(drawn.samples.shape[:2], 9000, np.uint16)
    with pytest.raises(Unreadable, match="pixels up to 5,000, above the white level 4,095"):
        fitted(picture(dark // 9 * 5, "PNG"), drawn.samples.shape, white_level=4095)
    with pytest.raises(Unreadable, match=r"pixels up to 20,000, which leaves open what is white; save it with 8 bits"):
        fitted(picture(dark // 9 * 20, "PNG"), drawn.samples.shape)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"x" * 40])
def test_a_file_that_is_no_picture_is_refused_in_one_sentence(cache: Path, content: bytes) -> None:
    at = open_map("Similar")
    at.file_uploader[0].set_value(("broken.png", content, "image/png")).run()
    assert not at.exception
    (error,) = at.error
    assert error.value.startswith("broken.png cannot be compared: ")
    assert "nearest samples have its label" in words(at), "the sample that was looked at is still there"


@pytest.fixture
def doubled(monkeypatch: pytest.MonkeyPatch, drawn: Pipeline) -> list[int]:
    """Sample ids of three alike of one label, and of two alike of different labels, as if they were found."""
    labels = drawn.samples.labels
    first, second, third = np.flatnonzero(labels == labels[0])[:3]
    last, other = sorted(int(np.flatnonzero(which)[-1]) for which in (labels == labels[0], labels != labels[0]))
    pairs = pd.DataFrame(
        {
            "row": [first, first, last],
            "other": [second, third, other],
            "distance": [0.0, 3 / 255, 0.0],
            "mirrored": [False, False, True],
        }
    )
    monkeypatch.setattr("pages.ui.map.doubles.near_duplicates", lambda *_, **__: pairs)
    st.cache_resource.clear()
    return [int(drawn.samples.sample_ids[row]) for row in (first, second, third, last, other)]


def test_of_doubles_one_is_kept_and_doubtful_ones_go(cache: Path, doubled: list[int]) -> None:
    first, second, third, *doubtful = doubled
    at = open_map("Duplicates")
    assert "**5** of 1,300 samples are in **2** groups" in words(at)
    assert "**1** of these with more than one label, **2** open" in words(at)
    assert "up to 3.0/255 from the first" in words(at)
    assert "mirrored, exact copies" in words(at)
    at.button(key="double-keep-one").click().run()
    assert recipe_of(at, cache).selection.edits.drop == [second, third]
    at.button(key="double-drop-doubtful").click().run()
    assert sorted(recipe_of(at, cache).selection.edits.drop) == sorted([second, third, *doubtful])
    assert "All groups are decided" in words(at)
    at.segmented_control(key="doubles-show").set_value("all").run()
    at.button(key="double-1-back").click().run()
    assert sorted(recipe_of(at, cache).selection.edits.drop) == sorted(doubtful)
    assert first not in recipe_of(at, cache).selection.edits.drop


def test_a_group_is_decided_by_itself(cache: Path, doubled: list[int]) -> None:
    at = open_map("Duplicates")
    at.button(key="double-1-keep").click().run()
    assert recipe_of(at, cache).selection.edits.drop == doubled[1:3]
    at.button(key="double-0-drop").click().run()
    assert sorted(recipe_of(at, cache).selection.edits.drop) == sorted(doubled[1:])
    at.button(key="sidebar-undo").click().run()
    assert recipe_of(at, cache).selection.edits.drop == doubled[1:3]


def test_a_set_without_doubles_says_so_and_a_large_one_waits(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()
    assert any("No duplicates" in element.value for element in open_map("Duplicates").success)
    st.cache_resource.clear()
    monkeypatch.setattr("pages.ui.map.doubles.AT_ONCE", 100)
    at = open_map("Duplicates")
    assert not at.success
    at.button(key="double-compare").click().run()
    assert any("No duplicates" in element.value for element in at.success)
