"""What a person decided about a sample holds in all that is made of it, and only what depends on it is made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from curation.analysis import effects, variants
from curation.analysis.changes import Chosen, changes
from curation.analysis.duplicates import contradictory, told
from curation.evaluation.baselines import BASELINES, baselines
from curation.evaluation.training_set import training_set
from curation.exporters.datasheet import datasheet
from curation.models.prediction import predict, to_device
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.pipeline.pixels import to_pixels, variant_seeds
from curation.recipe import Recipe
from curation.storage.workspace import Workspace


def of(workspace: Workspace, small: Recipe, edits: dict[str, Any], **changes: Any) -> Pipeline:
    fields = {"selection.edits": edits, "selection.budget": 400, **changes}
    return Pipeline(small.with_changes(**fields), workspace, device="cpu")


def states(pipeline: Pipeline) -> dict[str, str]:
    return {status.stage: status.state for status in pipeline.status()}


def other_class(pipeline: Pipeline, sample: int) -> int:
    return (pipeline.samples.label_of(sample) + 5) % 10


@pytest.fixture(scope="module")
def relabeled(workspace: Workspace) -> Pipeline:
    """Three samples of the small recipe with another label, everything made again that depends on it."""
    from tests.conftest import SMALL

    small = Recipe.parse(SMALL)
    plain = of(workspace, small, {})
    some = plain.samples.sample_ids[[3, 700, 1299]].tolist()
    pipeline = of(workspace, small, {"relabel": {sample: other_class(plain, sample) for sample in some}})
    assert states(pipeline)["adversarial"] == "stale", "copies that move away from another label are none of these"
    assert {name for name, state in states(pipeline).items() if state not in ("done", "off")} <= {
        "adversarial", "score", "embed", "map",
    }  # fmt: skip
    assert states(pipeline)["goal_model"] == "done"
    (note,) = (status.note for status in pipeline.status() if status.stage == "adversarial")
    assert note == "3 to be made again, away from their samples' new labels"
    pipeline.run(FOR_SELECTION)
    assert states(pipeline)["adversarial"] == "done"
    return pipeline


def test_the_attack_moves_away_from_the_new_label(relabeled: Pipeline) -> None:
    plan, samples = relabeled.plan, relabeled.samples
    rows = samples.rows(np.array(list(plan.attacked_for)))
    attack = plan.recipe.variants.adversarial[0]
    expected = to_pixels(
        attack(
            plan.model.load(),
            to_device(samples.images(rows), "cpu"),
            torch.tensor(list(plan.attacked_for.values())),
            seeds=variant_seeds(attack, plan.recipe.seed, samples.sample_ids[rows]),
        )
    )
    pool = relabeled.pool()
    mine = np.flatnonzero((pool["family"] == "adversarial") & pool["sample_id"].isin(plan.attacked_for))
    found = relabeled.images(pool, mine)
    assert (np.abs(found.astype(int) - expected) <= 1).mean() > 0.99
    before = plan.attacked()[0].gather(rows)
    assert (before != found).any((1, 2, 3)).all()
    said = predict(plan.model.load(), found, device="cpu").argmax(1).numpy()
    assert pool["prediction"].to_numpy()[mine].tolist() == said.tolist(), "they are scored as they are now"


def test_other_samples_copies_stay_as_they_were(relabeled: Pipeline, computed: Pipeline) -> None:
    before, after = computed.pool(), relabeled.pool()
    assert before["candidate_id"].equals(after["candidate_id"])
    others = ~after["sample_id"].isin(relabeled.plan.attacked_for)
    clean = (after["family"] != "adversarial").to_numpy()
    for column in ("prediction", "entropy"):
        assert before[column][others | clean].equals(after[column][others | clean])


@pytest.mark.parametrize("decided", ["relabel", "confirmed"])
def test_a_soft_label_never_says_another_class_than_a_person(
    workspace: Workspace, small: Recipe, relabeled: Pipeline, decided: str
) -> None:
    plain = of(workspace, small, {})
    clean = plain.plan.scores(plain.plan.clean).whole_table()["prediction"].to_numpy()
    wrong = plain.samples.sample_ids[clean != plain.samples.labels][:1].tolist()
    right = plain.samples.sample_ids[clean == plain.samples.labels][:1].tolist()
    some = [*wrong, *right]
    edits: dict[str, Any] = {"confirmed": some, "include": [str(sample) for sample in some]}
    if decided == "relabel":
        some = list(relabeled.plan.attacked_for)
        edits = {"relabel": relabeled.plan.attacked_for, "include": [str(sample) for sample in some]}
    pipeline = of(workspace, small, edits, **{"labels.mode": "goal_model"})
    pool = pipeline.pool()
    found = pipeline.curated(pool, pipeline.select(pool))
    mine = found.manifest["sample_id"].isin(some).to_numpy()
    assert mine.sum() >= len(some)
    assert found.label_rows[mine].argmax(1).tolist() == found.labels[mine].tolist()
    assert np.allclose(found.label_rows.sum(1), 1, atol=1e-5)
    if decided == "confirmed":
        sure = found.label_rows[(found.manifest["sample_id"] == wrong[0]).to_numpy()]
        kept = found.label_rows[(found.manifest["sample_id"] == right[0]).to_numpy()]
        assert (sure.max(1) == 1).all()
        assert (kept.max(1) < 1).all(), "where the goal model agrees, its softmax stays"
        open_ones = {"confirmed": [], "include": edits["include"]}
        before = of(workspace, small, open_ones, **{"labels.mode": "goal_model"})
        chosen = [Chosen(one, pool, one.select(pool)) for one in (before, pipeline)]
        assert changes(*chosen).relabeled == len(sure), "a label that replaces a softmax is another one"


def test_gradients_are_of_the_new_label(relabeled: Pipeline) -> None:
    asked = {"strategy": "facility_location", "coverage": {"space": "softmax_gradient", "families": ["clean"]}}
    block = relabeled.recipe.selection.model_dump(mode="json")
    pipeline = relabeled.of(relabeled.recipe.with_changes(selection={**block, **asked, "budget": 40}))
    before = relabeled.of(pipeline.recipe.with_changes(**{"selection.edits": {}}))
    for one in (pipeline, before):
        one.run(FOR_SELECTION)
    points = {
        one: one.plan.points(one.plan.clean, of="softmax_gradient", epoch=None).whole_array()
        for one in (pipeline, before)
    }
    rows = pipeline.samples.rows(np.array(list(pipeline.plan.attacked_for)))
    moved = np.flatnonzero((points[pipeline] != points[before]).any(1))
    assert moved.tolist() == sorted(rows.tolist())
    assert (points[pipeline][rows, pipeline.plan.labels[rows]] < 0).all()


@pytest.mark.parametrize("name", BASELINES.names)
def test_baselines_and_targets_have_the_decisions(workspace: Workspace, small: Recipe, name: str) -> None:
    plain = of(workspace, small, {})
    relabel, dropped, excluded, kept = plain.samples.sample_ids[[3, 4, 5, 6]].tolist()
    edits = {
        "relabel": {relabel: other_class(plain, relabel)},
        "drop": [dropped],
        "exclude": [str(excluded), f"{kept}/pgd"],
        "include": [str(plain.samples.sample_ids[9])],
    }
    (recipe,) = baselines(small.with_changes(**{"selection.edits": edits}), [name]).values()
    assert recipe.selection.edits.model_dump(exclude={"include"}) == small.with_changes(
        **{"selection.edits": edits}
    ).selection.edits.model_dump(exclude={"include"})
    assert recipe.selection.edits.include == []


def test_what_a_target_is_trained_on_follows_the_decisions(relabeled: Pipeline) -> None:
    some = list(relabeled.plan.attacked_for)
    excluded, dropped = relabeled.samples.sample_ids[[20, 21]].tolist()
    block = {"relabel": relabeled.plan.attacked_for, "include": [str(one) for one in some]}
    block |= {"exclude": [str(excluded)], "drop": [dropped]}
    pipeline = relabeled.of(relabeled.recipe.with_changes(**{"selection.edits": block, "selection.budget": 3000}))
    data = training_set(pipeline)
    labels = pipeline.plan.labels[pipeline.samples.rows(data.sample_ids)]
    assert data.labels.tolist() == labels.tolist()
    assert not np.isin(data.sample_ids, [excluded, dropped]).any(), "an excluded original's copies are excluded too"
    assert np.isin(some, data.sample_ids).all()


def test_the_probability_of_a_label_that_was_not_scored_is_not_told(relabeled: Pipeline) -> None:
    plan = relabeled.plan
    fog = next(images for images in plan.corrupted() if images.kind == "fog")
    found = variants.table(plan, [fog]).set_index("sample_id")["true_probability"]
    assert found.index[found.isna()].tolist() == sorted(plan.attacked_for)
    scored = plan.scores(fog).whole_table()["true_probability"]
    rest = np.delete(scored.to_numpy(), plan.samples.rows(np.array(sorted(plan.attacked_for))))
    (told,) = effects.summary(plan, [fog])["true_probability"]
    assert told == pytest.approx(rest.mean(), rel=1e-5)


def test_the_datasheet_says_what_was_decided(relabeled: Pipeline, tmp_path: Path) -> None:
    found = relabeled.curated(relabeled.pool(), relabeled.select())
    assert "- Decided by hand, by sample: 3 relabeled" in datasheet(found, relabeled.recipe.export)


def test_one_picture_under_two_labels_counts_once_and_is_told(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (60, 16, 16, 1), dtype=np.uint8)
    images = np.concatenate([images, np.repeat(images[:1], 40, 0)])
    labels = np.concatenate([np.arange(60) % 2, np.arange(40) % 2])
    np.savez(tmp_path / "set.npz", images=images, labels=labels)
    recipe = Recipe.parse(
        {
            "source": {"reader": "npz", "path": str(tmp_path / "set.npz")},
            "goal_model": {"architecture": "tiny_convnet", "train": {"epochs": 1, "batch_size": 32}},
            "variants": {"corruption": None, "adversarial": None},
            "selection": {"budget": 60, "mix": [1, 0, 0], "strategy": "random"},
        }
    )
    pipeline = Pipeline(recipe, Workspace(tmp_path / "w"), device="cpu")
    pipeline.run(FOR_SELECTION)
    (note,) = (status.note for status in pipeline.status() if status.stage == "duplicates")
    assert note == "40 images repeat others, exactly or nearly; 1 picture is there under several labels"
    data = training_set(pipeline)
    assert len(data) == len(np.unique(data.images.reshape(60, -1), axis=0)) == 60
    text = datasheet(pipeline.curated(pipeline.pool(), pipeline.select()), recipe.export)
    assert "40 samples repeat the picture of another, exactly or nearly; each picture counts once" in text
    assert "Pictures that are there under several labels: 1" in text
    ids = pipeline.samples.sample_ids
    (group,) = contradictory(pipeline.plan)
    assert len(group.rows) == 41
    said = told(pipeline.plan)
    assert said[0].startswith("40 images repeat others, exactly or nearly; 1 picture is there under several labels")
    assert "(0)" in said[1]
    assert "(1)" in said[1]
    relabel = {int(one): 0 for one in ids[group.rows]}
    decided = pipeline.of(recipe.with_changes(**{"selection.edits": {"relabel": relabel}}))
    assert contradictory(decided.plan) == []
