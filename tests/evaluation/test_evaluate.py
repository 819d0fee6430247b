"""Evaluations on real digits: the same for every set, kept, resumed to the bit, and refused where they say nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from curation import jobs
from curation.cli import app
from curation.engine import LocalEngine
from curation.errors import CurationError, UsageError
from curation.evaluation.baselines import baselines
from curation.evaluation.comparison import steps
from curation.evaluation.evaluate import begin, evaluate
from curation.evaluation.results import Results
from curation.evaluation.settings import Evaluation
from curation.evaluation.training_set import training_set
from curation.pipeline import Pipeline
from curation.progress import Cancelled, Progress
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from tests.patience import wait_for

CPU = LocalEngine("cpu")
TINY: dict[str, Any] = {
    "targets": ["tiny_resnet"],
    "seeds": 2,
    "schedule": {"epochs": 2, "batch_size": 64},
    "suite": {
        "samples": 40,
        "corruption": {"kinds": ["fog", "gaussian_noise"], "severities": [3]},
        "held_out": ["spatter"],
        "adversarial": {"attack": "pgd", "loss": "ce", "epsilon": 0.1, "steps": 2},
        "surrogates": ["tiny_convnet"],
        "training": {"epochs": 1},
    },
    "white_box": {"samples": 8, "epsilon": 0.1, "steps": 2},
}


def tiny(**changes: Any) -> Evaluation:
    return Evaluation.parse({**TINY, **changes})


def weights(results: Results) -> dict[tuple[str, int], str]:
    return {
        (str(row["set"]), int(row["number"])): results.workspace.target(row["key"]).about["digest"]  # type: ignore[index]
        for row in results.trials.to_dict("records")
    }


@pytest.fixture(scope="module")
def results(computed: Pipeline, workspace: Workspace) -> Results:
    return evaluate({"mine": computed.recipe}, tiny(), workspace, name="kept", engine=CPU)


def test_every_set_is_trained_alike_and_measured_on_one_suite(results: Results) -> None:
    table = results.leaderboard().set_index("set")
    assert set(table.index) == {"mine", "clean", "random_mix", "random_split", "hardest"}
    assert (table["images"] == 500).all()
    assert (table["trainings"] == 2).all()
    assert results.finished
    images = {title: [len(part) for part in results.predictions(title)] for title in results.sets}
    assert len({count for counts in images.values() for count in counts}) == 1
    for figure in ("R", "clean", "adversarial", "corruption", "held_out", "white_box"):
        assert table[figure].between(0, 1).all()
        assert (table[f"{figure}_low"] <= table[figure]).all()
    assert table.loc["mine", "gain"] == pytest.approx(table.loc["mine", "R"] - table.loc["clean", "R"])
    assert table.loc["clean", "curation_s"] == 0
    assert table["R"].is_monotonic_decreasing


def test_a_finished_evaluation_is_read_not_repeated(
    results: Results, computed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a finished training was done again")

    monkeypatch.setattr("curation.evaluation.trials.fit", refuse)
    monkeypatch.setattr("curation.evaluation.trials.predictions_of", refuse)
    again = evaluate({"mine": computed.recipe}, tiny(), results.workspace, name="kept", engine=CPU)
    assert again.leaderboard().equals(results.leaderboard())
    other = evaluate({"same set": computed.recipe}, tiny(baselines=[]), results.workspace, name="other", engine=CPU)
    assert other.leaderboard()["R"].tolist() == [results.leaderboard().set_index("set").loc["mine", "R"]]


@pytest.mark.slow
def test_a_stopped_evaluation_goes_on_to_the_same_weights(results: Results, computed: Pipeline, tmp_path: Path) -> None:
    shutil.copytree(computed.workspace.root, tmp_path / "stopped")
    workspace = Workspace(tmp_path / "stopped")
    seen: list[int] = []

    def stop(progress: Progress) -> None:
        if progress.stage == "train":
            seen.append(progress.done)
            if progress.done > 700:  # in the second epoch of the first training
                raise Cancelled

    with pytest.raises(Cancelled):
        evaluate({"mine": computed.recipe}, tiny(), workspace, name="kept", engine=CPU, report=stop)
    partial = Results(workspace, "kept")
    assert "training" in set(partial.trials["state"])
    assert partial.leaderboard()["R"].isna().all()
    seen.clear()
    resumed = evaluate({"mine": computed.recipe}, tiny(), workspace, name="kept", engine=CPU, report=lambda _: None)
    assert weights(resumed) == weights(results)


def test_targets_are_trained_with_sampling_and_go_on_to_the_same_weights(
    results: Results, computed: Pipeline, tmp_path: Path
) -> None:
    """One that was stopped in its second epoch; the clean baseline has nothing to draw, and is trained all the same."""
    schedule = {**TINY["schedule"], "sampling": {"ratio": [0.4, 0.6], "weights": {"pgd": 2}}}
    sampled = tiny(schedule=schedule, baselines=["clean"], seeds=1, white_box={"samples": 0}, curve=True)
    recipe = {"mine": computed.recipe.with_changes(**{"selection.strategy": "random"})}
    shutil.copytree(results.workspace.root, tmp_path / "stopped")
    whole = evaluate(recipe, sampled, results.workspace, name="sampled", engine=CPU)
    epoch = whole.sets["mine"]["seen"]
    assert epoch < whole.sets["mine"]["images"] == whole.sets["clean"]["seen"] == 500
    assert not set(whole.trials["key"]) & set(results.trials["key"])
    for trial in whole.trials.to_dict("records"):
        last, table = whole.history(trial["key"])[-1], whole.table(trial["predictions"])
        clean = table[table["part"] == "clean"]
        right = (clean["prediction"] == clean["label"]).mean()
        assert last["test_accuracy"] == pytest.approx(right, abs=0.03)  # of folded batch norms: other roundings
        assert last["test_accuracy"] <= last["test_top5"] <= 1
        assert last["shown"] == whole.sets[trial["set"]]["seen"] <= last["covered"]
    assert whole.curves().groupby("set")["epoch"].max().tolist() == [2, 2]
    totals = set()

    def stop(progress: Progress) -> None:
        if progress.stage == "train":
            totals.add(progress.total)
            if progress.done > epoch + 100:
                raise Cancelled

    with pytest.raises(Cancelled):
        evaluate(recipe, sampled, Workspace(tmp_path / "stopped"), name="sampled", engine=CPU, report=stop)
    assert totals == {2 * (epoch + 500)}
    resumed = evaluate(recipe, sampled, Workspace(tmp_path / "stopped"), name="sampled", engine=CPU)
    assert weights(resumed) == weights(whole)
    clean = {"plain": computed.recipe.with_changes(**{"selection.mix": [1, 0, 0]})}
    with pytest.raises(UsageError, match="no sample of this set has both its clean image and a variant"):
        evaluate(clean, sampled, results.workspace, name="no-variants", engine=CPU)


def test_changed_settings_are_told_and_asked_for(results: Results, computed: Pipeline) -> None:
    with pytest.raises(UsageError, match=r"evaluation\.seeds was 2, now 3.*--replace"):
        begin({"mine": computed.recipe}, tiny(seeds=3), results.workspace, name="kept")
    begin({"mine": computed.recipe}, tiny(), results.workspace, name="kept")  # the same again is fine
    shutil.copy(
        results.workspace.root / "evaluations" / "kept.json", results.workspace.root / "evaluations" / "three.json"
    )
    begin({"mine": computed.recipe}, tiny(seeds=3), results.workspace, name="three", replace=True)
    assert Results(results.workspace, "three").evaluation.seeds == 3


def test_what_cannot_be_compared_is_refused(computed: Pipeline, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "none")
    larger = computed.recipe.with_changes(**{"selection.budget": 501})
    with pytest.raises(UsageError, match="budgets differ"):
        begin({"a": computed.recipe, "b": larger}, tiny(), workspace)
    other = computed.recipe.with_changes(**{"source.limit": 900})
    with pytest.raises(UsageError, match="different sources"):
        begin({"a": computed.recipe, "b": other}, tiny(), workspace)
    with pytest.raises(UsageError, match="tiny_resnet"):
        begin({"a": computed.recipe}, Evaluation.parse({"suite": {"surrogates": ["tiny_resnet"]}}), workspace)
    with pytest.raises(UsageError, match="baseline"):
        begin({"clean": computed.recipe}, tiny(), workspace)
    with pytest.raises(UsageError, match="name"):
        begin({"a": computed.recipe}, tiny(), workspace, name="../other")
    with pytest.raises(UsageError, match="did you mean"):
        Evaluation.parse({"target": ["resnet18"]})
    assert not workspace.evaluations()


def test_a_budget_above_the_pool_is_one_sentence(workspace: Workspace, computed: Pipeline) -> None:
    greedy = computed.recipe.with_changes(**{"selection.budget": 100_000})
    with pytest.raises(CurationError, match="short"):
        evaluate({"greedy": greedy}, tiny(baselines=[]), workspace, name="greedy", engine=CPU)


def test_a_target_that_does_not_fit_is_refused_before_any_work(workspace: Workspace, computed: Pipeline) -> None:
    told: list[str] = []
    for target, sentence in (
        ("resnet_18", "did you mean 'resnet18'"),
        ("torchvision/vit_b_16", "does not take images"),
    ):
        with pytest.raises(UsageError, match=sentence):
            evaluate(
                {"a": computed.recipe},
                tiny(targets=[target]),
                workspace,
                name=target.replace("/", "-"),
                engine=CPU,
                report=lambda progress: told.append(progress.stage),
            )
    assert set(told) <= {"ingest"}


def test_a_set_that_holds_a_test_image_is_refused(workspace: Workspace, computed: Pipeline, tmp_path: Path) -> None:
    rows = computed.samples.rows(np.unique(training_set(computed).sample_ids)[:5])
    images, labels = computed.samples.images(rows), computed.samples.labels[rows]
    parts = {f"{what}_{part}": value for part in ("clean", "corruption", "adversarial")
             for what, value in (("images", images), ("labels", labels))}  # fmt: skip
    np.savez(tmp_path / "p.npz", **parts)
    leaky = tiny(suite={"path": str(tmp_path / "p.npz"), "surrogates": ["tiny_convnet"]})
    with pytest.raises(CurationError, match="5 of the 5 test images are also training images"):
        evaluate({"leaky": computed.recipe}, leaky, workspace, name="leaky", engine=CPU)
    same = {**TINY["suite"], "samples": None, "source": {"reader": "digits", "split": "train", "limit": 1300}}
    with pytest.raises(CurationError, match="test images are also training images"):
        evaluate({"same": computed.recipe}, tiny(suite=same), workspace, name="same", engine=CPU)


def test_baselines_spend_the_budget_otherwise(computed: Pipeline) -> None:
    made = baselines(computed.recipe, ["clean", "random_mix", "random_split", "hardest"])
    chosen = {name: Pipeline(recipe, computed.workspace, device="cpu") for name, recipe in made.items()}
    sets = {name: training_set(pipeline) for name, pipeline in chosen.items()}
    assert {len(data) for data in sets.values()} == {500}
    assert sets["clean"].counts == {"clean": 500, "corruption": 0, "adversarial": 0} or sets["clean"].counts == {
        "clean": 500
    }
    assert sets["random_split"].counts["corruption"] == 400
    assert len(set(sets["random_split"].sample_ids.tolist())) == 500
    assert len({data.key for data in sets.values()}) == 4
    only_clean = computed.recipe.with_changes(**{"variants.adversarial": None, "selection.mix": [1, 1, 0]})
    assert list(baselines(only_clean, ["clean", "random_split"])) == ["clean"]


def test_the_same_set_has_the_same_key_however_it_was_chosen(computed: Pipeline) -> None:
    one = training_set(computed)
    other = Pipeline(computed.recipe.with_changes(name="other", note="again"), computed.workspace, device="cpu")
    assert one.key == training_set(other).key


def test_the_command_prints_one_table(workspace: Workspace, results: Results, tmp_path: Path) -> None:
    import yaml

    recipe, settings = tmp_path / "mine.yaml", tmp_path / "tiny.yaml"
    recipe.write_text(results.recipes["mine"].with_changes(name="mine").to_yaml())
    settings.write_text(yaml.safe_dump(TINY))
    words = ["evaluate", str(recipe), "--workspace", str(workspace.root), "--settings", str(settings), "--json"]
    done = CliRunner().invoke(app, [*words, "--name", "command", "--seeds", "1", "--baselines", "clean"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout.splitlines()[-1])
    assert {row["set"] for row in summary["sets"]} == {"mine", "clean"}
    again = CliRunner().invoke(app, [*words, "--name", "command", "--seeds", "2", "--baselines", "clean"])
    assert again.exit_code == 2
    assert "seeds was 1, now 2" in " ".join(again.output.split())
    goal_models = [*words, "--name", "guided", "--seeds", "1", "--baselines", "none", "--goal-models", "plain,1"]
    done = CliRunner().invoke(app, goal_models)
    assert done.exit_code == 0, done.output
    assert {row["set"] for row in json.loads(done.stdout.splitlines()[-1])["sets"]} == {"mine", "mine, 1"}
    assert steps(Results(workspace, "guided"), "mine")["step"].tolist()[1:] == ["+ goal model 1"]


@pytest.mark.slow
def test_a_job_goes_on_with_a_kept_evaluation(workspace: Workspace, results: Results) -> None:
    begin(results.recipes, tiny(seeds=1, baselines=["clean"]), workspace, name="job")
    job = jobs.submit_kept(workspace, "evaluation", "job")
    assert jobs.submit_kept(workspace, "evaluation", "job") == job
    wait_for(lambda: not jobs.status(workspace, job).active)
    status = jobs.status(workspace, job)
    assert (status.state, status.does, status.subject) == ("done", "evaluation", "job"), jobs.log(workspace, job)
    assert Results(workspace, "job").finished


def test_self_correction_is_a_strategy_with_a_cost(workspace: Workspace, computed: Pipeline) -> None:
    quick = {"rounds": 2, "train": {"epochs": 1}}
    recipe = computed.recipe.with_changes(**{"selection.strategy": "self_correction", "self_correction": quick})
    pipeline = Pipeline(recipe, workspace, device="cpu")
    assert [found.state for found in pipeline.status() if found.stage == "self_correction"] == ["missing"]
    with pytest.raises(CurationError, match="strategy self_correction is not computed"):
        pipeline.select()
    pipeline.run(("self_correction",))
    selected = pipeline.select()
    assert len(selected.pool_rows) == 500
    assert not selected.shortages
    assert pipeline.cost()["self_correction"] > 0
    again = Pipeline(recipe, workspace, device="cpu")
    assert again.select().candidate_ids.tolist() == selected.candidate_ids.tolist()
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert "self_correction:" not in computed.recipe.to_yaml()
