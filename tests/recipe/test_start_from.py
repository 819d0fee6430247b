"""The start of a goal model's training in a recipe: written only where there is one, and wrong ones are a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.errors import UsageError
from curation.recipe import Recipe, recipe_differences

PLAIN: dict[str, Any] = {"source": {"reader": "digits"}, "selection": {"budget": 10}}


def with_goal(**goal: Any) -> Recipe:
    return Recipe.parse({**PLAIN, "goal_model": goal})


def test_recipes_without_one_are_written_and_fingerprinted_as_ever() -> None:
    plain = Recipe.parse(PLAIN)
    assert with_goal(start_from=None, input_px=None).fingerprint() == plain.fingerprint()
    for dumped in (plain.to_dict(), plain.to_dict(defaults=True), plain.candidates()):
        assert not {"start_from", "input_px"} & set(dumped["goal_model"])


def test_one_survives_yaml_and_changes_the_fingerprint() -> None:
    found = with_goal(start_from={"weights": "w.pt", "freeze": "conv1, layer1 ,"}, input_px=64)
    assert found.goal_model.start_from.freeze == ("conv1", "layer1")
    assert Recipe.from_yaml(found.to_yaml()) == found
    prints = {with_goal(start_from=start).fingerprint() for start in (None, {"weights": "a"}, {"weights": "b"})}
    assert len(prints) == 3
    changes = recipe_differences(Recipe.parse(PLAIN), found)
    assert set(changes) == {"goal_model.start_from", "goal_model.input_px"}
    assert found.with_changes(**{path: old for path, (old, _) in changes.items()}) == Recipe.parse(PLAIN)


@pytest.mark.parametrize(
    ("goal", "sentence"),
    [
        ({"start_from": {"weights": "pretrained"}}, "no weights of tiny_resnet are published; name a file"),
        ({"start_from": {}}, r"goal_model\.start_from\.weights: field required"),
        ({"start_from": {"weights": "a", "freez": ["x"]}}, r"unknown field 'freez'; did you mean 'freeze'\?"),
        ({"start_from": {"weights": "a", "body_rate": 0}}, r"body_rate: .*greater than 0"),
        ({"input_px": 8}, r"input_px: .*greater than or equal to 16, got 8"),
    ],
)
def test_a_wrong_start_is_a_sentence(goal: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        with_goal(**goal)
    assert "\n" not in str(caught.value)


def test_its_file_is_found_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "w.pt").touch()
    (tmp_path / "r.yaml").write_text(with_goal(start_from={"weights": "w.pt"}).to_yaml())
    assert Recipe.load(tmp_path / "r.yaml").goal_model.start_from.weights == str((tmp_path / "w.pt").resolve())
    (tmp_path / "r.yaml").write_text(with_goal(start_from={"weights": "elsewhere.pt"}).to_yaml())
    assert Recipe.load(tmp_path / "r.yaml").goal_model.start_from.weights == "elsewhere.pt"
