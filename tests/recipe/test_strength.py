"""Goal models written short: what they mean in a recipe, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from curation.errors import UsageError
from curation.recipe import Recipe, guided, guides

RECIPE = Recipe.parse(
    {
        "source": {"reader": "digits"},
        "goal_model": {"architecture": "tiny_resnet", "train": {"epochs": 24, "batch_size": 64, "flip": False}},
        "selection": {"budget": 100},
    }
)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("6", {"epoch": 6}),
        ("plain:24", {}),
        ("4/255", {"train.method": "adversarial", "train.epsilon": 4 / 255}),
        (".05", {"train.method": "adversarial", "train.epsilon": 0.05}),
        ("trades: 8/255: 12", {"train.method": "trades", "train.epsilon": 8 / 255, "epoch": 12}),
        ("resnet20:36 epochs", {"architecture": "resnet20", "train.epochs": 36}),
    ],
)
def test_words_change_what_they_say_and_nothing_else(words: str, wanted: dict[str, Any]) -> None:
    changes = {f"goal_model.{path}": value for path, value in wanted.items()}
    assert guided(RECIPE, words) == RECIPE.with_changes(**changes)


def test_a_preset_replaces_the_schedule_but_not_flips() -> None:
    train = guided(RECIPE, "rebuffi:30 epochs").goal_model.train
    assert (train.method, train.batch_size, train.epochs, train.flip) == ("trades", 1024, 30, False)


def test_a_method_leaves_the_parameters_of_the_one_before_behind() -> None:
    phases = RECIPE.with_changes(**{"goal_model.train.method": "two_phase"})
    assert guided(phases, "plain").goal_model == RECIPE.goal_model
    assert guided(phases, "2/255").goal_model.train.method == "two_phase", "a robust method of its own is kept"


def test_each_goal_model_is_there_once_the_own_one_first() -> None:
    found = guides(RECIPE, ["plain", "24", "6", "plain:6", "4/255"])
    assert list(found) == ["recipe", "6", "4/255"]
    assert found["recipe"] is RECIPE


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("7", "goal model '7': .*the weights after 2, 4, .* are kept"),
        ("plain:4/255", "method plain takes no radius; leave 4/255 out"),
        ("6:12", "gives epoch twice, as 6 and 12"),
        ("resnet20::6", "has an empty part"),
        ("rebufi", "did you mean 'rebuffi'"),
        ("300/255", "epsilon"),
        ("1/0", "epsilon"),
    ],
)
def test_what_means_nothing_is_refused(words: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        guided(RECIPE, words)


def test_weights_from_a_file_have_no_training_to_vary() -> None:
    with pytest.raises(UsageError, match="no training to vary"):
        guided(RECIPE.with_checkpoint("x.pt"), "6")
