"""The contract of baselines: the recipe's budget and candidates, chosen by a rule alone."""

from __future__ import annotations

import pytest

from curation.errors import UsageError
from curation.evaluation.baselines import BASELINES, baselines
from curation.evaluation.settings import Evaluation
from curation.plugin import fingerprint
from curation.recipe import Recipe


@pytest.mark.parametrize("name", BASELINES.names)
def test_a_baseline_keeps_budget_and_candidates(name: str, small: Recipe) -> None:
    found_wrong = {"exclude": [3, "4/fog/3"], "drop": [5], "relabel": {6: 1}, "confirmed": [7]}
    edited = small.with_changes(**{"selection.edits": {"include": [8], **found_wrong}, "selection.offset": 0.2})
    baseline = BASELINES.build(name)
    found = baseline.recipe(edited)
    assert (found.name, found.note) == (name, baseline.title)
    assert found.selection.budget == edited.selection.budget
    for part in ("source", "goal_model", "variants", "labels", "seed"):
        assert getattr(found, part) == getattr(edited, part), part
    assert found.selection.edits.include == []
    assert found.selection.edits == edited.selection.edits.model_copy(update={"include": []})
    assert set(found.selection.offset.model_dump().values()) == {0.0}
    assert baseline.called
    assert baseline.source
    assert type(baseline).__doc__


def test_those_without_their_copies_are_left_out(small: Recipe) -> None:
    plain = small.with_changes(**{"variants.adversarial": None, "selection.mix": [1, 1, 0]})
    assert list(baselines(plain, ["clean", "random_split"])) == ["clean"]


def test_an_evaluation_has_the_usual_ones_and_tells_the_nearest_name() -> None:
    assert Evaluation().baselines == ["clean", "random_mix", "random_split", "hardest"]
    with pytest.raises(UsageError, match=r"unknown baseline 'hardst'; did you mean 'hardest'\?"):
        Evaluation.parse({"baselines": ["hardst"]})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("clean", "29c213adda599311"),
        ("random_mix", "b41afedfe35e86f6"),
        ("random_split", "52e59b49013bf1b9"),
        ("hardest", "43ddba7691641fa9"),
        ("self_correction", "9da90b86e6dd0a88"),
    ],
)
def test_baselines_keep_their_fingerprints(name: str, key: str, small: Recipe) -> None:
    """Those that sets and targets are kept under."""
    assert fingerprint(BASELINES.build(name).recipe(small).to_dict()) == key
