"""What a recipe is expected to take: as much as it keeps, and twice as much of twice as many."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.analysis.expected import Expected, choice, expected, exported
from curation.exporters import EXPORTERS
from curation.models.architectures import Form
from curation.pipeline import Pipeline
from curation.pipeline.expense import Expense, Scale, Speed
from curation.pipeline.stages import in_order
from curation.pipeline.stages.embed import embed_shards
from curation.pipeline.stages.map import copies_table, mapped_copies
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from curation.training.settings import Training


def scale_of(pipeline: Pipeline) -> Scale:
    recipe, samples = pipeline.recipe, pipeline.samples
    kinds = recipe.variants.corruption.kinds if recipe.variants.corruption else []
    speed = Speed(pass_s=0.001, step_s=0.003, parameters=1000, features=64)
    networks = {recipe.goal_model.form: speed}
    return Scale(len(samples), len(samples.classes), samples.shape, 0.001, networks, dict.fromkeys(kinds, 0.002), 784)


def test_the_disk_that_is_expected_is_what_is_kept(computed: Pipeline) -> None:
    scale = scale_of(computed)
    for name, within in (("ingest", 0.03), ("adversarial", 0.3), ("embed", 0.03)):
        stage = in_order()[name]
        kept = sum(
            file.stat().st_size
            for result in stage.results(computed.plan)
            for file in result.shards.folder.iterdir()
            if file.suffix in (".npy", ".zst")
        )
        features = computed.plan.features().whole_array().shape[1] if name == "embed" else 64
        networks = {key: replace(speed, features=features) for key, speed in scale.networks.items()}
        found = stage.expected(computed.recipe, replace(scale, networks=networks))
        assert found.disk_bytes == pytest.approx(kept, rel=within)


def on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measured(pipeline: Pipeline) -> Scale:
    """The scale of a pipeline with the features and parameters of its goal model."""
    plan = pipeline.plan
    parameters = sum(part.numel() for part in plan.model.load().parameters())
    speed = Speed(0.001, 0.003, parameters, plan.features().whole_array().shape[1])
    exported = pipeline.recipe.export.bytes_of(pipeline.samples.images(np.arange(16)), len(pipeline.samples.classes))
    return replace(scale_of(pipeline), networks={Form("tiny_resnet"): speed}, exported_bytes=exported)


RARE: dict[str, dict[str, Any]] = {
    "labels": {"label_errors": {"folds": 3, "train": {"epochs": 1}}},
    "coverage": {"selection.strategy": "k_center"},
    "self_correction": {"selection.strategy": "self_correction", "self_correction": {"rounds": 2}},
}


@pytest.mark.parametrize("name", RARE)
def test_so_is_that_of_stages_that_few_recipes_ask_for(name: str, computed: Pipeline, workspace: Workspace) -> None:
    changes = RARE[name] | ({"self_correction.train": {"epochs": 1}} if name == "self_correction" else {})
    pipeline = Pipeline(computed.recipe.with_changes(**changes), workspace, device="cpu")
    before = on_disk(workspace.root)
    pipeline.run((name,))
    found = in_order()[name].expected(pipeline.recipe, measured(pipeline))
    assert found.disk_bytes == pytest.approx(on_disk(workspace.root) - before, rel=0.3)
    assert found.seconds > 0


def test_so_is_that_of_the_map(computed: Pipeline, workspace: Workspace) -> None:
    pipeline = Pipeline(computed.recipe.with_changes(**{"map.copies": ["fog/3"]}), workspace, device="cpu")
    flat, umap = pipeline.plan.map_table("pca").table(0), pipeline.plan.map_table("umap")
    umap.write(0, flat)
    (fog,) = mapped_copies(pipeline.plan)
    points = pipeline.plan.points(fog, epoch=pipeline.plan.epoch)
    for index in range(points.count):
        embed_shards(pipeline.samples, {}, fog, points, pipeline.plan.model, "features", [index])
    places = copies_table(pipeline.plan, fog)
    places.write(0, flat[["x", "y"]])
    kept = sum(on_disk(shards.folder) for shards in (umap, points, places))
    assert in_order()["map"].expected(pipeline.recipe, measured(pipeline)).disk_bytes == pytest.approx(kept, rel=0.1)


@pytest.mark.parametrize("format_name", EXPORTERS.names)
@pytest.mark.parametrize("mode", ["hard", "smoothed"])
def test_so_is_that_of_the_export(format_name: str, mode: str, computed: Pipeline, tmp_path: Path) -> None:
    recipe = computed.recipe.with_changes(export={"format": format_name}, labels={"mode": mode})
    pipeline = Pipeline(recipe, computed.workspace, device="cpu")
    out = pipeline.export(tmp_path / "out")
    assert exported(recipe, measured(pipeline)).disk_bytes == pytest.approx(on_disk(out), rel=0.4)


def test_repeated_images_take_memory_alone(computed: Pipeline) -> None:
    found = in_order()["duplicates"].expected(computed.recipe, scale_of(computed))
    assert found == Expense(memory_bytes=1300 * (784 + 4 * 64))


def test_twice_as_many_images_take_twice_the_time_and_disk(computed: Pipeline) -> None:
    scale = scale_of(computed)
    double = replace(scale, samples=2 * scale.samples)
    for name, stage in in_order().items():
        if not stage.asked(computed.recipe):
            continue
        one, two = stage.expected(computed.recipe, scale), stage.expected(computed.recipe, double)
        assert two.seconds == pytest.approx(2 * one.seconds), name
        if name != "goal_model":
            assert two.disk_bytes == 2 * one.disk_bytes, name


def test_choosing_by_coverage_takes_the_square_of_the_groups(
    computed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.analysis.expected.COVERED", (50, 200))
    pool = computed.pool()
    recipe = computed.recipe.with_changes(
        **{"selection.strategy": "k_center", "selection.coverage.families": ["clean"]}
    )
    at_once = computed.of(recipe.with_changes(**{"selection.coverage.classwise": False}))
    assert choice(computed, pool) == Expense(), "the boundary strategy compares nothing"
    seconds = iter([1.0, 2.0])  # of few and of more points, which a busy machine may measure the other way around
    monkeypatch.setattr("curation.analysis.expected.shortest_run", lambda run, _: (run(), next(seconds))[1])
    assert choice(computed.of(recipe), pool).seconds > 0
    monkeypatch.setattr("curation.analysis.expected.pair_seconds", lambda *_, **__: 1e-6)
    clean = pool.loc[pool["family"] == "clean", "label"].value_counts()
    apart = choice(computed.of(recipe), pool)
    assert apart.seconds == pytest.approx(1e-6 * float((clean**2).sum()))
    assert choice(at_once, pool).seconds == pytest.approx(1e-6 * float(clean.sum()) ** 2)
    assert choice(at_once, pool).memory_bytes > 5 * apart.memory_bytes


def test_adversarial_training_takes_its_steps_more(computed: Pipeline) -> None:
    scale, goal = scale_of(computed), computed.recipe.goal_model
    plain, robust = (
        scale.training_s(
            goal.train.model_copy(update={"method": method, "steps": 4}), scale.networks[goal.form], images=100
        )
        for method in ("plain", "adversarial")
    )
    assert robust == pytest.approx(5 * plain)


def test_a_training_takes_what_its_sampler_shows_and_asks(computed: Pipeline) -> None:
    scale, goal = scale_of(computed), computed.recipe.goal_model
    speed = scale.networks[goal.form]

    def seconds(sampling: dict[str, Any] | None) -> float:
        train = Training.parse({"epochs": 5, "sampling": sampling})
        return scale.training_s(train, speed, images=100)

    assert seconds(None) == pytest.approx(500 * speed.step_s)
    assert seconds({"method": "random", "ratio": 0.1, "warm_up": 1}) == pytest.approx(140 * speed.step_s)
    chosen = seconds({"method": "facility_location", "ratio": 0.1, "warm_up": 1, "every": 2})
    assert chosen == pytest.approx(140 * speed.step_s + 200 * speed.pass_s)


def test_a_new_source_is_measured_on_a_few_images() -> None:
    recipe = Recipe.parse({"source": {"reader": "digits", "limit": 100}, "selection": {"budget": 1}})
    found = expected(recipe, device="cpu")
    assert found.stages["Read the images"].disk_bytes == 100 * 28 * 28
    assert found.total.seconds > 0
    assert "on cpu (most of it: " in found.sentence


def test_stages_add_up_one_after_another() -> None:
    found = Expected({"a": Expense(1, 10, 5), "b": Expense(200, 3e9, 2e6)}, "cpu")
    assert found.total == Expense(201, 3e9 + 10, 2e6)
    assert found.sentence == (
        "about 3 min on cpu (most of it: b), 3.0 GB on disk and 2 MB of memory besides the program's own"
    )
