"""Selection from memory-mapped columns: what ``select`` gives of the same pool in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import CurationError, UsageError
from curation.selection import by_thresholds
from curation.selection.by_thresholds import select_by_thresholds
from curation.selection.pool import FAMILIES
from curation.selection.select import select
from tests.selection.test_selection import CLASSES, make_pool, parsed


def columns_of(pool: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    by_family = {name: pool[pool["family"] == name] for name in FAMILIES}
    names = ("candidate_id", "label", "entropy", "margin")
    return {family: {name: part[name].to_numpy() for name in names} for family, part in by_family.items() if len(part)}


@st.composite
def anything(draw: st.DrawFn) -> tuple[pd.DataFrame, dict[str, Any]]:
    samples = draw(st.integers(2, 60))
    pool = make_pool(
        samples, kinds=draw(st.integers(1, 3)), seed=draw(st.integers(0, 5)), levels=draw(st.integers(0, 4))
    )
    pool = pool[pool["family"].isin(draw(st.sets(st.sampled_from(FAMILIES), min_size=1)))].reset_index(drop=True)
    by_score = draw(st.booleans())
    edges: dict[str, Any] = {"offset": {}, "floor": {}}
    for family in FAMILIES:
        low, high = sorted(draw(st.tuples(*[st.sampled_from([0, 0.05, 0.25, 0.5, 0.75, 0.99])] * 2)))
        if by_score:
            edges["offset"][family] = draw(st.sampled_from([None, high]))
            edges["floor"][family] = draw(st.sampled_from([None, low])) if low < high else None
        else:
            edges["offset"][family] = low
            edges["floor"][family] = draw(st.sampled_from([None, high, 1])) if low < high else None
    return pool, {
        **edges,
        "offset_by": "score" if by_score else "rank",
        "budget": draw(st.integers(1, 4 * samples)),
        "mix": draw(st.tuples(*[st.integers(0, 3)] * 3).filter(any)),
        "score": draw(st.sampled_from(["entropy", "margin"])),
    }


@settings(max_examples=100)
@given(anything(), st.integers(0, 3), st.sampled_from([7, 1 << 18]))
def test_it_is_the_selection_in_memory(case: tuple[pd.DataFrame, dict[str, Any]], seed: int, rows: int) -> None:
    """Rows, ids, labels, what each family says of its band, and what it lacks, with its offers."""
    pool, fields = case
    expected = select(pool, parsed(**fields), seed=seed, classes=CLASSES)
    with mock.patch.object(by_thresholds, "ROWS", rows):
        found = select_by_thresholds(columns_of(pool), parsed(**fields), seed=seed, classes=CLASSES)
    for name in ("pool_rows", "candidate_ids", "labels"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.families == expected.families
    assert found.shortages == expected.shortages


def test_columns_may_be_mapped_from_files(tmp_path: Path) -> None:
    pool = make_pool()
    columns = columns_of(pool)
    for family, some in columns.items():
        for name, values in some.items():
            np.save(tmp_path / f"{family}-{name}.npy", values)
            some[name] = np.load(tmp_path / f"{family}-{name}.npy", mmap_mode="r")
    fields = parsed(budget=30, mix=[1, 1, 1], offset=0.1)
    expected = select(pool, fields, seed=0, classes=CLASSES)
    found = select_by_thresholds(columns, fields, seed=0, classes=CLASSES)
    np.testing.assert_array_equal(found.pool_rows, expected.pool_rows)
    assert not isinstance(found.labels, np.memmap)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"strategy": "random"}, "strategy random"),
        ({"class_balance": True}, "class_balance"),
        ({"variants_per_sample": "one"}, "variants_per_sample one"),
        ({"edits": {"exclude": ["3"]}}, "edits"),
    ],
)
def test_what_needs_more_than_scores_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=f"does not know {words}: "):
        select_by_thresholds(columns_of(make_pool()), parsed(budget=5, **fields), seed=0, classes=CLASSES)


def test_repeated_images_are_refused_where_they_are_known() -> None:
    columns = columns_of(make_pool())
    columns["clean"]["same_as"] = columns["clean"]["candidate_id"] >> 20
    with pytest.raises(UsageError, match="duplicates once"):
        select_by_thresholds(columns, parsed(budget=5), seed=0, classes=CLASSES)
    select_by_thresholds(columns, parsed(budget=5, duplicates="all"), seed=0, classes=CLASSES)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda clean: clean.update(candidate_id=clean["candidate_id"][::-1]), "candidate ids must rise"),
        (lambda clean: clean.update(label=clean["label"] + CLASSES), r"labels must be in \[0, 3\)"),
        (lambda clean: clean.update(entropy=clean["entropy"] * np.float32("nan")), "not a finite number"),
        (lambda clean: clean.update(entropy=clean["entropy"][1:]), "all columns need one length"),
        (lambda clean: clean.pop("entropy"), "no column 'entropy'"),
    ],
)
def test_damaged_columns_are_a_sentence(damage: Any, words: str) -> None:
    columns = columns_of(make_pool())
    damage(columns["clean"])
    with pytest.raises(CurationError, match=words):
        select_by_thresholds(columns, parsed(budget=5), seed=0, classes=CLASSES)
