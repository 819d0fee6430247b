"""A goal model of several members: each trained as it would be alone, kept together as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from curation.models.ensemble import Ensemble
from curation.models.prediction import predict
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe, member_seed
from curation.storage.workspace import Workspace

RECIPE: dict[str, Any] = {
    "source": {"reader": "digits", "split": "train", "limit": 120},
    "goal_model": {"architecture": "tiny_convnet", "members": 2, "train": {"epochs": 2}},
    "variants": {"adversarial": {"attack": "pgd", "epsilon": 0.1, "steps": 1}},
    "selection": {"budget": 40, "mix": {"clean": 1, "corruption": 0, "adversarial": 1}},
}


def pipeline(root: Path, **changes: Any) -> Pipeline:
    recipe = Recipe.parse(RECIPE).with_changes(**{f"goal_model.{name}": value for name, value in changes.items()})
    return Pipeline(recipe, Workspace(root), device="cpu")


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    found = pipeline(tmp_path_factory.mktemp("members"))
    found.run(FOR_SELECTION)
    return found


def test_one_member_is_written_and_fingerprinted_as_ever() -> None:
    alone = Recipe.parse({**RECIPE, "goal_model": {"members": 1}})
    assert "members" not in alone.to_yaml()
    assert alone.fingerprint() == Recipe.parse({**RECIPE, "goal_model": {}}).fingerprint()
    several = Recipe.parse(RECIPE)
    assert Recipe.from_yaml(several.to_yaml()) == several
    assert len({member_seed(3, index) for index in range(20)}) == 20
    assert member_seed(3, 0) == 3


def test_members_are_the_goal_models_that_they_would_be_alone(computed: Pipeline) -> None:
    plans = computed.plan.members()
    alone = pipeline(Path(computed.workspace.root), members=1)
    assert plans[0].model_key == alone.plan.model_key
    assert alone.run(("goal_model",))["goal_model"] < 30
    networks = [plan.model.load() for plan in plans]
    together = computed.plan.model.load()
    assert isinstance(together, Ensemble)
    images = computed.samples.images(np.arange(50))
    mean = torch.stack([predict(network, images).softmax(1) for network in networks]).mean(0)
    torch.testing.assert_close(predict(together, images).softmax(1), mean)
    assert len(computed.select().pool_rows) == 40


def test_earlier_epochs_are_kept_together_too(computed: Pipeline) -> None:
    first = pipeline(Path(computed.workspace.root), epoch=1)
    assert first.plan.model_key == computed.plan.model_key
    assert first.plan.model_digest != computed.plan.model_digest
    assert [row["epoch"] for row in computed.workspace.model(computed.plan.model_key).history()] == [1, 2]
    assert isinstance(first.plan.model.load(), Ensemble)


def test_a_member_that_is_there_is_not_trained_again(tmp_path: Path) -> None:
    alone = pipeline(tmp_path, members=1)
    alone.run(("ingest", "goal_model"))
    together = pipeline(tmp_path)
    status = {part.stage: part for part in together.status()}["goal_model"]
    assert (status.state, status.done, status.total) == ("partial", 2, 4)
    before = alone.workspace.model(alone.plan.model_key).weights.stat().st_mtime_ns
    together.run(("goal_model",))
    assert alone.workspace.model(alone.plan.model_key).weights.stat().st_mtime_ns == before
    status = {part.stage: part for part in together.status()}["goal_model"]
    assert (status.state, status.done, status.total) == ("done", 4, 4)


def test_the_weights_of_all_members_are_loaded_from_one_file(computed: Pipeline, tmp_path: Path) -> None:
    weights = computed.workspace.model(computed.plan.model_key).weights
    loaded = pipeline(tmp_path, checkpoint=str(weights))
    loaded.run(FOR_SELECTION)
    assert loaded.plan.model_digest == computed.plan.model_digest
    assert np.array_equal(loaded.select().candidate_ids, computed.select().candidate_ids)
