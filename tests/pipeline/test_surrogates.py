"""Surrogates without a file of weights: trained with the recipe, kept, and the same attack as with their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from curation.cli.main import app
from curation.errors import CurationError, UsageError
from curation.evaluation.settings import SuiteSettings
from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

TWO = [{"architecture": "tiny_convnet", "weight": 0.5}, {"architecture": "tiny_convnet"}]


def asked(small: Recipe, surrogates: list[dict[str, Any]]) -> Recipe:
    attack = {"attack": "transfer", "steps": 2, "own_weight": 0, "surrogates": surrogates}
    return small.with_changes(
        **{"variants.adversarial": attack, "variants.samples": 24, "goal_model.train": {"epochs": 2}}
    )


def state(pipeline: Pipeline, stage: str) -> tuple[str, str]:
    (found,) = (status for status in pipeline.status() if status.stage == stage)
    return found.state, found.note


def test_they_are_trained_once_and_give_what_their_files_give(small: Recipe, workspace: Workspace) -> None:
    pipeline = Pipeline(asked(small, TWO), workspace, device="cpu")
    assert state(pipeline, "surrogates")[0] == "missing"
    assert state(pipeline, "adversarial")[0] == "waiting"
    with pytest.raises(CurationError, match="surrogates of transfer are not trained yet; run the surrogates stage"):
        pipeline.plan.attacked()
    pipeline.run(("surrogates", "adversarial"))
    done, note = state(pipeline, "surrogates")
    assert done == "done"
    assert note.count("tiny_convnet") == 2
    assert "%" in note
    (attack,) = pipeline.recipe.variants.adversarial
    first, second = (plan.workspace.model(plan.model_key) for plan in pipeline.plan.surrogates(attack))
    assert first.weights.read_bytes() != second.weights.read_bytes()
    assert not {plan.model_key for plan in pipeline.plan.surrogates(attack)} & set(workspace.models())

    files = [{**one, "checkpoint": str(kept.weights)} for one, kept in zip(TWO, (first, second), strict=True)]
    named = Pipeline(asked(small, files), workspace, device="cpu")
    assert state(named, "surrogates")[0] == "off"
    (mine,), (theirs,) = pipeline.plan.attacked(), named.plan.attacked()
    assert mine.key == theirs.key
    assert mine.ready()
    originals = pipeline.samples.images(mine.sample_rows)
    assert np.abs(mine.gather(mine.sample_rows).astype(int) - originals).max() > 0


def test_the_command_trains_them_and_writes_the_recipe(small: Recipe, workspace: Workspace, tmp_path: Path) -> None:
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out.yaml"
    recipe.write_text(asked(small, TWO).to_yaml())
    names = "tiny_convnet:.25,tiny_resnet"
    words = ["surrogates", "train", recipe, "-w", workspace.root, "--architectures", names, "--out", out]
    ran = CliRunner().invoke(app, list(map(str, words)))
    assert ran.exit_code == 0, ran.output
    (attack,) = Recipe.load(out).variants.adversarial
    assert [(one.architecture, one.weight) for one in attack.untrained] == [("tiny_convnet", 0.25), ("tiny_resnet", 1)]
    assert state(Pipeline(Recipe.load(out), workspace, device="cpu"), "surrogates")[0] == "done"


@pytest.mark.parametrize(
    ("adversarial", "options", "sentence"),
    [
        ("pgd", [], "has no surrogates to train"),
        ("pgd", ["--architectures", "tiny_convnet"], "has no surrogates to train"),
        ("transfer", ["--architectures", "tiny_convnet:much"], "takes names with weights"),
        ("transfer", ["--architectures", "resnet19"], "resnet19"),
    ],
)
def test_what_cannot_be_trained_is_said(
    adversarial: str, options: list[str], sentence: str, small: Recipe, workspace: Workspace, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(small.with_changes(**{"variants.adversarial": {"attack": adversarial}}).to_yaml())
    ran = CliRunner().invoke(app, ["surrogates", "train", str(recipe), "-w", str(workspace.root), *options])
    assert ran.exit_code == 2, ran.output
    assert sentence in ran.output


def test_a_test_suite_takes_none_without_weights() -> None:
    with pytest.raises(UsageError, match="surrogate resnet18 of transfer needs a checkpoint here"):
        SuiteSettings.parse(
            {"adversarial": {"attack": "transfer", "surrogates": [{"architecture": "resnet18"}]}}, where="suite"
        )


@pytest.mark.parametrize("mix", [(0, 4, 1), (2, 4, 1)])
def test_a_random_split_is_a_partition(mix: tuple[int, int, int], computed: Pipeline) -> None:
    split = dict(zip(("clean", "corruption", "adversarial"), mix, strict=True))
    count = len(computed.samples)
    recipe = computed.recipe.with_changes(
        **{
            "selection.budget": count,
            "selection.mix": split,
            "selection.strategy": "random",
            "selection.variants_per_sample": "one",
            "selection.duplicates": "all",
        }
    )
    pipeline = computed.of(recipe)
    pool = pipeline.pool()
    chosen = pool.loc[pipeline.select(pool).pool_rows]
    assert sorted(chosen["sample_id"]) == computed.samples.sample_ids.tolist()
    by_family = chosen["family"].value_counts()
    for family, share in split.items():
        assert abs(by_family.get(family, 0) - count * share / sum(mix)) < 1


def test_the_published_ensemble_is_a_recipe() -> None:
    recipe = Recipe.load(Path(__file__).parents[2] / "recipes" / "zhong.yaml")
    (attack,) = recipe.variants.adversarial
    assert [(one.architecture, one.weight) for one in attack.untrained] == [
        ("resnet50", 0.24),
        ("wide_resnet34_10", 0.24),
        ("densenet121", 0.24),
        ("vgg16_bn", 0.14),
        ("mobilenet_v2", 0.14),
    ]
    assert (attack.rule, attack.steps, attack.own_weight, attack.joint) == ("paper", 300, 0, False)
