"""The Evaluate page without a browser: every view draws what is kept, says what is missing, and asks before it acts."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from curation.analysis.leaderboard import added_to
from curation.analysis.mistakes import (
    errs,
    nearest_samples,
    original,
    part_and_position,
    pixels,
    verdicts,
    worst_first,
)
from curation.engine import LocalEngine
from curation.errors import CurationError, UsageError
from curation.evaluation.comparison import Leader, cost, leader, over, steps
from curation.evaluation.metrics import Interval
from curation.evaluation.results import Results
from curation.evaluation.suite import find_suite
from curation.pipeline import Pipeline
from curation.recipe import Recipe, guided
from curation.storage.workspace import Workspace
from curation.training.settings import Training
from tests.evaluation.kept_evaluation import keep_evaluation, keep_tuning
from tests.pages.opened import open_page, use_cache, words

VIEWS = ["Leaderboard", "Errors", "Step by step", "Goal models", "Tune", "Noise"]
open_evaluate = partial(open_page, "evaluate")


@pytest.fixture(scope="module")
def kept(computed: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The small workspace with one finished evaluation, ``kept``, and one stopped in the middle, ``half``."""
    folder = tmp_path_factory.mktemp("evaluated") / "small"
    shutil.copytree(computed.workspace.root, folder)
    workspace = Workspace(folder)
    for key in workspace.models().keys() - {computed.plan.model_key}:  # of tests before these
        shutil.rmtree(folder / "models" / key)
    keep_evaluation(workspace, computed.recipe, name="half", measured=3)
    keep_evaluation(workspace, computed.recipe, name="kept")
    return workspace


@pytest.fixture
def submitted(kept: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the page starts in the background, instead of starting it."""
    found: list[tuple[str, str]] = []
    use_cache(monkeypatch, Path(kept.root).parent)
    monkeypatch.setattr("curation.jobs.submit_kept", lambda _, does, name: found.append((does, name)))
    return found


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["kept", "half"])
def test_every_view_draws(submitted: list[tuple[str, str]], view: str, name: str) -> None:
    at = open_evaluate(look=view, evaluation=name)
    assert not at.error
    assert at.segmented_control(key="look").value == view
    if view in VIEWS[:3]:
        assert at.selectbox(key="evaluation").value == name


def test_the_leaderboard_says_who_leads_how_clearly_and_on_what(submitted: list[tuple[str, str]]) -> None:
    at = open_evaluate(evaluation="kept")
    said = words(at)
    assert at.subheader[0].value.startswith("Not clearly better than clean images; "), "two trainings say little"
    assert "**recipe** reaches robustness R" in said
    assert "points above** clean images of the same budget (95 % interval " in said
    assert "held-out surrogates (tiny_convnet)" in said
    assert "95 % over test images and trainings" in said
    assert "**P** is the test suite" in said


@pytest.mark.parametrize(
    ("clean", "rival", "said"),
    [
        ((0.1, 0.05, 0.2), (-0.01, -0.02, 0.01), "Better than clean images; not better than a random mix."),
        ((0.1, -0.05, 0.2), (-0.03, -0.05, -0.01), "Not clearly better than clean images; worse than a random mix."),
    ],
)
def test_a_verdict_claims_only_what_the_intervals_do(
    clean: tuple[float, ...], rival: tuple[float, ...], said: str
) -> None:
    assert Leader("recipe", Interval(*clean), "random_mix", Interval(*rival), 1).verdict == said
    assert Leader("recipe", None, None, None, 1).verdict == ""


def test_partial_results_are_marked_and_resumed(submitted: list[tuple[str, str]]) -> None:
    at = open_evaluate(evaluation="half")
    assert "Partial: 3 of 8 trainings" in words(at)
    table = at.dataframe[0].value
    assert table["Trainings"].tolist()[:2] == ["2 of 2", "1 of 2"]
    at.button(key="evaluation-resume").click().run()
    assert submitted == [("evaluation", "half")]


def test_only_a_test_suite_that_is_made_is_offered(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    record = kept.evaluation("half") or {}
    kept.write_evaluation("begun", {**record, "suite": None, "sets": {}, "trials": []})
    at = open_evaluate()
    at.button(key="evaluation-new").click().run()
    offered = at.selectbox(key=f"begin-suite-{kept.name}").options
    assert sorted(offered) == ["a new one", "from evaluation “half”", "from evaluation “kept”"]
    (Path(kept.root) / "evaluations" / "begun.json").unlink()


def test_a_new_evaluation_says_its_cost_and_starts(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    at = open_evaluate()
    at.button(key="evaluation-new").click().run()
    at.number_input(key="begin-seeds").set_value(2)
    at.number_input(key="begin-epochs-fast").set_value(3).run()
    assert [metric.value for metric in at.metric][:2] == ["10", "15,000"]
    assert at.metric[2].value.endswith(("s", "min")), "the rate of kept trainings gives a time"
    assert not at.slider
    at.selectbox(key="begin-sampling").set_value("dynamic").run()
    assert at.slider(key="begin-ratio").value == (0.25, 0.75)
    at.slider(key="begin-ratio").set_range(0.5, 0.75).run()
    at.text_input(key="begin-weights").set_value("fog 2").run()
    assert "weights.fog 2: input should be a valid number" in at.error[0].value
    at.text_input(key="begin-weights").set_value("fog: 2, pgd: 0.5").run()
    at.selectbox(key="begin-method").set_value("cooperative").run()
    at.selectbox(key="begin-cooperative-detector_input").set_value("full").run()
    at.text_input(key="begin-name").set_value("third").run()
    at.button(key="start-evaluation").click().run()
    assert not at.exception
    assert submitted == [("evaluation", "third")]
    asked = (kept.evaluation("third") or {})["evaluation"]
    assert asked["seeds"] == 2
    assert asked["schedule"]["sampling"]["ratio"] == [0.5, 0.75]
    assert asked["schedule"]["sampling"]["weights"] == {"fog": 2, "pgd": 0.5}
    assert (asked["schedule"]["method"], asked["schedule"]["detector_input"]) == ("cooperative", "full")
    (Path(kept.root) / "evaluations" / "third.json").unlink()


def test_samplers_have_forms_and_what_they_cannot_is_told(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    at = open_evaluate()
    at.button(key="evaluation-new").click().run()
    at.selectbox(key="begin-sampling").set_value("facility_location").run()
    at.text_input(key="begin-sampling-facility_location-ratio").set_value("1.5").run()
    assert any("ratio: input should be less than or equal to 1" in error.value for error in at.error)
    at.text_input(key="begin-sampling-facility_location-ratio").set_value("0.5").run()
    at.toggle(key="begin-curve").set_value(True)
    at.text_input(key="begin-name").set_value("sampled").run()
    at.button(key="start-evaluation").click().run()
    assert not at.exception
    asked = (kept.evaluation("sampled") or {})["evaluation"]
    assert asked["schedule"]["sampling"]["ratio"] == 0.5
    assert asked["curve"]
    (Path(kept.root) / "evaluations" / "sampled.json").unlink()


def test_the_curve_by_epoch_is_drawn_where_it_was_measured(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    record = kept.evaluation("kept") or {}
    kept.write_evaluation("curved", {**record, "evaluation": {**record["evaluation"], "curve": True}})
    at = open_evaluate(evaluation="curved")
    assert not at.exception
    assert "Clean test accuracy by epoch" in [header.value for header in at.subheader]
    assert len(at.get("plotly_chart")) == 3
    (Path(kept.root) / "evaluations" / "curved.json").unlink()


def test_other_settings_under_a_kept_name_are_told(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    before = kept.evaluation("half")
    at = open_evaluate()
    at.button(key="evaluation-new").click().run()
    at.text_input(key="begin-name").set_value("half").run()
    said = words(at)
    assert "“half” exists with other settings: " in said
    assert "another test suite P" not in said, "the first choice is that of a kept evaluation"
    assert "baselines was clean, random_mix, hardest, now clean, random_mix, random_split, hardest" in said
    assert "seeds was 2, now 3" in said
    assert "another schedule of 3 epochs, now 24; " in said
    at.selectbox(key=f"begin-suite-{kept.name}").set_value("a new one").run()
    assert "another test suite P; " in words(at)
    assert "held_out" not in words(at), "what differs in P is not listed"
    at.button(key="keep-evaluation").click().run()
    assert submitted == [("evaluation", "half")]
    assert kept.evaluation("half") == before


@pytest.mark.parametrize(("name", "sentence"), [("a/b", "letters, digits"), ("", "letters, digits")])
def test_a_bad_name_is_refused_in_a_sentence(submitted: list[tuple[str, str]], name: str, sentence: str) -> None:
    at = open_evaluate()
    at.button(key="evaluation-new").click().run()
    at.text_input(key="begin-name").set_value(name).run()
    at.button(key="start-evaluation").click().run()
    assert not at.exception
    assert any(sentence in error.value for error in at.error)
    assert not submitted


def test_a_link_opens_an_image_that_is_wrong(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    results = Results(kept, "kept")
    table = verdicts(results.predictions("recipe"))
    row = int(np.flatnonzero(errs(table) & (table["part"] == "corruption").to_numpy())[0])
    at = open_evaluate(look="Errors", evaluation="kept", image=str(row), **{"with": "clean"})
    assert not at.error
    assert f"**Test image {table['sample_id'][row]}**" in words(at)
    assert any("(label)" in bar.proto.text for bar in at.get("progress"))
    assert "Nearest training images" in words(at)
    at.toggle(key="wrong-only").set_value(True).run()
    both = errs(table) & ~errs(verdicts(results.predictions("clean")))
    assert f"**{both.sum()}** of {len(table)} images of P" in words(at)
    at.selectbox(key="wrong-part").set_value("clean").run()
    assert not at.exception
    clean = (table["part"] == "clean").to_numpy()
    assert f"**{(both & clean).sum()}** of {clean.sum()} images of P that match" in words(at)


def test_the_confusion_matrix_follows_the_filters(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    at = open_evaluate(look="Errors", evaluation="kept")
    at.selectbox(key="wrong-part").set_value("corruption").run()
    at.selectbox(key="wrong-kind").set_value("fog").run()
    at.selectbox(key="wrong-severity").set_value(3).run()
    assert not at.exception
    assert "Confusion matrix, fog 3" in words(at)
    at.selectbox(key="wrong-part").set_value("clean").run()
    assert "Confusion matrix, clean" in words(at), "a kind that the part does not have is left out"


def test_what_detectors_flag_is_shown_by_kind(
    submitted: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Detector" not in " ".join(header.value for header in open_evaluate(look="Errors").subheader)
    plain = Results.table
    monkeypatch.setattr(
        Results, "table", lambda *key: plain(*key).assign(looks_attacked=lambda t: t["part"] != "clean")
    )
    at = open_evaluate(look="Errors", evaluation="kept")
    assert "Detector: 100.0% right" in [header.value for header in at.subheader]
    shown = at.dataframe[0].value
    assert shown["Looks attacked"].tolist() == [0.0 if kind == "clean" else 100.0 for kind in shown["Kind"]]


def test_two_sets_are_compared_by_their_difference(submitted: list[tuple[str, str]]) -> None:
    at = open_evaluate(look="Errors", evaluation="kept", **{"with": "clean"})
    said = words(at)
    assert "Accuracy on **recipe** minus that on **clean**, in points" in said
    assert "on **recipe**, not compared." in said


def test_without_an_evaluation_the_views_say_what_to_do(computed: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    use_cache(monkeypatch, Path(computed.workspace.root).parent)
    assert "New evaluation" in words(open_evaluate(look="Leaderboard"))
    assert "No evaluation yet" in words(open_evaluate(look="Errors"))
    assert "New tuning" in words(open_evaluate(look="Tune"))


def test_a_tuning_is_started_with_the_kept_test_suite(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    at = open_evaluate(look="Tune")
    at.number_input(key="tune-trials").set_value(3).run()
    at.multiselect(key="tune-goal-models").set_value(["1", "25/255"]).run()
    assert "1 goal model to train for 3 that are compared" in words(at)
    at.button(key="start-tuning").click().run()
    assert not at.exception
    assert submitted == [("tuning", "tuning")]
    from curation.tuning.study import find_study

    study = find_study(kept, "tuning")
    assert study is not None
    assert study.settings.trials == 3
    assert study.settings.goal_models == ("1", "25/255")
    assert study.settings.suite.samples == 24
    shutil.rmtree(Path(kept.root) / "studies")


def test_a_found_recipe_is_named_taken_and_measured(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    reached = {"recipe": 0.6, "clean": 0.5, "random_mix": 0.65, "": 0.7}
    found = keep_tuning(kept, Results(kept, "kept").recipes["recipe"], name="found", reached=reached)
    at = open_evaluate(look="Tune", tuning="found")
    said = words(at)
    assert "R **70.0%**, 10.0 points above the recipe as it is. It was found by the search." in said
    assert "**25% clean, 75% adversarial**" in said
    assert "**clean 20.0%, adversarial 20.0%**" in said
    at.button(key="take-tuning").click().run()
    assert not at.exception
    assert any("unsaved" in caption.value for caption in at.sidebar.caption)
    assert "It is the working recipe now" in words(at)
    at.button(key="measure-tuning").click().run()
    assert "New evaluation" in words(at)
    assert at.multiselect(key=f"begin-recipes-{kept.name}").value == ["the working recipe"]
    assert at.session_state["changes"]["selection.offset"] == found.to_dict()["selection"]["offset"]
    shutil.rmtree(Path(kept.root) / "studies")


def test_a_known_point_that_wins_a_tuning_is_said_to_be_one(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    reached = {"recipe": 0.6, "clean": 0.8, "": 0.7}
    keep_tuning(kept, Results(kept, "kept").recipes["recipe"], name="known", reached=reached)
    at = open_evaluate(look="Tune", tuning="known")
    assert "**clean images only, at random**: the search found nothing better" in words(at)
    assert not any(button.proto.type == "primary" for button in at.button)
    shutil.rmtree(Path(kept.root) / "studies")


def test_a_goal_model_is_taken(submitted: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_evaluate(look="Goal models")
    at.toggle(key="goal-epochs").set_value(True).run()
    names = at.dataframe[0].value["name"].tolist()
    used = next(index for index, name in enumerate(names) if name.endswith("(in use)"))
    assert len(names) > 1
    at.session_state["goal-models"] = {"selection": {"rows": list(range(len(names))), "columns": []}}
    at.run()
    offered = {index for index in range(len(names)) if f"goal-{index}-use" in [button.key for button in at.button]}
    assert offered == set(range(len(names))) - {used}
    asked: list[list[Recipe]] = []
    monkeypatch.setattr("curation.jobs.submit", lambda _, recipe, stages, *, others: asked.append([recipe, *others]))
    at.button(key="goal-compute").click().run()
    (together,) = asked
    assert len(together) == len(names) - 1, "one job for all that lack something"
    at.button(key=f"goal-{min(offered)}-use").click().run()
    assert not at.exception
    assert at.dataframe[0].value["name"][min(offered)].endswith("(in use)")


def test_noise_is_told_matched_and_explained(submitted: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    levels = pd.DataFrame(
        {"name": ["all clean samples", "fog 3"], "images": 9, "told": [9, 0], "median": [5.1, np.nan]}
    ).assign(low=4.0, high=6.0, self_supervised=7.0)
    monkeypatch.setattr("curation.analysis.image_noise.by_set", lambda plan: levels)
    st.cache_resource.clear()
    at = open_evaluate(look="Noise")
    assert "adds its own" in words(at)
    at.segmented_control(key="noise-way").set_value("as released").run()
    assert "head start" in words(at)
    at.button(key="match-noise").click().run()
    assert not at.exception
    assert "trained with noise of 5.1/255" in words(at)
    at.session_state["noise-levels"] = {"selection": {"rows": [1], "columns": []}}
    at.run()
    assert "match-noise" not in [button.key for button in at.button], "it cannot be told"


def test_steps_add_up_to_the_recipe(kept: Workspace) -> None:
    results = Results(kept, "kept")
    table = steps(results, "recipe")
    assert table["set"].tolist() == ["clean", "random_mix", "hardest", "recipe"]
    assert table["over"].tolist() == ["", "clean", "random_mix", "hardest"]
    total = over(results, "recipe", "clean")
    assert total is not None
    assert table["gain"].sum() == pytest.approx(total["R"].value)
    assert (table["gain_low"][1:] <= table["gain"][1:]).all()
    assert table["step"].tolist() == ["Clean images", "+ copies", "+ boundary", "+ offset"]
    half = steps(Results(kept, "half"), "recipe")
    assert half["set"].tolist() == ["clean", "recipe"], "what is not measured is left out"
    assert half["step"].tolist()[1] == "+ copies, boundary and offset", "and its decision is taken with the next"


def test_the_recipe_under_another_goal_model_is_the_last_step(
    submitted: list[tuple[str, str]], kept: Workspace
) -> None:
    results = Results(kept, "kept")
    record = {**results.record, "recipes": dict(results.record["recipes"]), "sets": dict(results.record["sets"])}
    mine = results.recipes["recipe"]
    others = {"recipe, 1": guided(mine, "1"), "bandless": mine.with_changes(**{"selection.offset": 0.1})}
    record["trials"] = [*record["trials"]]
    for title, other in others.items():
        record["recipes"][title] = other.to_dict()
        record["sets"][title] = record["sets"]["recipe"]
        record["trials"] += [{**trial, "set": title} for trial in record["trials"] if trial["set"] == "recipe"]
    kept.write_evaluation("guided", record)
    try:
        table = steps(Results(kept, "guided"), "recipe")
        assert table["set"].tolist() == ["clean", "random_mix", "hardest", "recipe", "recipe, 1"]
        assert table["step"].tolist()[-2:] == ["+ offset", "+ goal model 1"]
        assert table["over"].iloc[-1] == "recipe"
        assert added_to(table).tolist() == [0, 0, 1, 2, 3]
        how = "is drawn where the evaluation has the recipe under one"
        assert how not in words(open_evaluate(look="Step by step", evaluation="guided"))
        assert how in words(open_evaluate(look="Step by step", evaluation="kept"))
    finally:
        (Path(kept.root) / "evaluations" / "guided.json").unlink()


def test_an_evaluation_is_started_with_other_goal_models(submitted: list[tuple[str, str]], kept: Workspace) -> None:
    at = open_evaluate(look="Leaderboard")
    at.button(key="evaluation-new").click().run()
    at.multiselect(key="begin-goal-models").set_value(["plain", "1"]).run()
    at.button(key="start-evaluation").click().run()
    assert not at.exception
    (_, name), *_ = submitted
    asked = Results(kept, name).recipes
    assert [recipe.goal_model.epoch for recipe in asked.values()] == [None, 1], "plain is what the recipe has"
    assert list(asked)[1] == f"{next(iter(asked))}, 1"
    (Path(kept.root) / "evaluations" / f"{name}.json").unlink()


def test_goal_models_of_a_tuning_are_shown_with_what_strength_gives(
    submitted: list[tuple[str, str]], kept: Workspace
) -> None:
    recipe = Results(kept, "kept").recipes["recipe"]
    keep_tuning(kept, recipe, name="guided", reached={"recipe": 0.6, "clean": 0.5, "": 0.65}, guided_by=("1", 0.7))
    at = open_evaluate(look="Tune", tuning="guided")
    assert not at.exception
    said = words(at)
    assert "It is a starting point, **the recipe with the goal model epoch 1**" in said
    assert "| Goal model | the recipe's | **epoch 1** |" in said
    shown = next(frame.value for frame in at.dataframe if "as_it_is" in frame.value)
    assert shown["goal"].tolist() == ["the recipe's", "epoch 1"]
    assert shown["gain"][1] == pytest.approx(10)
    assert shown["trials"].tolist() == [3, 1]
    shutil.rmtree(Path(kept.root) / "studies")


def test_gains_are_over_the_trainings_that_both_have(kept: Workspace) -> None:
    results = Results(kept, "half")
    assert over(results, "recipe", "hardest") is None
    lead = leader(results, results.leaderboard())
    assert lead is not None
    assert (lead.set, lead.rival) == ("recipe", "clean")
    assert lead.over_clean == lead.over_rival


def test_cost_counts_sets_targets_and_seeds(kept: Workspace) -> None:
    results = Results(kept, "kept")
    found = cost(results.recipes, results.evaluation, kept)
    assert found.trainings == 8
    assert found.images == 8 * 3 * 500
    assert found.seconds == pytest.approx(8 * 3.0), "at the rate of the kept trainings"
    sampling = {"method": "random", "ratio": 0.1, "warm_up": 1}
    schedule = Training.parse({**results.evaluation.schedule.model_dump(mode="json"), "sampling": sampling})
    sampled = cost(results.recipes, results.evaluation.model_copy(update={"schedule": schedule}), kept)
    assert sampled.images == 8 * (500 + 2 * 50)
    other = results.evaluation.model_copy(update={"targets": ["resnet18"]})
    assert cost(results.recipes, other, kept).seconds is None


def test_verdicts_name_the_commonest_wrong_answer() -> None:
    import pandas as pd

    base = {"part": "clean", "kind": "clean", "severity": 0, "sample_id": [0, 1, 2], "label": [0, 1, 2]}
    said = [[0, 5, 3], [0, 5, 4], [9, 1, 4]]
    tables = [pd.DataFrame({**base, "prediction": p, "true_probability": 0.5}) for p in said]
    table = verdicts(tables)
    assert table["prediction"].tolist() == [9, 5, 4]
    assert table["right"].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert errs(table).tolist() == [True, True, True]
    assert errs(verdicts(tables[:1])).tolist() == [False, True, True]
    assert worst_first(table, np.arange(3)).tolist() == [2, 1, 0]


def test_rows_lead_to_the_pixels_of_p(kept: Workspace) -> None:
    results = Results(kept, "kept")
    recipe = results.recipes["recipe"]
    suite = find_suite(results.evaluation.suite, recipe, kept, engine=LocalEngine("cpu"))
    assert suite is not None
    table = verdicts(results.predictions("recipe"))
    assert len(table) == len(suite), "attacks on the targets themselves are not kept as images"
    rows = np.array([len(table) - 1, 0, len(suite.parts[0])])
    images = pixels(suite, rows)
    for row, image in zip(rows, images, strict=True):
        part, position = part_and_position(suite, int(row))
        assert (part.kind, part.sample_ids[position]) == (table["kind"][row], table["sample_id"][row])
        assert np.array_equal(part.images(np.array([position]))[0], image)
    clean = original(suite, len(table) - 1)
    same = np.flatnonzero(suite.parts[0].sample_ids == table["sample_id"].iloc[-1])
    assert clean is not None
    assert np.array_equal(clean, suite.parts[0].images(same)[0])
    with pytest.raises(CurationError, match="there is no image"):
        part_and_position(suite, len(table))


def test_a_training_image_is_nearest_to_itself(computed: Pipeline) -> None:
    rows, cosines = nearest_samples(computed, computed.samples.images(np.array([7]))[0], count=3)
    assert rows[0] == 7
    assert cosines[0] == pytest.approx(1, abs=1e-5)
    assert (np.diff(cosines) <= 0).all()


def test_no_evaluation_of_that_name_is_a_sentence(kept: Workspace) -> None:
    with pytest.raises(UsageError, match="there is no evaluation 'other'"):
        Results(kept, "other")
