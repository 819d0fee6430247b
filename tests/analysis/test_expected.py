"""What a recipe is expected to take: as much as it keeps, and twice as much of twice as many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from curation.analysis.expected import Expected, expected
from curation.pipeline import Pipeline
from curation.pipeline.expense import Expense, Scale, Speed
from curation.pipeline.stages import in_order
from curation.recipe import Recipe


def scale_of(pipeline: Pipeline) -> Scale:
    recipe, samples = pipeline.recipe, pipeline.samples
    kinds = recipe.variants.corruption.kinds if recipe.variants.corruption else []
    speed = Speed(pass_s=0.001, step_s=0.003, parameters=1000, features=64)
    networks = {recipe.goal_model.architecture: speed}
    return Scale(len(samples), len(samples.classes), samples.shape, 0.001, networks, dict.fromkeys(kinds, 0.002))


def test_the_disk_that_is_expected_is_what_is_kept(computed: Pipeline) -> None:
    scale = scale_of(computed)
    for name in ("ingest", "corruption", "adversarial", "embed"):
        stage = in_order()[name]
        kept = sum(
            file.stat().st_size
            for result in stage.results(computed.plan)
            for file in result.shards.folder.rglob("*.npy")
        )
        features = computed.plan.features().whole_array().shape[1] if name == "embed" else 64
        networks = {key: replace(speed, features=features) for key, speed in scale.networks.items()}
        found = stage.expected(computed.recipe, replace(scale, networks=networks))
        assert found.disk_bytes == pytest.approx(kept, rel=0.03)


def test_twice_as_many_images_take_twice_the_time_and_disk(computed: Pipeline) -> None:
    scale = scale_of(computed)
    double = replace(scale, samples=2 * scale.samples)
    for name, stage in in_order().items():
        one, two = stage.expected(computed.recipe, scale), stage.expected(computed.recipe, double)
        assert two.seconds == pytest.approx(2 * one.seconds), name
        if name != "goal_model":
            assert two.disk_bytes == 2 * one.disk_bytes, name


def test_adversarial_training_takes_its_steps_more(computed: Pipeline) -> None:
    scale, goal = scale_of(computed), computed.recipe.goal_model
    plain, robust = (
        scale.training_s(goal.train.model_copy(update={"method": method, "steps": 4}), goal.architecture, images=100)
        for method in ("plain", "adversarial")
    )
    assert robust == pytest.approx(5 * plain)


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
