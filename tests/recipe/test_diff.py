"""In what recipes differ: paths that change one into the other, and words."""

from __future__ import annotations

from typing import Any

import pytest

from curation.recipe import Recipe, differences, in_words, recipe_differences

PLAIN = Recipe.parse({"source": {"reader": "digits"}, "selection": {"budget": 10}})
CHANGES: list[dict[str, Any]] = [
    {"seed": 3, "selection.budget": 11},
    {"source": {"reader": "digits", "limit": 50, "noise": {"share": 0.5}}},
    {"self_correction": {"rounds": 9}},
    {"self_correction.rounds": 9},
    {"label_errors": {"folds": 5}, "variants.corruption": None},
    {"variants.corruption.severities": [1], "slices": {"a.b": {"polygon": [[0, 0], [0, 1], [1, 1]]}}},
    {"map.names": {3: "cats"}, "selection.edits.exclude": ["5"]},
]


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: ",".join(changes))
def test_the_differences_change_one_recipe_into_the_other_and_back(changes: dict[str, Any]) -> None:
    other = PLAIN.with_changes(**changes)
    for before, after in ((PLAIN, other), (other, PLAIN)):
        found = recipe_differences(before, after)
        assert found
        assert all(path.count(".") <= 1 for path in found)
        assert before.with_changes(**{path: new for path, (_, new) in found.items()}) == after
    assert recipe_differences(other, other) == {}


def test_documents_are_compared_as_deep_as_they_go() -> None:
    before, after = {"a": {"b": {"c": 1, "d": 2}}, "e": [1]}, {"a": {"b": {"c": 1, "d": 3}}, "e": None}
    assert differences(before, after) == {"a.b.d": (2, 3), "e": ([1], None)}
    assert list(differences(before, after, depth=2)) == ["a.b", "e"]
    assert list(differences(before, after, whole=["a.b"])) == ["a.b", "e"]


def test_differences_in_words() -> None:
    found = {"seeds": (3, 5), "baselines": ([], ["clean", "hardest"]), "pruning": (True, False), "path": (None, "x")}
    assert in_words(found) == [
        "seeds was 3, now 5",
        "baselines was none, now clean, hardest",
        "pruning was on, now off",
        "path was not set, now x",
    ]
    many = in_words(differences({str(i): i for i in range(20)}, {str(i): -i - 1 for i in range(20)}))
    assert len(many) == 9
    assert many[-1] == "and 12 more"
    assert len(in_words({"note": ("", "x" * 100)})[0]) < 90
