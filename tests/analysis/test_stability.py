"""How many of the chosen images another training of the goal model chooses again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from typer.testing import CliRunner

from curation import jobs
from curation.analysis.stability import stability, with_training
from curation.cli import app
from curation.engine import choose
from curation.errors import CurationError, UsageError
from curation.pipeline import FOR_SELECTION, Pipeline, stability_of
from curation.pipeline.copies import Corrupted
from curation.pipeline.plan import Plan
from curation.recipe import Recipe
from curation.selection.agreement import Agreement, Stability
from curation.storage.jobs import JobFolder
from curation.storage.workspace import Workspace

RECIPE = {
    "source": {"reader": "digits", "split": "train", "limit": 120},
    "goal_model": {"architecture": "tiny_convnet", "train": {"epochs": 1}},
    "variants": {"corruption": {"kinds": ["gaussian_noise"], "severities": [3]}},
    "selection": {"budget": 60, "mix": {"clean": 1, "corruption": 1, "adversarial": 0}},
}


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
    assert stability_of(first.plan) == found, "it is kept for this selection"
    other = pipeline.recipe.with_changes(**{"selection.budget": 50})
    assert stability_of(first.of(other).plan) is None, "and for no other"
    assert {*second.run(FOR_SELECTION)} >= {"goal_model"}  # nothing to do: all of it is kept
    file = tmp_path / "recipe.yaml"
    file.write_text(pipeline.recipe.to_yaml())
    result = CliRunner().invoke(app, ["stability", str(file), "-w", str(tmp_path), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1])["again"] == shared
    assert "would be chosen again by another training" in result.stderr


def test_copies_are_made_once_for_all_trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    of = Corrupted.of
    monkeypatch.setattr(Corrupted, "of", lambda self, pixels, rows: [made.append(len(rows)), of(self, pixels, rows)][1])
    pipeline = Pipeline(Recipe.parse(RECIPE), Workspace(tmp_path / "together"), device="cpu")
    stability(pipeline, trainings=3)
    assert made == [120]
    for number in range(3):
        recipe = with_training(pipeline.recipe, number)
        together, alone = (Pipeline(recipe, Workspace(tmp_path / name), device="cpu") for name in ("together", "alone"))
        alone.run(FOR_SELECTION)
        assert together.pool_key == alone.pool_key, "the same scores to the byte, under the same keys"
        assert together.cost()["score"] > 0
    assert made == [120] * 4


def test_a_job_of_several_goal_models_makes_copies_once_and_leaves_out_the_doubtful(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    of = Corrupted.of
    monkeypatch.setattr(Corrupted, "of", lambda self, pixels, rows: [made.append(len(rows)), of(self, pixels, rows)][1])
    workspace, recipe = Workspace(tmp_path), Recipe.parse(RECIPE)
    recipes = [with_training(recipe, number) for number in range(3)]
    doubted = Pipeline(recipes[1], workspace, device="cpu")

    def require(plan: Plan) -> None:
        if plan.model_key == doubted.plan.model_key:
            raise CurationError("at chance")

    monkeypatch.setattr("curation.pipeline.trust.require_trust", require)
    monkeypatch.setattr("curation.jobs._start", lambda *given: given)
    _, name, about = cast("Any", jobs.submit(workspace, recipe, FOR_SELECTION, others=recipes[1:]))
    assert name != jobs.job_id(recipe, FOR_SELECTION)
    JobFolder(workspace, name).begin(about)
    worker = jobs._Worker(str(tmp_path), name)
    with pytest.raises(CurationError, match="at chance"):
        worker._stages(about, choose(device="cpu"))
    worker.tell(state="failed")
    assert made == [120]
    undone = [Pipeline(one, workspace, device="cpu").undone() for one in recipes]
    assert undone == [[], ["adversarial copies", "score candidates"], []]
    assert {*jobs.status(workspace, name).seconds} >= {"goal_model", "score"}


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    pipeline = Pipeline(Recipe.parse(RECIPE), Workspace(tmp_path), device="cpu")
    with pytest.raises(UsageError, match="use 2 or more, got 1"):
        stability(pipeline, trainings=1)
    loaded = pipeline.recipe.with_changes(**{"goal_model.checkpoint": "weights.safetensors"})
    with pytest.raises(UsageError, match=r"leave goal_model\.checkpoint out"):
        stability(Pipeline(loaded, Workspace(tmp_path), device="cpu"))


def test_the_datasheet_says_it_and_a_set_made_again_says_the_same(tmp_path: Path) -> None:
    pipeline = Pipeline(Recipe.parse(RECIPE), Workspace(tmp_path / "workspace"), device="cpu")
    pipeline.run(FOR_SELECTION)
    before = pipeline.export(tmp_path / "before")
    assert "was not measured for this set" in (before / "datasheet.md").read_text()
    found = Stability(2, {"clean": Agreement(30, 20.0, 7.5), "corruption": Agreement(30, 10.0, 7.5)})
    pipeline.workspace.write_stability(pipeline.plan.selection_key, found.to_dict())
    after = pipeline.export(tmp_path / "after")
    assert found.sentence in (after / "datasheet.md").read_text()
    assert (after / "data.npy").read_bytes() == (before / "data.npy").read_bytes()
    again = Pipeline(Recipe.load(after / "recipe.yaml"), Workspace(tmp_path / "elsewhere"), device="cpu")
    again.run(FOR_SELECTION)
    for name in ("datasheet.md", "provenance.json"):
        assert (again.export(tmp_path / "again", overwrite=True) / name).read_bytes() == (after / name).read_bytes()
