"""Tuning: parameters become recipes that fit; a real search on digits is kept, resumed, and refused when it changed."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from typer.testing import CliRunner

from curation import jobs
from curation.analysis.tuning_cost import beforehand, measured
from curation.cli import app
from curation.engine import LocalEngine
from curation.errors import CurationError, UsageError
from curation.evaluation.part import Part, Suite
from curation.pipeline import Pipeline
from curation.progress import Cancelled, Progress
from curation.recipe import Recipe
from curation.selection.mix import quotas
from curation.selection.pool import FAMILIES, build_pool
from curation.selection.pool import Part as Scores
from curation.selection.select import select
from curation.selection.settings import Selection
from curation.storage.shards import Shards
from curation.storage.workspace import Workspace
from curation.tuning.proxy import Proxy, sliced
from curation.tuning.settings import Tuning
from curation.tuning.space import (
    candidates_in,
    fitted,
    parameters_of,
    selection_of,
    severities_in,
    space_of,
)
from curation.tuning.study import Study, StudyFolder, find_study, studies
from curation.tuning.tune import begin, tune
from tests.patience import wait_for

CPU = LocalEngine("cpu")
TINY: dict[str, Any] = {
    "trials": 3,
    "schedule": {"epochs": 1, "batch_size": 64},
    "suite_samples": 20,
    "suite": {
        "samples": 40,
        "corruption": {"kinds": ["fog", "gaussian_noise"], "severities": [3]},
        "held_out": ["spatter"],
        "adversarial": {"attack": "pgd", "loss": "ce", "epsilon": 0.1, "steps": 2},
        "surrogates": ["tiny_convnet"],
        "training": {"epochs": 1},
    },
}


def tiny(**changes: Any) -> Tuning:
    return Tuning.parse({**TINY, **changes})


# From parameters to a recipe that fits


def make_pool(samples: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(0)

    def scores() -> pd.DataFrame:
        return pd.DataFrame({"prediction": np.zeros(samples, np.int32), "entropy": random.random(samples)})

    parts = [Scores("clean", "clean", 0, scores()), Scores("adversarial", "pgd", 0, scores())]
    parts += [Scores("corruption", "fog", severity, scores()) for severity in (1, 3, 5)]
    return build_pool(np.arange(samples), random.integers(0, 3, samples), parts)


POOL = make_pool()
COUNTS = {str(family): int(count) for family, count in POOL["family"].value_counts().items()}


def recipe(**selection: Any) -> Recipe:
    return Recipe.parse(
        {
            "source": {"reader": "digits"},
            "variants": {"corruption": {"kinds": ["fog"], "severities": [1, 3, 5]}},
            "selection": {"budget": 50, **selection},
        }
    )


@st.composite
def parameters(draw: st.DrawFn) -> tuple[Selection, dict[str, Any]]:
    """A selection, and what a search may draw for it."""
    budget, offset = draw(st.integers(1, 180)), draw(st.sampled_from([0, 0.2]))
    it = recipe(
        budget=budget,
        offset=offset,
        floor=draw(st.sampled_from([None, 0.7])),
        class_balance=draw(st.booleans()),
        variants_per_sample=draw(st.sampled_from(["all", "one", "hardest"])),
    )
    search = draw(st.sets(st.sampled_from(["offset", "floor", "mix", "strategy"]), min_size=1))
    drawn: dict[str, Any] = {}
    for name, span in space_of(it, tiny(search=sorted(search)), COUNTS).items():
        low, high = span[0], span[-1]
        if isinstance(low, str) or isinstance(high, str):
            drawn[name] = draw(st.sampled_from(span))
        elif isinstance(low, int) and isinstance(high, int):
            drawn[name] = draw(st.integers(low, high))
        else:
            drawn[name] = draw(st.floats(low, high))
    return it.selection, drawn


@given(parameters())
@examples(deadline=None, max_examples=150)
def test_what_is_tried_fills_the_budget(case: tuple[Selection, dict[str, Any]]) -> None:
    selection, drawn = case
    asked = selection_of(drawn, selection, COUNTS)
    try:
        found, chosen = fitted(asked, POOL, seed=0, classes=3)
    except CurationError:
        found = None
    if found is None:  # the table has enough, but not of every class, or not of so many samples
        assert selection.class_balance.clean or selection.variants_per_sample != "all"
        return
    assert not select(POOL, found, seed=0, classes=3).shortages
    assert len(chosen.pool_rows) == found.budget == selection.budget
    assert sum(quotas(found.mix, found.budget).values()) == selection.budget
    same = {"strategy", "class_balance", "variants_per_sample", "score", "edits"}
    assert found.model_dump(include=same) == asked.model_dump(include=same)
    for family in FAMILIES:
        assert (found.offset.of(family) or 0) <= (asked.offset.of(family) or 0)


@given(parameters())
@examples(deadline=None, max_examples=100)
def test_the_band_holds_the_quota_before_any_easing(case: tuple[Selection, dict[str, Any]]) -> None:
    selection, drawn = case
    found = selection_of(drawn, selection, COUNTS)
    wanted = quotas(found.mix, found.budget)
    for family in FAMILIES if any(name.startswith(("offset", "width")) for name in drawn) else ():
        offset, floor, n = found.offset.of(family) or 0.0, found.floor.of(family), COUNTS[family]
        if 0 < wanted[family] < n:
            assert offset <= drawn.get(f"offset_{family}", 1)
            assert round((1.0 if floor is None else floor) * n) - round(offset * n) >= wanted[family] - 1
            if drawn.get(f"width_{family}") == 1:
                assert floor == 1


def test_a_family_that_is_too_small_gives_all_and_the_others_the_rest() -> None:
    asked = Selection.model_validate({"budget": 150, "mix": [9, 3, 3]})  # 90 clean wanted, 60 there
    found, _ = fitted(asked, POOL, seed=0, classes=3)
    assert quotas(found.mix, 150) == {"clean": 60, "corruption": 45, "adversarial": 45}
    with pytest.raises(CurationError, match="there are 300 candidates for a budget of 301"):
        fitted(asked.model_copy(update={"budget": 301}), POOL, seed=0, classes=3)


def test_only_the_severities_between_stay_candidates() -> None:
    it = recipe()
    for ends, wanted in (((0, 0), [1]), ((2, 1), [3, 5]), ((0, 2), [1, 3, 5])):
        severities = severities_in(it, {"severity_from": ends[0], "severity_to": ends[1]})
        assert severities == wanted
        left = POOL[candidates_in(POOL, it, severities)]
        assert sorted(left.loc[left["family"] == "corruption", "severity"].unique()) == wanted
        assert (left["family"] != "corruption").sum() == 120


def test_the_recipe_as_it_is_is_a_point_of_the_space() -> None:
    it = recipe(mix=[9, 6, 10], offset={"clean": 0.05, "corruption": 0.1, "adversarial": 0.2}, floor={"clean": 0.6})
    space = space_of(it, tiny(), COUNTS)
    found = parameters_of(it, space, COUNTS)
    assert found.keys() == space.keys()
    assert [found[f"mix_{family}"] for family in FAMILIES] == [18, 12, 20]
    back = selection_of(found, it.selection, COUNTS)
    assert quotas(back.mix, 50) == quotas(it.selection.mix, 50)
    assert back.offset == it.selection.offset
    assert back.floor.clean == pytest.approx(0.6, abs=1e-3)
    assert back.floor.adversarial is None


@pytest.mark.parametrize(
    ("fields", "search", "sentence"),
    [
        ({"strategy": "random"}, ["offset"], "strategy random ignores offset and floor"),
        ({"offset_by": "score", "offset": 0.5}, ["offset"], "search both offset and floor"),
        ({"mix": [1, 0, 0]}, ["severity"], None),
    ],
)
def test_a_search_without_meaning_is_refused(fields: Any, search: list[str], sentence: str | None) -> None:
    if sentence is None:
        assert list(space_of(recipe(**fields), tiny(search=search), COUNTS)) == ["severity_from", "severity_to"]
        return
    with pytest.raises(UsageError, match=sentence):
        space_of(recipe(**fields), tiny(search=search), COUNTS)


def test_settings_name_the_wrong_field_and_survive_json() -> None:
    with pytest.raises(UsageError, match=r"unknown field 'trails'.*trials"):
        Tuning.parse({"trails": 3})
    with pytest.raises(UsageError, match="search"):
        Tuning.parse({"search": ["color"]})
    assert Tuning.parse(tiny().to_dict()) == tiny()


def test_a_slice_keeps_all_copies_of_its_samples() -> None:
    ids = np.repeat(np.arange(10), 2)
    part = Part("corruption", "fog", 3, ids, ids % 3, lambda at: at[:, None, None, None])
    suite = Suite("k", ["a", "b", "c"], (1, 1, 1), (part, Part("held_out", "spatter", 3, ids, ids, part.images)), {})
    (left,) = sliced(suite, 5).parts
    kept = left.sample_ids[::2]
    assert len(set(kept.tolist())) == 5
    assert left.sample_ids.tolist() == np.repeat(kept, 2).tolist()
    assert left.images(np.array([3, 0])).ravel().tolist() == [2 * kept[1] + 1, 2 * kept[0]]


# A real search


@pytest.fixture(scope="module")
def study(computed: Pipeline, workspace: Workspace) -> Study:
    return tune(computed.recipe, tiny(trials=4), workspace, name="kept", engine=CPU)


def test_a_search_begins_with_known_points_and_keeps_every_trial(study: Study, workspace: Workspace) -> None:
    table = study.table()
    assert study.finished
    assert table["start"].tolist() == ["recipe", "clean", "random_mix", ""]
    assert (table["state"] == "done").all()
    assert np.allclose(table["R"], table[["clean", "adversarial", "corruption"]].mean(axis=1))
    assert [table[f"mix_{family}"][1] for family in FAMILIES] == [1, 0, 0]
    assert np.allclose(table[[f"mix_{family}" for family in FAMILIES]].sum(axis=1), 1)
    assert table["offset_adversarial"].isna().tolist()[:3] == [False, True, True]
    assert (table["seconds"] > 0).all()

    best = study.best()
    assert best.name == "small tuned"
    assert "Tuned from small: trial" in best.note
    assert Recipe.from_yaml(best.to_yaml()) == best
    number = int(table["R"].to_numpy().argmax())
    assert study.of(study._trials[number]).selection == best.selection
    pool = Pipeline(best, workspace).pool()
    assert not select(pool, best.selection, seed=best.seed, classes=10).shortages


def test_more_trials_go_on_and_the_same_number_does_nothing(
    study: Study, computed: Pipeline, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = study.table()
    seen: list[Progress] = []
    more = tune(computed.recipe, tiny(trials=5), workspace, name="kept", engine=CPU, report=seen.append)
    after = more.table()
    pd.testing.assert_frame_equal(after[:4], before)
    assert len(after) == 5
    told = [progress for progress in seen if progress.stage == "tune"]
    assert [told[0].done, told[-1].done, told[-1].total, told[-1].unit] == [4, 5, 5, "trials"]
    assert told[-1].note.startswith("best R ")

    monkeypatch.setattr("curation.tuning.tune.Proxy", None)  # nothing is even opened
    again = tune(computed.recipe, tiny(trials=5), workspace, name="kept", engine=CPU)
    pd.testing.assert_frame_equal(again.table(), after)
    found = find_study(workspace, "kept")
    assert found is not None
    pd.testing.assert_frame_equal(found.table(), after)
    assert find_study(workspace, "other") is None
    assert studies(workspace) == ["kept"]


def test_a_cancelled_search_goes_on_to_the_same_trials(study: Study, computed: Pipeline, workspace: Workspace) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "tune" and progress.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        tune(computed.recipe, tiny(trials=4), workspace, name="stopped", engine=CPU, report=stop)
    folder = StudyFolder(workspace, "stopped")
    halfway = Study(folder)
    assert halfway.table()["state"].tolist() == ["done", "done"]
    with folder.journal.open("ab") as journal:
        journal.write(b'{"op_code": 5, "worker')  # what a kill in the middle of a line leaves
    Path(f"{folder.journal}.lock").touch()
    resumed = tune(computed.recipe, tiny(trials=4), workspace, name="stopped", engine=CPU)
    timing = ["seconds"]
    pd.testing.assert_frame_equal(resumed.table().drop(columns=timing), study.table().drop(columns=timing))


def test_a_killed_trial_is_done_again(computed: Pipeline, workspace: Workspace) -> None:
    begin(computed.recipe, tiny(trials=1), workspace, name="killed")
    folder = StudyFolder(workspace, "killed")
    optuna_study = folder.open()
    optuna_study.enqueue_trial({}, user_attrs={"start": "recipe"})
    optuna_study.ask()
    assert Study(folder).table()["state"].tolist() == ["running"]
    with pytest.raises(CurationError, match="no trial of tuning 'killed' is done yet"):
        Study(folder).best()
    table = tune(computed.recipe, tiny(trials=1), workspace, name="killed", engine=CPU).table()
    assert table[["number", "state", "start"]].to_numpy().tolist() == [[0, "done", "recipe"]]


def test_trials_that_were_measured_otherwise_are_left_out_and_made_again(
    study: Study, computed: Pipeline, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by an older version; that has no key at all in what it kept."""
    tune(computed.recipe, tiny(trials=2), workspace, name="older", engine=CPU)
    folder = StudyFolder(workspace, "older")
    journal = folder.journal.read_text().replace(folder.measured, "older")
    folder.journal.write_text(journal)
    asked = folder.asked
    assert asked is not None
    folder.write_asked({key: value for key, value in asked.items() if key != "measured"})
    kept = find_study(workspace, "older")
    assert kept is not None
    assert (len(kept.table()), kept.left_out) == (2, 0), "what was kept is shown as it is"
    again = tune(computed.recipe, tiny(trials=2), workspace, name="older", engine=CPU)
    assert (len(again.table()), again.left_out) == (2, 2)
    timing = ["seconds"]
    pd.testing.assert_frame_equal(again.table().drop(columns=timing), study.table()[:2].drop(columns=timing))
    monkeypatch.setattr("curation.tuning.proxy.VERSION", 1000)
    later = tune(computed.recipe, tiny(trials=1), workspace, name="older", engine=CPU)
    assert (len(later.table()), later.left_out) == (1, 4)


def test_changed_settings_are_told(study: Study, computed: Pipeline, workspace: Workspace) -> None:
    with pytest.raises(UsageError, match=r"tuning\.seeds was 1, now 2.*another name, or start over"):
        tune(computed.recipe, tiny(seeds=2), workspace, name="kept", engine=CPU)
    with pytest.raises(UsageError, match=r"recipe\.selection\.budget was 500, now 400"):
        tune(computed.recipe.with_changes(**{"selection.budget": 400}), tiny(), workspace, name="kept")
    with pytest.raises(UsageError, match="letters, digits"):
        tune(computed.recipe, tiny(), workspace, name="../up")
    with pytest.raises(UsageError, match="tiny_convnet"):
        tune(computed.recipe, tiny(target="tiny_convnet"), workspace, name="new")
    anew = tune(computed.recipe, tiny(trials=1, seed=1), workspace, name="killed", engine=CPU, restart=True)
    assert len(anew.table()) == 1


def test_goal_models_are_searched_each_made_once(
    computed: Pipeline, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs of one training beside the recipe's own: nothing is trained, and a resumed search goes on as it began."""
    asked = tiny(trials=5, search=[], goal_models=["1", "plain:2", "plain:1"])
    before = set(workspace.models())
    told: list[Progress] = []

    def stop(progress: Progress) -> None:
        told.append(progress)
        if progress.stage == "tune" and progress.done == 4:
            raise Cancelled

    compared: list[bool] = []
    curves = Proxy.curves

    def watched(self: Proxy, sets: Any, finished: Any, **more: Any) -> Any:
        compared.extend(one is not None for one in finished)
        return curves(self, sets, finished, **more)

    monkeypatch.setattr(Proxy, "curves", watched)
    with pytest.raises(Cancelled):
        tune(computed.recipe, asked, workspace, name="guided", engine=CPU, report=stop)
    assert compared == [False] * 4, "no known point is stopped early, whatever its R"
    assert [progress.note for progress in told if progress.stage == "goal_model"] == ["recipe, 1 of 2", "1, 2 of 2"]
    halfway = Study(StudyFolder(workspace, "guided")).table()
    assert halfway["start"].tolist() == ["recipe", "clean", "random_mix", "goal_model:1"]
    assert halfway["goal_model"].tolist() == ["recipe", "recipe", "recipe", "1"]

    made: list[int] = []
    write = Shards.write
    monkeypatch.setattr(Shards, "write", lambda self, *args, **more: (made.append(1), write(self, *args, **more)))
    study = tune(computed.recipe, asked, workspace, name="guided", engine=CPU)
    assert not made, "copies and scores under both were there"
    assert {key for key in workspace.models() if key in before} == before
    table = study.table()
    assert set(table["goal_model"][4:]) <= {"recipe", "1"}
    pd.testing.assert_frame_equal(table[:4], halfway)
    figures = table.groupby("goal_model")["R"].unique()
    assert len(figures["1"]) == 1, "without a search the same goal model chooses the same set"
    other = study.of(next(trial for trial in study._trials if trial.user_attrs["goal_model"] == "1"))
    assert (other.goal_model.epoch, other.selection) == (1, computed.recipe.selection)
    assert not Pipeline(other, workspace).undone(), "what was found can be exported as it is"
    monkeypatch.setattr("curation.tuning.tune.Proxy", None)  # nothing is even opened
    again = tune(computed.recipe, asked, workspace, name="guided", engine=CPU)
    pd.testing.assert_frame_equal(again.table(), table)


def test_the_same_trials_do_not_count_once_a_goal_model_is_another(computed: Pipeline, workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="goal_models was 1, plain:2, plain:1, now 1"):
        begin(computed.recipe, tiny(trials=5, search=[], goal_models=["1"]), workspace, name="guided")
    begin(computed.recipe, tiny(goal_models=["1"]), workspace, name="other-goal-models")
    for words, sentence in (
        ("rebufi", "did you mean 'rebuffi'"),
        ("3", "the weights after 1, 2 are kept"),
        ("tiny_convnet", "the surrogate tiny_convnet is also the architecture of the goal model"),
    ):
        with pytest.raises(UsageError, match=sentence):
            begin(computed.recipe, tiny(goal_models=[words]), workspace, name="wrong")
    with pytest.raises(UsageError, match="search names nothing"):
        tiny(search=[])
    with pytest.raises(UsageError, match="there is nothing to search in goal_models"):
        space_of(computed.recipe, tiny(search=[], goal_models=["plain"]), COUNTS)
    assert "goal_models" not in tiny().to_dict(), "tunings from before it was a field stay what they were"


def test_what_a_tuning_takes_counts_one_training_for_all_its_epochs(computed: Pipeline, workspace: Workspace) -> None:
    asked = tiny(goal_models=["1", "4/255", "4/255:1", "plain:2"])
    scale = measured(computed.recipe, asked, device="cpu")
    cost = beforehand(computed.recipe, asked, workspace, scale, engine=CPU)
    assert (cost.goal_models, cost.to_train) == (4, 1)
    assert cost.candidates_s > 0
    assert cost.trials_s == beforehand(computed.recipe, tiny(), workspace, scale, engine=CPU).trials_s > 0
    assert "1 goal model to train for 4 that are compared; with copies and scores" in cost.sentence
    nothing = beforehand(computed.recipe, tiny(), workspace, scale, engine=CPU)
    assert (nothing.to_train, nothing.candidates_s) == (0, 0)


def test_the_command_saves_the_found_recipe(computed: Pipeline, workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(computed.recipe.to_yaml())
    (tmp_path / "p.yaml").write_text(yaml.safe_dump({"suite": tiny().to_dict()["suite"]}))
    words = ["tune", tmp_path / "recipe.yaml", "--workspace", workspace.root, "--settings", tmp_path / "p.yaml"]
    words += ["--trials", 2, "--epochs", 1, "--samples", 20, "--name", "command", "--out", tmp_path / "found.yaml"]
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    found = Recipe.load(tmp_path / "found.yaml")
    assert found == Recipe.from_yaml(workspace.revision(workspace.revisions()[-1]))
    assert json.loads(done.stdout.splitlines()[-1])["recipe"] == found.to_dict()
    guided = ["--search", "none", "--goal-models", "1,plain:2", "--trials", "4", "--restart"]
    done = CliRunner().invoke(app, [*map(str, words), *guided, "--json"])
    assert done.exit_code == 0, done.output
    assert "0 goal models to train for 2 that are compared" in done.output
    trials = json.loads(done.stdout.splitlines()[-1])["trials"]
    assert [trial["goal_model"] for trial in trials] == ["recipe", "recipe", "recipe", "1"]
    wrong = CliRunner().invoke(app, [*map(str, words), "--search", "ofset"])
    assert wrong.exit_code == 2
    assert "offset" in wrong.output


@pytest.mark.slow
def test_a_job_goes_on_with_a_kept_tuning(computed: Pipeline, workspace: Workspace) -> None:
    begin(computed.recipe, tiny(trials=1), workspace, name="job")
    job = jobs.submit_kept(workspace, "tuning", "job")
    wait_for(lambda: not jobs.status(workspace, job).active)
    assert jobs.status(workspace, job).state == "done", jobs.log(workspace, job)
    study = find_study(workspace, "job")
    assert study is not None
    assert study.finished


def test_optuna_is_loaded_only_where_it_is_used() -> None:
    """It takes a second, and pages read tunings."""
    for path in (Path(__file__).parents[2] / "curation" / "tuning").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            assert not (isinstance(node, ast.Import | ast.ImportFrom) and "optuna" in ast.unparse(node)), path.name
