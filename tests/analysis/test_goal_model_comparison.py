"""Goal models: one training gives several, they are told apart, compared, and what they cost is counted."""

from __future__ import annotations

import math
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.analysis import goal_model_comparison
from curation.errors import CurationError, UsageError
from curation.models.architectures import build
from curation.models.loading import load_weights
from curation.models.prediction import evaluate
from curation.pipeline import FOR_SELECTION, Pipeline, fitting, in_order, model_ref
from curation.progress import Cancelled, Progress
from curation.recipe import Recipe, kept_epochs
from curation.storage.workspace import Workspace
from curation.training.trainer import train

FEW: dict[str, Any] = {
    "source": {"reader": "digits", "split": "train", "limit": 300},
    "goal_model": {"architecture": "tiny_resnet", "train": {"epochs": 3, "average": 0.5, "batch_size": 32}},
    "variants": {
        "corruption": {"kinds": ["fog"], "severities": [3]},
        "adversarial": {"attack": "fgsm", "epsilon": 0.1},
    },
    "selection": {"budget": 60, "mix": {"clean": 1, "corruption": 1, "adversarial": 1}},
}
PASSES = ("mc_entropy", "mutual_information", "variation_ratio")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Three epochs on 300 digits, computed once; tests must leave it as it is."""
    pipeline = Pipeline(Recipe.parse(FEW), Workspace(tmp_path_factory.mktemp("cache") / "few"), device="cpu")
    pipeline.run(FOR_SELECTION)
    return pipeline


@pytest.fixture
def copy(first: Pipeline, tmp_path: Path) -> Workspace:
    """A copy of its workspace, to do with as one likes."""
    shutil.copytree(first.workspace.root, tmp_path / "copy")
    return Workspace(tmp_path / "copy")


def changed(first: Pipeline, workspace: Workspace | None = None, **parts: Any) -> Pipeline:
    recipe = first.recipe.with_changes(**{path.replace("__", "."): part for path, part in parts.items()})
    return Pipeline(recipe, workspace or first.workspace, device="cpu")


def states(pipeline: Pipeline) -> dict[str, str]:
    return {status.stage: status.state for status in pipeline.status()}


@given(epochs=st.integers(1, 1000))
@settings(deadline=None)
def test_at_most_twelve_epochs_are_kept_evenly_and_the_last_always(epochs: int) -> None:
    kept = kept_epochs(epochs)
    gaps = np.diff([0, *kept])
    assert kept[-1] == epochs
    assert len(kept) == min(epochs, 12)
    assert 1 <= gaps.min() <= gaps.max() <= gaps.min() + 1


def test_recipes_that_differ_in_epoch_train_once(
    first: Pipeline, copy: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a goal model was trained again")

    monkeypatch.setattr(fitting, "train", refuse)
    early = changed(first, copy, goal_model__epoch=1)
    assert early.plan.model_key == first.plan.model_key
    assert early.plan.model_digest != first.plan.model_digest
    assert states(early)["goal_model"] == "done"
    early.run(FOR_SELECTION)
    assert not early.pool()["entropy"].equals(first.pool()["entropy"])
    last = changed(first, copy, goal_model__epoch=3)
    assert last.plan.model_digest == first.plan.model_digest
    assert last.undone() == []


def test_an_epochs_weights_are_those_of_the_training_then(first: Pipeline) -> None:
    goal, samples = first.recipe.goal_model, first.samples
    network = build(goal.architecture, classes=len(samples.classes), shape=samples.shape, seed=first.recipe.seed)
    epochs = train(network, samples.array(), samples.labels, settings=goal.train, seed=first.recipe.seed)
    *_, state = (epoch.state for epoch in islice(epochs, 2))
    kept = build(goal.architecture, classes=len(samples.classes), shape=samples.shape, seed=1)
    load_weights(kept, first.workspace.model(first.plan.model_key).weights_at(2))
    for name, value in kept.state_dict().items():
        torch.testing.assert_close(value, state["average"][name], rtol=0, atol=0)


def test_the_training_seed_and_the_presets_name_are_not_told_apart(first: Pipeline) -> None:
    same = changed(first, goal_model__train__seed=first.recipe.seed)
    assert same.plan.model_key == first.plan.model_key
    assert changed(first, seed=5, goal_model__train__seed=first.recipe.seed).plan.model_key == first.plan.model_key
    assert changed(first, goal_model__train__seed=1).plan.model_key != first.plan.model_key
    contest = changed(first, goal_model__train={"preset": "contest"})
    written_out = contest.recipe.goal_model.train.model_dump(exclude={"preset"})
    assert changed(first, goal_model__train=written_out).plan.model_key == contest.plan.model_key


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (
            {"epoch": 7, "train": {"epochs": 400}},
            r"goal_model\.epoch: .* weights after 33, 66, 100, .*, 400",
        ),
        ({"epoch": 4, "train": {"epochs": 3}}, r"the weights after 1, 2, 3 are kept; choose one of them, .*got 4"),
        ({"epoch": 1, "checkpoint": "x.safetensors"}, r"a checkpoint has no epochs to choose from"),
        ({"dropout": {"passes": 1}}, r"goal_model\.dropout\.passes: one pass cannot be compared"),
        ({"dropout": {"rate": 1}}, r"goal_model\.dropout\.rate: .*less than 1, got 1"),
        ({"dropout": {"pases": 2}}, r"unknown field 'pases'; did you mean 'passes'\?"),
    ],
)
def test_what_a_goal_model_may_not_be_is_a_sentence(block: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        Recipe.parse({**FEW, "goal_model": block})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("score", PASSES)
def test_a_score_of_passes_needs_them(first: Pipeline, score: str) -> None:
    with pytest.raises(UsageError, match=rf"score {score} compares passes .*or choose entropy, gini, margin, got 0$"):
        changed(first, selection__score=score)
    with pytest.raises(UsageError, match=rf"did you mean '{score}'\?"):
        changed(first, selection__score=f"{score}s")
    recipe = first.recipe.with_changes(**{"goal_model.dropout.passes": 4, "selection.score": score})
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe


def test_deleted_weights_are_made_again(first: Pipeline, copy: Workspace) -> None:
    early = changed(first, copy, goal_model__epoch=2)
    before = early.plan.model_digest
    copy.model(early.plan.model_key).weights_at(2).unlink()
    assert states(early)["goal_model"] == "stale"
    assert states(changed(first, copy))["goal_model"] == "done"
    early.run(("goal_model",))
    assert early.plan.model_digest == before
    shutil.rmtree(copy.model(early.plan.model_key).weights.parent)
    early.run(("goal_model",))
    assert early.plan.model_digest == before
    assert changed(first, copy).plan.model_digest == first.plan.model_digest


def test_the_history_can_be_read_while_it_grows_and_adds_up_when_resumed(first: Pipeline, copy: Workspace) -> None:
    kept = copy.model(first.plan.model_key)
    shutil.rmtree(kept.weights.parent)

    def stop(progress: Progress) -> None:
        if progress.stage == "goal_model" and progress.done > 300:
            raise Cancelled

    with pytest.raises(Cancelled):
        changed(first, copy).run(("goal_model",), report=stop)
    (row,) = kept.history()
    assert row["epoch"] == 1
    assert {"loss", "accuracy", "digest", "train_accuracy"} <= row.keys()
    assert kept.about is None
    resumed = changed(first, copy)
    assert {status.stage: status.done for status in resumed.status()}["goal_model"] == 1
    resumed.run(("goal_model",))
    assert resumed.plan.model_digest == first.plan.model_digest
    assert [part["epoch"] for part in kept.history()] == [1, 2, 3]
    assert kept.history()[0] == row
    about = kept.about
    assert about is not None
    assert about["seconds"] == pytest.approx(sum(part["seconds"] for part in kept.history()))
    assert about["seconds"] == pytest.approx(kept.seconds)
    assert kept.history()[-1]["digest"] == about["digest"]


def test_passes_give_three_more_scores_wherever_scores_are(first: Pipeline, copy: Workspace, tmp_path: Path) -> None:
    doubtful = changed(first, copy, goal_model__dropout={"passes": 6}, selection__score="mutual_information")
    assert doubtful.plan.model_digest == first.plan.model_digest
    doubtful.run(FOR_SELECTION)
    pool, plain = doubtful.pool(), first.pool()
    assert not {*PASSES} & {*plain.columns}
    pd.testing.assert_frame_equal(pool.drop(columns=[*PASSES]), plain, check_exact=False, rtol=1e-4, atol=1e-5)
    for name in PASSES:
        assert pool[name].between(0, math.log(10)).all()
    assert pool["mutual_information"].nunique() > 100
    assert (pool["mutual_information"] <= pool["mc_entropy"] + 1e-6).all()
    manifest = pd.read_parquet(doubtful.export(tmp_path / "out") / "manifest.parquet")
    assert {"entropy", "gini", "margin", *PASSES} <= {*manifest.columns}
    for family, part in pool.groupby("family", observed=True):
        chosen = manifest.loc[manifest["family"] == family, "mutual_information"]
        assert chosen.min() == pytest.approx(part["mutual_information"].nlargest(len(chosen)).min())


def test_what_results_cost_is_kept_with_them(first: Pipeline, copy: Workspace, tmp_path: Path) -> None:
    cost = first.cost()
    assert all(cost[stage] > 0 for stage in FOR_SELECTION if in_order()[stage].asked(first.recipe))
    assert cost["map"] == cost["embed"] == 0
    again = changed(first, copy)
    again.run((*FOR_SELECTION, "embed"))
    after = again.cost()
    assert after["embed"] > 0
    assert {**after, "embed": 0} == cost
    (again.plan.attacked()[0].pixels.folder / again.plan.attacked()[0].pixels.present()[1]).unlink()
    again.run(FOR_SELECTION)
    assert again.cost()["adversarial"] > cost["adversarial"]
    assert again.cost()["corruption"] == cost["corruption"]
    assert set(Pipeline(first.recipe, Workspace(tmp_path / "none"), device="cpu").cost().values()) == {0}


def test_every_goal_model_is_a_candidate_and_can_be_picked(first: Pipeline, copy: Workspace) -> None:
    weights = copy.model(first.plan.model_key).weights
    other = changed(first, copy, goal_model={"checkpoint": str(weights)})
    other.run(("goal_model",))
    samples, table = first.samples, goal_model_comparison.candidates(copy)
    trained = table[table["method"] == "plain"].sort_values("epoch")
    (loaded,) = table[table["method"] == "loaded"].to_dict("records")
    assert trained["epoch"].tolist() == [1, 2, 3]
    assert set(trained["epochs"]) == {3}
    assert set(trained["samples"]) == {first.samples.digest}
    assert (trained["seconds"].diff().dropna() > 0).all()
    assert trained["seconds"].iloc[-1] == pytest.approx(first.cost()["goal_model"])
    assert trained["epsilon"].isna().all()
    assert loaded["checkpoint"] == str(weights)
    assert loaded["seconds"] == 0
    for row in trained.to_dict("records"):
        goal = goal_model_comparison.goal_model_of(copy, row["key"], epoch=row["epoch"])
        picked = Pipeline(goal_model_comparison.with_goal_model(first.recipe, goal), copy, device="cpu")
        assert states(picked)["goal_model"] == "done"
        measured = evaluate(picked.plan.model.load(), samples.array(), samples.labels)
        assert measured == pytest.approx(row["train_accuracy"], abs=0.02)  # folding may turn a few images
    assert goal_model_comparison.goal_model_of(copy, loaded["key"]).checkpoint == str(weights)
    with pytest.raises(UsageError, match=f"there is no finished goal model 'gone' .*known: .*{first.plan.model_key}"):
        goal_model_comparison.goal_model_of(copy, "gone")
    assert goal_model_comparison.candidates(Workspace(Path(copy.root).parent / "new")).empty


def test_strengths_vary_one_thing_at_a_time(first: Pipeline) -> None:
    found = goal_model_comparison.strengths(
        first.recipe, epsilons=[0, 2 / 255, 8 / 255], epochs=[3, 400], architectures=["resnet20"], kept_epochs=[1, 3]
    )
    assert list(found) == [
        *("base", "epsilon 2/255", "epsilon 8/255", "400 epochs", "resnet20", "after epoch 1", "after epoch 3")
    ]
    assert found["epsilon 2/255"].goal_model.train.method == "adversarial"
    for recipe in found.values():
        assert recipe.selection == first.recipe.selection
        assert recipe.goal_model.train.average == 0.5
    early = first.recipe.with_changes(**{"goal_model.epoch": 1})
    assert goal_model_comparison.strengths(early, epochs=[400])["400 epochs"].goal_model.epoch is None
    with pytest.raises(UsageError, match="the weights after 1, 2, 3 are kept"):
        goal_model_comparison.strengths(first.recipe, kept_epochs=[9])
    with pytest.raises(UsageError, match="no training to vary"):
        goal_model_comparison.strengths(first.recipe.with_changes(goal_model={"checkpoint": "x"}), epsilons=[0.1])


@pytest.fixture
def both(first: Pipeline, copy: Workspace) -> dict[str, Pipeline]:
    early = changed(first, copy, goal_model__epoch=1)
    early.run(FOR_SELECTION)
    return {"weak": early, "strong": changed(first, copy)}


def test_goal_models_are_compared_on_the_same_candidates(both: dict[str, Pipeline]) -> None:
    found = goal_model_comparison.compare(both)
    table = found.table.set_index(["recipe", "family"])
    for name, pipeline in both.items():
        pool, selected = pipeline.pool(), pipeline.select()
        for family, part in pool.groupby("family", observed=True):
            row = table.loc[(name, family)]
            assert row["accuracy"] == pytest.approx((part["prediction"] == part["label"]).mean())
            assert row["candidates"] == found.histograms[name][str(family)].sum() == len(part)
            assert row["entropy"] == pytest.approx(part["entropy"].mean(), rel=1e-5)
            assert row["chosen"] == 20
        assert set(found.chosen[name]) == set(selected.candidate_ids)
    weak, strong = (set(found.chosen[name].tolist()) for name in both)
    assert found.overlap.loc["weak", "strong"] == pytest.approx(len(weak & strong) / len(weak | strong))
    for overlap in (found.overlap, *found.sample_overlap.values()):
        assert np.array_equal(overlap, overlap.T)
        assert np.array_equal(np.diag(overlap), [1, 1])
        assert ((overlap >= 0) & (overlap <= 1)).all(axis=None)
    # Of clean images a candidate is its sample.
    ids = [set(found.chosen[name][found.chosen[name] % 2**20 == 0].tolist()) for name in both]
    assert found.sample_overlap["clean"].iloc[0, 1] == pytest.approx(len(ids[0] & ids[1]) / len(ids[0] | ids[1]))


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (
            {"goal_model__train__epochs": 2},
            CurationError,
            r"^not computed yet: other lacks goal model, adversarial",
        ),
        ({"goal_model__dropout__passes": 5}, CurationError, r"^not computed yet: other lacks score candidates; run"),
        ({"selection__budget": 30}, UsageError, r"other and strong differ in selection; compare recipes that differ"),
    ],
)
def test_recipes_that_cannot_be_compared_are_named(
    first: Pipeline, change: dict[str, Any], error: type[CurationError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        goal_model_comparison.compare({"strong": first, "other": changed(first, **change)})


def test_nothing_to_compare_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give at least one recipe"):
        goal_model_comparison.compare({})
    empty = Pipeline(Recipe.parse(FEW), Workspace(tmp_path / "none"), device="cpu")
    with pytest.raises(
        CurationError, match="not computed yet: new lacks read the images, repeated images, goal model, "
    ):
        goal_model_comparison.compare({"new": empty})


def test_a_goal_model_first_asked_for_features_can_still_be_attacked(first: Pipeline, copy: Workspace) -> None:
    model_ref._loaded.cache_clear()
    other = changed(first, copy, variants__adversarial={"attack": "fgsm", "epsilon": 0.05})
    other.run(("embed",))
    other.run(("adversarial",))
    assert states(other)["adversarial"] == "done"
