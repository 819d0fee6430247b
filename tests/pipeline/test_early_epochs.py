"""EL2N: the error after early epochs of the goal model's training, of every candidate, where a recipe asks for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curation.errors import UsageError
from curation.models.architectures import build
from curation.models.ensemble import Ensemble
from curation.models.prediction import predict
from curation.pipeline import Pipeline
from curation.pipeline.answers import early_answers
from curation.pipeline.carried import carried_recipe
from curation.pipeline.pool import pool_images, pool_of
from curation.recipe import Recipe
from curation.storage.workspace import Workspace


@pytest.fixture(scope="module")
def early(workspace: Workspace) -> Pipeline:
    """The small workspace, scored with the errors after both epochs of its goal model too."""
    recipe = Recipe.from_yaml(workspace.revision(1))
    asked = recipe.with_changes(**{"goal_model.early_epochs": [2, 1, 1], "selection.score": "el2n"})
    pipeline = Pipeline(asked, workspace, device="cpu")
    pipeline.run(("goal_model", "score"))
    return pipeline


def test_every_candidate_has_its_mean_error(early: Pipeline, computed: Pipeline) -> None:
    pool = pool_of(early.plan)
    rows = np.arange(0, len(pool), max(1, len(pool) // 60))
    images, labels = pool_images(early.plan, pool, rows), pool["label"].to_numpy()[rows]
    lengths = []
    for epoch in (1, None):
        p = predict(early.plan.model_at(epoch).load(), images, device="cpu").double().softmax(1).numpy()
        lengths.append(np.linalg.norm(p - np.eye(p.shape[1])[labels], axis=1))
    np.testing.assert_allclose(pool["el2n"].to_numpy()[rows], np.mean(lengths, axis=0), atol=1e-4)
    plain = pool_of(computed.plan)
    assert "el2n" not in plain
    assert (plain["entropy"].to_numpy() == pool["entropy"].to_numpy()).all()
    assert early.plan.model_key == computed.plan.model_key, "nothing is trained again"
    chosen = early.select()
    assert len(chosen.pool_rows) == early.recipe.selection.budget


def test_an_export_of_early_errors_has_a_recipe_that_can_be_read(early: Pipeline) -> None:
    again = Recipe.from_yaml(carried_recipe(early.recipe).to_yaml())
    assert again.goal_model.early_epochs == [1, 2]
    assert again.goal_model.checkpoint is None
    assert "early_epochs" not in carried_recipe(Recipe.from_yaml(early.workspace.revision(1))).to_yaml()


def test_members_of_an_ensemble_err_each_for_itself() -> None:
    networks = [build("tiny_convnet", classes=3, shape=(16, 16, 1), seed=seed).eval() for seed in range(3)]
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1), dtype=np.uint8)
    found = early_answers([Ensemble(networks[:2]), networks[2]], images, "cpu")
    assert found is not None
    torch.testing.assert_close(found, torch.stack([predict(network, images, device="cpu") for network in networks]))
    assert early_answers([], images, "cpu") is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"selection.score": "el2n"}, "measured early in the goal model's training; set goal_model.early_epochs"),
        ({"goal_model.early_epochs": [7]}, "the weights after 1, 2 are kept"),
        ({"goal_model.early_epochs": [1], "goal_model.checkpoint": "a.pt"}, "a checkpoint has no epochs"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(computed: Pipeline, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        computed.recipe.with_changes(**changes)
    assert "\n" not in str(caught.value)
