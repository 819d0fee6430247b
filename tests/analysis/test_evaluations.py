"""What the Evaluate page says: differences to a kept evaluation, the leaderboard in words, a tuning's best trial."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from curation.analysis import leaderboard, tuned
from curation.analysis.evaluations import evaluation_differences, free_name, usual_level
from curation.evaluation.metrics import Interval
from curation.recipe import Recipe

SOURCE = {"source": {"reader": "digits"}, "selection": {"budget": 100}}


def document(**parts: Any) -> dict[str, Any]:
    evaluation = {"suite": {"samples": 10}, "schedule": {"epochs": 3}, "seeds": 2, "white_box": {"samples": 0}}
    return {"recipes": {"one": {"seed": 0}}, "evaluation": {**evaluation, **parts}}


def test_differences_are_told_suite_and_schedule_as_a_whole() -> None:
    assert evaluation_differences(document(), document()) == []
    told = evaluation_differences(document(), document(suite={"samples": 20}, schedule={"epochs": 5}, seeds=3))
    assert told == ["another test suite P", "another schedule of 3 epochs, now 5", "seeds was 2, now 3"]
    assert evaluation_differences(document(), {**document(), "recipes": {"two": {}}}) == ["it is of “one”"]
    assert evaluation_differences(document(), {**document(), "recipes": {"one": {"seed": 1}}}) == [
        "the recipe “one” was another"
    ]


def test_a_free_name_counts_on() -> None:
    assert free_name("tuning", []) == "tuning"
    assert free_name("tuning", ["tuning", "tuning-2"]) == "tuning-3"


def test_the_usual_strength_is_the_recipes_first_linf_radius() -> None:
    attacks = [{"attack": "pgd", "norm": "l2", "epsilon": 0.5}, {"attack": "pgd", "epsilon": "4/255"}]
    assert usual_level(Recipe.parse({**SOURCE, "variants": {"adversarial": attacks}})) == 4
    assert usual_level(Recipe.parse({**SOURCE, "variants": {"adversarial": []}})) == 8


def test_the_leaderboard_is_shown_in_percent_and_words() -> None:
    table = pd.DataFrame(
        {
            **{"set": ["mine", "clean"], "role": ["recipe", "baseline"], "title": ["", ""], "R": [0.6, 0.5]},
            **{"R_low": [0.55, np.nan], "R_high": [0.65, np.nan], "gain": [0.1, np.nan], "gain_low": [-0.01, np.nan]},
            **{"gain_high": [0.2, np.nan], "trainings": [1, 1], "of": [2, 2], "images": [9, 9], "clean": [0.7, 0.8]},
            **{"held_out": [np.nan] * 2, "mce": [np.nan] * 2, "training_s": [1.0, 1.0], "curation_s": [1.0, 1.0]},
        }
    )
    shown = leaderboard.shown(table)
    assert shown["Set"].tolist() == ["★ mine", "clean"]
    assert shown["R"].tolist() == [60, 50]
    assert shown["95 %"].tolist() == ["55.0 to 65.0", ""]
    assert shown["Gain, 95 %"].tolist() == ["−1.0 to +20.0", ""]
    assert shown["Trainings"].tolist() == ["1 of 2", "1 of 2"]
    assert not {"held_out", "mCE", "Spread"} & set(shown)
    assert leaderboard.measured(table)[1] == ["R", "clean"]


def test_a_gain_in_words_says_whether_its_interval_excludes_0() -> None:
    said = leaderboard.in_words(Interval(0.1, 0.05, 0.2), "it")
    assert said == "**10.0 points above** it (95 % interval +5.0 to +20.0, excludes 0)"
    assert "below** it" in leaderboard.in_words(Interval(-0.1, -0.2, 0.01), "it")
    assert "includes 0" in leaderboard.in_words(Interval(-0.1, -0.2, 0.01), "it")


def trials(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """State, start and R of each trial; every one has an offset of clean images alone."""
    table = pd.DataFrame(rows, columns=["state", "start", "R"]).assign(goal_model="")
    for family in ("clean", "corruption", "adversarial"):
        table[f"mix_{family}"], table[family] = 1 / 3, table["R"]
        table[f"offset_{family}"] = 0.1 if family == "clean" else np.nan
        table[f"floor_{family}"] = np.nan
    return table


def test_the_best_trial_is_compared_with_the_recipe_as_it_is() -> None:
    assert tuned.found(trials(("running", "", 0.5))) is None
    done = tuned.found(trials(("failed", "", 0.9), ("done", "recipe", 0.5), ("done", "", 0.6)))
    assert done is not None
    assert (done.top, done.recipe, done.start) == (1, 0, "")
    assert done.gain == pytest.approx(0.1)
    assert done.shares.shape == (2, 3)
    assert list(done.offsets()) == ["clean"]
    itself = tuned.found(trials(("done", "recipe", 0.7), ("done", "", 0.6)))
    assert itself is not None
    assert itself.gain is None


def test_trials_are_shown_in_percent_without_empty_columns() -> None:
    shown = tuned.shown(trials(("done", "clean", 0.5)), ranked=True)
    assert shown["R"].tolist() == [50]
    assert shown["offset_clean"].tolist() == [10]
    assert shown["start"].tolist() == [tuned.STARTS["clean"]]
    assert "floor_clean" not in shown


def test_a_recipe_is_told_in_what_a_search_may_change() -> None:
    recipe = Recipe.parse({**SOURCE, "selection": {"mix": {"clean": 1, "adversarial": 3}, "offset": {"clean": 0.2}}})
    words = tuned.in_words(recipe)
    assert words["Mix"] == "25% clean, 75% adversarial"
    assert words["Offset"].startswith("clean 20.0%")
    assert words["Severities"] == "none"
