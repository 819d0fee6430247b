"""Samples that are the same picture count once, whatever was decided about them, unless asked otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from curation.selection.band import ranking
from curation.selection.edits import offered
from curation.selection.pool import Part, build_pool
from curation.selection.select import select
from curation.selection.settings import Selection

SAME = np.array([0, 1, 1, 1, 4, 5, 5, 7, 8, 9])
"""Samples 1, 2, 3 are one picture, and 5, 6."""
LABELS = np.array([0, 0, 1, 0, 1, 0, 0, 1, 0, 1])


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    draws = np.random.default_rng(0)

    def scores(count: int) -> pd.DataFrame:
        values = draws.random(count).astype(np.float32)
        return pd.DataFrame({"prediction": 0, "entropy": values, "gini": values / 2, "margin": values})

    parts = [Part("clean", "clean", 0, scores(10)), Part("corruption", "fog", 3, scores(10))]
    parts.append(Part("adversarial", "pgd", 0, scores(5), np.array([2, 3, 5, 6, 9])))
    return build_pool(np.arange(10), LABELS, parts, same_as=SAME)


def chosen(
    pool: pd.DataFrame, mix: list[int], budget: int, edits: dict[str, Any] | None = None, **more: Any
) -> pd.DataFrame:
    settings = Selection.parse({"budget": budget, "mix": mix, "edits": edits or {}, **more})
    found = select(pool, settings, seed=0, classes=2)
    found.require()
    return pool.iloc[found.pool_rows].assign(label=found.labels)


@pytest.mark.parametrize("strategy", ["boundary", "random"])
def test_a_picture_counts_once_in_each_family(pool: pd.DataFrame, strategy: str) -> None:
    clean = chosen(pool, [1, 0, 0], 7, strategy=strategy)
    assert sorted(clean["sample_id"]) == [0, 1, 4, 5, 7, 8, 9]
    assert sorted(chosen(pool, [0, 1, 0], 7, strategy=strategy)["sample_id"]) == [0, 1, 4, 5, 7, 8, 9]
    assert sorted(chosen(pool, [0, 0, 1], 3, strategy=strategy)["sample_id"]) == [2, 5, 9], "1 was not attacked"
    assert len(chosen(pool, [1, 0, 0], 10, strategy=strategy, duplicates="all")) == 10


def test_what_is_missing_is_said_with_a_way_out(pool: pd.DataFrame) -> None:
    found = select(pool, Selection.parse({"budget": 10, "mix": [1, 0, 0]}), seed=0, classes=2)
    (shortage,) = found.shortages
    assert "count the 3 that repeat others as well (selection.duplicates: all)" in shortage.sentence
    assert ("selection.duplicates", "all", "Count repeated images") in shortage.offers
    assert found.families["clean"].repeated == 3
    assert found.families["clean"].candidates == len(ranking(pool, "clean", Selection(budget=1))[0]) == 7


@pytest.mark.parametrize(
    ("edits", "counts"),
    [
        ({}, {1, 5}),
        ({"drop": [1]}, {2, 5}),
        ({"exclude": ["1"]}, {2, 5}),
        ({"drop": [1, 2, 3]}, {5}),
        ({"include": ["3"]}, {3, 5}),
        ({"include": ["2", "3"]}, {2, 3, 5}),
        ({"relabel": {2: 0}}, {2, 5}),
        ({"confirmed": [6]}, {1, 6}),
        ({"confirmed": [2], "include": ["3"]}, {3, 5}),
        ({"confirmed": [2], "drop": [2]}, {1, 5}),
    ],
)
def test_which_of_them_counts_follows_decisions(pool: pd.DataFrame, edits: dict[str, Any], counts: set[int]) -> None:
    found = chosen(pool, [1, 0, 0], 5 + len(counts), edits)
    assert {*found["sample_id"]} - {0, 4, 7, 8, 9} == counts
    rows = offered(pool, Selection.parse({"budget": 1, "edits": edits}))
    assert {*pool.iloc[rows]["sample_id"]} >= counts


def test_an_excluded_original_goes_with_all_its_copies(pool: pd.DataFrame) -> None:
    found = chosen(pool, [6, 5, 0], 11, {"exclude": ["9", "7/fog/3"]})
    assert 9 not in {*found["sample_id"]}
    assert 7 in {*found.loc[found["family"] == "clean", "sample_id"]}
    assert 7 not in {*found.loc[found["family"] == "corruption", "sample_id"]}
    with pytest.raises(Exception, match="9/fog/3 is included and 9, its original, is excluded with all its variants"):
        chosen(pool, [1, 1, 1], 9, {"exclude": ["9"], "include": ["9/fog/3"]})


def test_a_pool_that_does_not_know_of_duplicates_is_taken_as_it_is(pool: pd.DataFrame) -> None:
    assert len(chosen(pool.drop(columns="same_as"), [1, 0, 0], 10)) == 10
