"""Tags, notes and views: what is kept, what is refused, and that they change nothing of the set."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.errors import UsageError
from curation.recipe import Annotations, Recipe
from curation.selection.pool import parse_candidate

BASE = {"source": {"reader": "digits"}, "selection": {"budget": 100}}
NOTED = {
    "annotations": {"tags": {"odd": ["3", "5/fog/3", "3"]}, "notes": {"3": " a nine? ", "4": ""}},
    "views": {"unsure": {"query": "entropy > 1"}},
}
NAMES = ["3", "3/fog/3", "5", "5/fog/3", "5/fog/2", "5/pgd"]


def pool() -> pd.DataFrame:
    of = [parse_candidate(name) for name in NAMES]
    return pd.DataFrame(
        {
            "candidate_id": [one.id for one in of],
            "sample_id": [one.sample_id for one in of],
            "kind": [one.kind for one in of],
            "severity": [one.severity for one in of],
        }
    )


def test_they_are_kept_in_the_recipe_and_change_no_set() -> None:
    plain, noted = Recipe.parse(BASE), Recipe.parse({**BASE, **NOTED})
    assert Recipe.from_yaml(noted.to_yaml()) == noted
    assert noted.annotations.tags == {"odd": ["3", "5/fog/3"]}
    assert noted.annotations.notes == {"3": "a nine?"}
    assert noted.fingerprint() == plain.fingerprint()
    assert noted.computed() == plain.computed()
    assert "annotations" not in plain.to_dict()
    assert "views" not in plain.to_dict()
    assert plain.with_changes(annotations=noted.annotations).annotations == noted.annotations


def test_a_tag_on_an_original_is_on_all_its_copies_and_one_on_a_copy_on_that_alone() -> None:
    marked = Annotations.parse({"tags": {"odd": ["3", "5/fog/3"], "pgd": ["5/pgd"]}, "notes": {"5/pgd": "why?"}})
    assert marked.tagged(pool()).T.tolist() == [
        [True, True, False, True, False, False],
        [False, False, False, False, False, True],
    ]
    found = marked.in_manifest(pool())
    assert found["tags"] == [["odd"], ["odd"], [], ["odd"], [], ["pgd"]]
    assert found["note"] == ["", "", "", "", "", "why?"]
    assert Annotations().in_manifest(pool()) == {}
    assert Annotations().tagged(pool()).shape == (len(NAMES), 0)
    assert np.array_equal(Annotations().tagged(pool()), np.zeros((len(NAMES), 0), bool))


@pytest.mark.parametrize(
    ("annotations", "says"),
    [
        ({"tags": {" odd": ["3"]}}, "1 to 40 characters"),
        ({"tags": {"": ["3"]}}, "1 to 40 characters"),
        ({"tags": {"odd": ["3/fog/99"]}}, "is not a candidate"),
        ({"notes": {"x": "y"}}, "is not a candidate"),
        ({"notes": {"3": "y" * 501}}, "500 characters at most"),
    ],
)
def test_what_is_no_annotation_is_refused_in_a_sentence(annotations: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Recipe.parse({**BASE, "annotations": annotations})
