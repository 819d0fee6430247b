"""How many of the chosen images another training of the goal model chooses again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from curation.analysis.stability import Agreement, Stability, agreement, stability, with_training
from curation.cli import app
from curation.errors import UsageError
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.selection.selected import FamilySummary, Selected
from curation.storage.workspace import Workspace

RECIPE = {
    "source": {"reader": "digits", "split": "train", "limit": 120},
    "goal_model": {"architecture": "tiny_convnet", "train": {"epochs": 1}},
    "variants": {"corruption": {"kinds": ["gaussian_noise"], "severities": [3]}},
    "selection": {"budget": 60, "mix": {"clean": 1, "corruption": 1, "adversarial": 0}},
}


def chosen(**ids: list[int]) -> Selected:
    families = {name: FamilySummary(len(of), len(of), 10, 0, 10, None, None, []) for name, of in ids.items()}
    every = np.concatenate([np.array(of, dtype=np.int64) for of in ids.values()])
    return Selected(np.arange(len(every)), every, np.zeros(len(every), np.int64), families, [])


def test_every_two_trainings_are_compared_family_by_family() -> None:
    found = agreement(
        [
            chosen(clean=[1, 2, 3, 4], corruption=[7], adversarial=[]),
            chosen(clean=[3, 4, 5, 6], corruption=[7], adversarial=[]),
            chosen(clean=[4, 5, 6, 7], corruption=[8], adversarial=[]),
        ]
    )
    assert found == {"clean": Agreement(4, 2.0, 1.6), "corruption": Agreement(1, pytest.approx(1 / 3), 0.1)}
    whole = Stability(3, found).whole
    assert (whole.chosen, whole.again) == (5, pytest.approx(2 + 1 / 3))
    assert "Of the 5 chosen images, about 2 (47%) would be chosen again" in Stability(3, found).sentence


def test_other_trainings_have_other_seeds_and_nothing_else() -> None:
    recipe = Recipe.parse(RECIPE)
    assert with_training(recipe, 0) == recipe
    seeds = [with_training(recipe, number).goal_model.train.seed for number in range(1, 6)]
    assert len({0, *seeds}) == 6
    assert with_training(recipe, 1).with_changes(**{"goal_model.train.seed": None}) == recipe


def test_trainings_are_kept_and_compared(tmp_path: Path) -> None:
    pipeline = Pipeline(Recipe.parse(RECIPE), Workspace(tmp_path), device="cpu")
    found = stability(pipeline)
    first, second = (Pipeline(with_training(pipeline.recipe, at), Workspace(tmp_path), device="cpu") for at in (0, 1))
    shared = len(np.intersect1d(first.select().candidate_ids, second.select().candidate_ids))
    assert found.whole.again == shared
    assert 0 < shared < 60
    assert list(found.families) == ["clean", "corruption"]
    assert {*second.run(FOR_SELECTION)} >= {"goal_model"}  # nothing to do: all of it is kept
    file = tmp_path / "recipe.yaml"
    file.write_text(pipeline.recipe.to_yaml())
    result = CliRunner().invoke(app, ["stability", str(file), "-w", str(tmp_path), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1])["again"] == shared
    assert "would be chosen again by another training" in result.stderr


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    pipeline = Pipeline(Recipe.parse(RECIPE), Workspace(tmp_path), device="cpu")
    with pytest.raises(UsageError, match="use 2 or more, got 1"):
        stability(pipeline, trainings=1)
    loaded = pipeline.recipe.with_changes(**{"goal_model.checkpoint": "weights.safetensors"})
    with pytest.raises(UsageError, match=r"leave goal_model\.checkpoint out"):
        stability(Pipeline(loaded, Workspace(tmp_path), device="cpu"))
