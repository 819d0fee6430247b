"""The variant database: what is kept, for which samples, at what cost, and never computed twice."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.analysis import effects, variants
from curation.analysis.inspection import live, spectrum, variants_of
from curation.errors import CurationError
from curation.models.prediction import predict, to_device
from curation.pipeline import Pipeline
from curation.pipeline.pixels import to_pixels
from curation.recipe import Recipe
from curation.sampling import subset
from curation.selection.pool import candidate_name
from curation.storage.workspace import Workspace

PGD = {"attack": "pgd", "loss": "dlr", "epsilon": 0.1, "steps": 3}


@pytest.fixture(scope="module")
def workspace(computed: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the small workspace, to which tests of this file may add."""
    folder = tmp_path_factory.mktemp("variants") / "copy"
    shutil.copytree(computed.workspace.root, folder)
    return Workspace(folder)


def pipeline_of(computed: Pipeline, workspace: Workspace, **parts: Any) -> Pipeline:
    changed = computed.recipe.with_changes(**{f"variants.{name}": part for name, part in parts.items()})
    return Pipeline(changed, workspace, device="cpu")


def run(pipeline: Pipeline) -> Pipeline:
    pipeline.run(("corruption", "adversarial", "score"))
    return pipeline


def test_a_kind_added_later_leaves_the_others_alone(computed: Pipeline, workspace: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(workspace.root).rglob("shard-*")}
    more = pipeline_of(computed, workspace, corruption={"kinds": ["fog", "snow"], "severities": [2, 3]})
    cost = variants.estimate(more.plan).set_index(["kind", "severity"])
    assert cost["missing"].to_dict() == {
        ("fog", 2): 1300,
        ("fog", 3): 0,
        ("snow", 2): 1300,
        ("snow", 3): 1300,
        ("pgd", 0): 0,
    }
    assert cost.loc[("fog", 3), ["megabytes", "seconds"]].tolist() == [0, 0]
    assert cost.loc[("snow", 2), "megabytes"] == 0
    as_files = {"kinds": ["snow"], "severities": [2], "keep": "all"}
    cost_kept = variants.estimate(pipeline_of(computed, workspace, corruption=as_files).plan)
    assert cost_kept["megabytes"].tolist() == [pytest.approx(1300 * 28 * 28 / 1e6), 0]
    assert cost.loc[("snow", 2), "seconds"] > 0
    run(more)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    kept = [(s.kind, s.severity) for s in variants.finished(more.plan)]
    assert kept == [
        ("fog", 2),
        ("fog", 3),
        ("gaussian_noise", 3),
        ("pixelate", 3),
        ("snow", 2),
        ("snow", 3),
        ("pgd", 0),
    ]


def test_every_row_says_what_it_is_and_what_it_did(computed: Pipeline) -> None:
    sets = variants.finished(computed.plan)
    table = variants.table(computed.plan, sets)
    assert len(table) == 4 * 1300
    assert table.columns.tolist() == [
        *("set", "sample_id", "family", "kind", "severity", "parameters", "seed", "label", "success"),
        *("prediction", "true_probability", "entropy", "gini", "margin", "linf", "l2"),
    ]
    picked = table.sample(60, random_state=0)
    rows = computed.samples.rows(picked["sample_id"].to_numpy())
    pixels = variants.pixels(sets, picked["set"].to_numpy(), rows)
    change = (pixels.astype(float) - computed.samples.images(rows)) / 255
    assert np.abs(change).max(axis=(1, 2, 3)) == pytest.approx(picked["linf"].to_numpy(), abs=1e-6)
    assert np.sqrt((change**2).sum(axis=(1, 2, 3))) == pytest.approx(picked["l2"].to_numpy(), rel=1e-5)
    assert (picked["success"] == (picked["prediction"] != picked["label"])).all()
    logits = predict(computed.plan.model.load(), pixels)
    true = logits.softmax(1).numpy()[np.arange(60), picked["label"]]
    assert true == pytest.approx(picked["true_probability"].to_numpy(), abs=1e-4)
    attack = table[table["kind"] == "pgd"]
    assert attack["linf"].max() <= 0.1 + 1e-6
    assert attack["parameters"].iloc[0] == "epsilon=0.1 steps=3"
    assert table.groupby("set")["seed"].nunique().min() == 1300


def test_a_seed_of_the_table_remakes_its_image(computed: Pipeline) -> None:
    import torch

    images = next(s for s in variants.finished(computed.plan) if s.kind == "gaussian_noise")
    seed = variants.seeds(computed.plan, images)[7:8]
    clean = to_device(computed.samples.images(np.array([7])), "cpu")
    again = to_pixels(images.plugin(clean, seeds=seed))
    assert np.array_equal(again, images.gather(np.array([7])))
    assert seed.dtype == torch.int64


def test_variants_of_some_samples_are_those_of_all(computed: Pipeline, workspace: Workspace) -> None:
    whole = {(s.kind, s.severity): s for s in variants.finished(computed.plan)}
    ids = [int(i) for i in computed.samples.sample_ids[[1201, 5, 90]]]
    for asked, rows in (
        (ids, [5, 90, 1201]),
        (100, subset(computed.samples.sample_ids, 100, labels=computed.samples.labels, every_class=True).tolist()),
    ):
        some = run(pipeline_of(computed, workspace, samples=asked))
        for images in (*some.plan.corrupted(), *some.plan.attacked()):
            assert images.sample_rows.tolist() == rows
            expected = whole[images.kind, images.severity].gather(np.array(rows))
            assert np.array_equal(images.gather(np.array(rows)), expected)
        pool = some.pool()
        assert len(pool) == 1300 + 4 * len(rows)
        assert set(pool.loc[pool["family"] == "adversarial", "sample_id"]) == set(computed.samples.sample_ids[rows])
        at = np.flatnonzero((pool["family"] != "clean").to_numpy())
        picked = pool.iloc[at[:3]]
        kind, severity = str(picked["kind"].iloc[0]), int(picked["severity"].iloc[0])
        sample = computed.samples.rows(picked["sample_id"].to_numpy()[:1])
        assert np.array_equal(some.images(pool, at[:1]), whole[kind, severity].gather(sample))
    with pytest.raises(CurationError, match="there is no sample 999999999 in this workspace"):
        pipeline_of(computed, workspace, samples=[999999999]).plan.attacked()


def test_some_samples_are_taken_from_a_finished_whole(
    computed: Pipeline, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise AssertionError("variants that are kept were computed again")

    monkeypatch.setattr("curation.pipeline.stages.adversarial.attack_shards", refuse)
    some = pipeline_of(computed, workspace, samples=37)
    assert variants.estimate(some.plan)["missing"].tolist() == [37] * 4
    run(some)
    kept = variants.finished(some.plan)
    assert sum(len(images.sample_rows) == 37 for images in kept) == 4
    assert all(
        len(images.sample_rows) == 1300 for images in variants.largest(some.plan) if images.kind in ("fog", "pixelate")
    )


def test_attacks_of_one_name_are_told_apart_in_the_pool(computed: Pipeline, workspace: Workspace) -> None:
    both = run(
        pipeline_of(computed, workspace, corruption=None, samples=64, adversarial=[PGD, {**PGD, "epsilon": 0.05}])
    )
    pool = both.pool()
    attacked = pool[pool["family"] == "adversarial"]
    assert attacked.groupby("severity")["linf"].max().to_dict() == pytest.approx({0: 25 / 255, 1: 12 / 255}, abs=1e-6)
    assert candidate_name(17, "pgd", 1) == "17/pgd/1"
    assert not attacked["candidate_id"].duplicated().any()
    summary = effects.summary(both.plan, [s for s in variants.finished(both.plan) if len(s.sample_rows) == 64])
    assert (summary["images"] == 64).all()
    assert summary["success"].between(0, 1).all()


def test_other_seeds_and_goal_models_have_their_own_database(computed: Pipeline, workspace: Workspace) -> None:
    other = Pipeline(computed.recipe.with_changes(seed=5), workspace, device="cpu")
    with pytest.raises(CurationError, match="goal model is not ready"):
        variants.described(other.plan) or other.plan.attacked()
    assert not variants.described(Pipeline(computed.recipe.with_changes(seed=5), computed.workspace, device="cpu").plan)


def test_a_class_without_right_samples_has_no_rate(computed: Pipeline) -> None:
    images = next(s for s in variants.finished(computed.plan) if s.kind == "pgd")
    rates = effects.success_by_class(computed.plan, images)
    assert rates.shape == (10,)
    assert np.nanmin(rates) >= 0
    assert np.nanmax(rates) <= 1


def test_a_live_attack_is_the_kept_one(computed: Pipeline) -> None:
    images = next(s for s in variants.finished(computed.plan) if s.kind == "pgd")
    sample_id = int(computed.samples.sample_ids[3])
    found = live(computed, sample_id, images.plugin)
    assert np.abs(found.image.astype(int) - images.gather(np.array([3]))[0]).mean() < 1
    assert found.logits.shape == (4, 10)  # three steps and a last look
    assert found.linf <= 0.1 + 1e-6
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_one_sample_under_everything_equals_the_kept_images(computed: Pipeline) -> None:
    found = variants_of(computed, int(computed.samples.sample_ids[3]))
    assert found.table["linf"].iloc[0] == 0
    for images in variants.finished(computed.plan):
        mine = found.table[(found.table["kind"] == images.kind) & (found.table["severity"] == images.severity)]
        assert np.array_equal(found.images[mine.index[0]], images.gather(np.array([3]))[0])


def test_the_spectrum_shows_where_the_change_is() -> None:
    flat = np.full((32, 32, 3), 100, np.uint8)
    stripes = flat + (np.arange(32) % 2 * 10).astype(np.uint8)[None, :, None]
    shown = spectrum(flat, stripes)
    assert shown[16, 0] == 255
    assert shown[16, 16] == 255
    assert (shown > 0).sum() == 2
    assert not spectrum(flat, flat).any()


def test_without_a_database_it_says_so(computed: Pipeline, tmp_path: Path, small: Recipe) -> None:
    pipeline = Pipeline(small, Workspace(tmp_path / "none"), device="cpu")
    with pytest.raises(CurationError, match="not ingested yet"):
        variants.estimate(pipeline.plan)
    with pytest.raises(CurationError, match="no variants are kept yet"):
        variants.table(computed.plan, [])


def test_names_of_kinds_are_read_as_people_write_them() -> None:
    assert variants.words("jpeg_compression", 3) == "JPEG compression 3"
    assert variants.words("gaussian_noise", 0) == "gaussian noise"
