"""Coverage as a strategy of a recipe: computed once, followed by every selection, weighed, exported, sampled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch.utils.data import DataLoader

from curation import ClusterSampler, load
from curation.coverage import assign
from curation.coverage.weighing import Weights, weigh
from curation.errors import CurationError, UsageError
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.pipeline.stages.coverage import coverage_of
from curation.recipe import Recipe
from curation.selection import SELECTORS
from curation.selection.coverage import CoverageSettings
from curation.selection.coverage_run import CoverageRun, fitting_radius
from curation.selection.family import NEVER
from curation.selection.pool import CODE_BITS
from curation.selection.select import select
from curation.selection.settings import Selection
from curation.storage.workspace import Workspace
from tests.selection.test_selection import make_pool

BY_COVERAGE = [selector.name for selector in SELECTORS if selector.by_coverage]


def places(pool: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """A place in five dimensions for every candidate, near that of its class."""
    random = np.random.default_rng(seed)
    centers = random.normal(size=(10, 5)) * 4
    return (centers[pool["label"]] + random.normal(size=(len(pool), 5))).astype(np.float32)


def chosen(pool: pd.DataFrame, **fields: Any) -> tuple[Any, CoverageRun]:
    settings = Selection.model_validate({"mix": [9, 6, 10], **fields})
    at = places(pool)
    coverage_run = CoverageRun(lambda rows: at[rows], settings.coverage, total=settings.budget)
    return select(pool, settings, seed=1, classes=int(pool["label"].max()) + 1, coverage_run=coverage_run), coverage_run


@pytest.mark.parametrize("strategy", BY_COVERAGE)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"coverage": {"classwise": False}},
        {"class_balance": True},
        {"variants_per_sample": "one"},
        {"coverage": {"metric": "cosine"}, "offset": 0.1, "floor": 0.8},
        {"edits": {}},
    ],
    ids=str,
)
def test_a_selection_by_coverage_keeps_every_rule(strategy: str, fields: dict[str, Any]) -> None:
    pool = make_pool(samples=40, kinds=2)
    ids = pool["sample_id"].unique()
    if "edits" in fields:
        named = {"include": [str(ids[3]), str(ids[7])], "exclude": [str(ids[5])], "drop": [int(ids[11])]}
        fields = {**fields, "edits": named}
    one = fields.get("variants_per_sample") == "one"
    budget = 30 if one else 50
    found, coverage_run = chosen(pool, budget=budget, strategy=strategy, **fields)
    assert not found.shortages
    assert len(found.pool_rows) == budget == len(np.unique(found.pool_rows))
    again, _ = chosen(pool, budget=budget, strategy=strategy, **fields)
    assert (found.candidate_ids == again.candidate_ids).all()
    picked = pool.iloc[found.pool_rows]
    if one:
        assert picked["sample_id"].is_unique
    if "edits" in fields:
        clean = set(picked[picked["family"] == "clean"]["sample_id"])
        assert {ids[3], ids[7]} <= clean
        assert ids[5] not in clean
        assert ids[11] not in set(picked["sample_id"])
    order = coverage_run.order_of(found.candidate_ids)
    assert (order != NEVER).sum() == budget - len(fields.get("edits", {}).get("include", []))


def test_a_kept_order_gives_the_same_selection() -> None:
    pool = make_pool(samples=40, kinds=2)
    fields: dict[str, Any] = {"budget": 40, "strategy": "facility_location", "offset": 0.1, "floor": 0.9}
    found, coverage_run = chosen(pool, **fields)
    order = coverage_run.order_of(pool["candidate_id"].to_numpy())
    settings = Selection.model_validate({"mix": [9, 6, 10], **fields})
    again = select(pool.assign(coverage=order), settings, seed=1, classes=int(pool["label"].max()) + 1)
    assert (found.candidate_ids == again.candidate_ids).all()
    assert found.summary() == again.summary()


def test_only_the_families_asked_for_are_covered() -> None:
    pool = make_pool(samples=40, kinds=2)
    found, coverage_run = chosen(pool, budget=40, strategy="facility_location", coverage={"families": ["clean"]})
    plain, _ = chosen(pool, budget=40)
    assert {group.family for group in coverage_run.groups} == {"clean"}
    families = pool["family"].to_numpy()
    same = [set(it.pool_rows[families[it.pool_rows] != "clean"]) for it in (found, plain)]
    assert same[0] == same[1]


def test_the_band_bounds_what_is_covered() -> None:
    pool = make_pool(samples=60, kinds=2)
    fields: dict[str, Any] = {"budget": 30, "strategy": "k_center", "offset": 0.2, "floor": 0.8}
    inside, _ = chosen(pool, **fields)
    everywhere, _ = chosen(pool, **fields, within="family")
    clean = pool[pool["family"] == "clean"].sort_values("entropy", ascending=False)["candidate_id"].to_numpy()
    band = set(clean[round(0.2 * len(clean)) : round(0.8 * len(clean))])
    of_clean = [set(it.candidate_ids[(it.candidate_ids & (1 << CODE_BITS) - 1) == 0]) for it in (inside, everywhere)]
    assert of_clean[0] <= band
    assert not of_clean[1] <= band


def test_facility_location_covers_better_than_chance() -> None:
    pool = make_pool(samples=200, kinds=1)
    _, coverage_run = chosen(pool, budget=60, strategy="facility_location", coverage={"classwise": False})
    for group in coverage_run.groups:
        assert group.curve[0] == 0
        assert (np.diff(group.curve) >= 0).all()
        assert group.curve[-1] > group.by_chance[-1]
        assert 0 < group.subset.share <= 1
        assert "1/e" in group.subset.guarantee


def test_a_fitting_radius_lets_the_quota_cover_most() -> None:
    points = places(make_pool(samples=200, kinds=0))
    assert fitting_radius(points, count=10, metric="l2") > fitting_radius(points, count=100, metric="l2") > 0
    assert fitting_radius(np.zeros((5, 2), np.float32), count=2, metric="l2") == 1.0
    assert fitting_radius(points[:1], count=1, metric="l2") == 1.0


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"strategy": "boundary", "within": "family"}, "strategy boundary cannot choose from the family"),
        ({"strategy": "self_correction", "within": "boundary"}, "cannot choose from the boundary"),
        ({"strategy": "set_cover", "coverage": {"radius": 0}}, "greater than 0"),
        ({"strategy": "facility_locaton"}, "did you mean 'facility_location'"),
        ({"edits": {"include": ["4/fog/3"], "drop": [4]}}, "4/fog/3 is included and its sample is dropped"),
    ],
)
def test_impossible_settings_are_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        Selection.parse({"budget": 10, **fields}, where="selection")
    assert "\n" not in str(caught.value)


def test_radius_weights_need_a_radius() -> None:
    with pytest.raises(UsageError, match="within_radius needs a radius"):
        Weights.parse({"by": "within_radius"})


@pytest.mark.parametrize("by", ["cluster_size", "label_agreement"])
def test_weights_are_what_a_loop_counts(by: Any) -> None:
    random = np.random.default_rng(3)
    points, labels = random.normal(size=(80, 3)).astype(np.float32), random.integers(0, 3, 80)
    picked = np.arange(0, 80, 8)
    found = weigh(points, labels, picked, Weights(by=by), metric="l2")
    owner, _ = assign(points, picked, metric="l2")
    for index, row in enumerate(picked):
        members = labels[owner == index]
        wanted = len(members) if by == "cluster_size" else (members == labels[row]).mean()
        assert found.weights[index] == pytest.approx(wanted)
    assert found.clusters is None


def test_balls_are_clusters_of_the_chosen() -> None:
    points = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]], np.float32)
    labels = np.array([0, 0, 1, 0, 1])
    sizes = weigh(points, labels, np.arange(5), Weights(by="cluster_size", radius=0.5), metric="l2")
    agreement = weigh(points, labels, np.arange(5), Weights(by="label_agreement", radius=0.5), metric="l2")
    counts = weigh(points, labels, np.array([1, 4]), Weights(by="within_radius", radius=0.5), metric="l2")
    assert sizes.weights.tolist() == [2, 2, 2, 2, 1]
    assert agreement.weights.tolist() == [1, 1, 0.5, 0.5, 1]
    assert counts.weights.tolist() == [2, 1]
    assert sizes.clusters is not None
    assert len(set(sizes.clusters.tolist())) == 3


# On a workspace


@pytest.fixture(scope="module")
def covered(workspace: Workspace) -> Pipeline:
    """The small workspace with a facility-location recipe, computed."""
    recipe = Recipe.from_yaml(workspace.revision(1)).with_changes(
        **{
            "selection.strategy": "facility_location",
            "selection.floor": 0.9,
            "selection.coverage": CoverageSettings(space="softmax_gradient"),
            "weights": {"by": "cluster_size", "radius": 0.3},
        }
    )
    pipeline = Pipeline(recipe, workspace, device="cpu")
    assert pipeline.unordered()
    with pytest.raises(CurationError, match="facility_location is not computed for these settings"):
        pipeline.select()
    pipeline.run(FOR_SELECTION)
    return pipeline


def test_a_recipe_is_worked_out_once_and_exported_with_weights_and_clusters(covered: Pipeline, tmp_path: Path) -> None:
    assert not covered.unordered()
    found = covered.select()
    assert len(found.pool_rows) == covered.recipe.selection.budget
    families = {group["family"] for group in coverage_of(covered.plan)}
    assert families == {"clean", "corruption", "adversarial"}
    again = Pipeline(covered.recipe, covered.workspace, device="cpu")
    again.run(FOR_SELECTION)
    assert (again.select().candidate_ids == found.candidate_ids).all()
    covered.export(tmp_path / "set")
    dataset = load(tmp_path / "set", check=True)
    clusters = dataset.manifest["cluster"].to_numpy()
    sizes = np.bincount(clusters)
    assert (dataset.weights.numpy() == sizes[clusters]).all()
    sampler = ClusterSampler(dataset, seed=2)
    first, second = list(sampler), list(sampler)
    assert len(first) == len(sampler) == len(sizes)
    assert sorted(clusters[first]) == list(range(len(sizes))) == sorted(clusters[second])
    assert first != second
    images, _ = next(iter(DataLoader(dataset, batch_size=4, sampler=sampler)))
    assert len(images) == 4


def test_other_settings_are_worked_out_anew_and_the_old_ones_kept(covered: Pipeline) -> None:
    other = covered.of(covered.recipe.with_changes(**{"selection.offset": 0.2}))
    assert other.unordered()
    assert not covered.unordered()
    plain = covered.of(covered.recipe.with_changes(**{"selection.strategy": "boundary"}))
    assert not plain.unordered()


def test_an_epoch_that_is_not_kept_is_refused(covered: Pipeline) -> None:
    with pytest.raises(UsageError, match="of a training of 2 epochs the weights after 1, 2 are kept"):
        covered.recipe.with_changes(**{"selection.coverage": {"epochs": [7]}})


def test_spaces_of_several_epochs_are_joined(covered: Pipeline) -> None:
    recipe = covered.recipe.with_changes(**{"selection.coverage": {"epochs": [1, 2]}, "selection.budget": 100})
    pipeline = covered.of(recipe)
    pipeline.run(FOR_SELECTION)
    assert len(pipeline.select().pool_rows) == 100


def test_a_set_without_clusters_says_how_to_get_them(computed: Pipeline, tmp_path: Path) -> None:
    computed.export(tmp_path / "plain")
    with pytest.raises(CurationError, match=r"set weights\.radius in its recipe"):
        ClusterSampler(load(tmp_path / "plain"))
