"""The recipe's ``space``: what it may say, what goes with it, and that recipes without it are what they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.errors import UsageError
from curation.recipe import Recipe, recipe_differences, space_in_words

OWN = {"vectors": "own.npy"}
BACKBONE = {"backbone": "torchvision/resnet18"}
COVER = {"selection.strategy": "facility_location"}


def test_without_one_nothing_of_it_is_written(small: Recipe) -> None:
    assert "space" not in small.to_dict()
    assert "space" not in small.candidates()
    with_one = small.with_changes(space=BACKBONE)
    assert with_one.candidates()["space"] == {**BACKBONE, "weights": "pretrained"}
    assert with_one.fingerprint() != small.fingerprint()
    assert with_one.with_changes(space=None) == small
    assert Recipe.from_yaml(with_one.to_yaml()) == with_one


def test_from_one_to_the_other_and_back_goes_by_differences(small: Recipe) -> None:
    every = [small, small.with_changes(space=BACKBONE), small.with_changes(space=OWN)]
    for before in every:
        for after in every:
            changes = {path: new for path, (_, new) in recipe_differences(before, after).items()}
            assert before.with_changes(**changes) == after


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({}, "name either a backbone or a file of vectors, got neither"),
        ({**OWN, **BACKBONE}, "got both"),
        ({"backbone": "resnet18"}, "no weights of resnet18 are published; name a file"),
        ({**OWN, "weights": "a.pt"}, "weights and input_px are a backbone's"),
        ({"vectors": "own.csv"}, "must be a .npy or .parquet file"),
        ({"vectors": "own.parquet"}, "name the column that holds the vectors"),
        ({**OWN, "column": "vector"}, "an .npy file has no columns"),
        ({**BACKBONE, "column": "vector"}, "column is of a Parquet file"),
    ],
)
def test_what_makes_no_sense_is_refused(small: Recipe, space: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        small.with_changes(space=space)


def test_a_file_of_vectors_knows_of_no_copies(small: Recipe) -> None:
    own = small.with_changes(space=OWN)
    with pytest.raises(
        UsageError, match=r"where the candidates of corruption and adversarial lie, .*families to .clean"
    ):
        own.with_changes(**COVER)
    with pytest.raises(UsageError, match=r"set weights\.by to none"):
        own.with_changes(**{"weights.by": "cluster_size"})
    with pytest.raises(UsageError, match="none of corrupted and adversarial copies, so they have no place on the map"):
        own.with_changes(**{"map.copies": ["fog/3"]})
    for possible in ({"families": ["clean"]}, {"space": "softmax_gradient"}):
        changes = {f"selection.coverage.{name}": value for name, value in possible.items()}
        assert own.with_changes(**COVER, **changes).families_measured
    assert own.with_changes(**COVER, **{"selection.mix": [1, 0, 0]}).families_measured == ["clean"]
    assert small.with_changes(space=BACKBONE, **COVER).covers_in_space


def test_the_goal_model_s_epochs_are_of_its_own_features(small: Recipe) -> None:
    epochs = {"selection.coverage.epochs": [1, 2]}
    with pytest.raises(UsageError, match=r"coverage\.epochs are the goal model's"):
        small.with_changes(space=BACKBONE, **epochs)
    small.with_changes(space=BACKBONE, **epochs, **{"selection.coverage.space": "softmax_gradient"})


def test_files_are_named_as_seen_from_the_recipe_s_folder(small: Recipe, tmp_path: Path) -> None:
    (tmp_path / "own.npy").touch()
    path = tmp_path / "recipe.yaml"
    for space in (OWN, {**BACKBONE, "weights": "own.npy"}):
        path.write_text(small.with_changes(space=space).to_yaml())
        found = Recipe.load(path).space
        assert found
        assert str(tmp_path / "own.npy") in (found.vectors, found.weights)
    path.write_text(small.with_changes(space={"vectors": "elsewhere.npy"}).to_yaml())
    assert Recipe.load(path).space == small.with_changes(space={"vectors": "elsewhere.npy"}).space


def test_people_read_what_it_is(small: Recipe) -> None:
    said = [
        space_in_words(small.with_changes(space=space).space)
        for space in (None, OWN, {"vectors": "a/b.parquet", "column": "clip"}, {**BACKBONE, "weights": "a/b.pt"})
    ]
    assert said == [
        "the goal model's features",
        "the vectors of own.npy",
        "the vectors in clip of b.parquet",
        "the features of torchvision/resnet18 (b.pt)",
    ]
