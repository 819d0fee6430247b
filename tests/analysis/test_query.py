"""Queries over candidates: what they match, and what they refuse."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.analysis.query import Field, Query, any_of, between, both, order_by
from curation.errors import UsageError

CLASSES = ["cat", "dog", 'the "other"']
FIELDS = {
    field.name: field
    for field in (
        Field("entropy", "Entropy", "number", lambda: np.array([0.1, 0.5, np.nan, 1.2, 0.5], np.float32)),
        Field("severity", "Severity", "number", lambda: np.array([0, 1, 2, 3, 4], np.int8)),
        Field("label", "Label", "category", lambda: np.array([0, 1, 2, 0, -1]), CLASSES),
        Field("predicted", "Predicted", "category", lambda: np.array([0, 0, 2, 1, 0]), CLASSES),
        Field("chosen", "In the set", "flag", lambda: np.array([1, 0, 0, 1, 1], bool)),
        Field("name", "File", "text", lambda: np.array(["a/1.png", "a/2.png", "b/1.png", "B/2.PNG", ""])),
        Field(
            "tags", "Tags", "tags", lambda: np.array([[1, 0], [0, 0], [1, 1], [0, 1], [0, 0]], bool), ["odd", "blur"]
        ),
    )
}


def rows(text: str) -> list[int]:
    return np.flatnonzero(Query(text, FIELDS).mask(5)).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("entropy > .5", [3]),
        (".5 <= entropy", [1, 3, 4]),
        ("0.2 <= entropy < 1", [1, 4]),
        ("not entropy > .5", [0, 1, 2, 4]),
        ("entropy != 0.5", [0, 3]),
        ('label == "cat" and chosen', [0, 3]),
        ('label in ["dog", "the \\"other\\""]', [1, 2]),
        ('label not in ["cat"]', [1, 2]),
        ("label != predicted", [1, 3]),
        ("not chosen or severity >= 4", [1, 2, 4]),
        ("chosen == False", [1, 2]),
        ('"2.png" in name', [1, 3]),
        ('"odd" in tags and "blur" in tags', [2]),
        ('"odd" not in tags', [1, 3, 4]),
        ("severity in [1, 3]", [1, 3]),
        ("severity > -1 and (chosen or severity == 1)", [0, 1, 3, 4]),
    ],
)
def test_what_a_query_matches(text: str, expected: list[int]) -> None:
    assert rows(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("entropi > 1", "did you mean 'entropy'"),
        ('label == "cta"', "did you mean 'cat'"),
        ('entropy > "high"', "entropy is a number"),
        ("label > 3", "label is no number"),
        ("label == 3", "label is a word"),
        ("label", "label is not yes or no"),
        ("chosen == 1", "chosen is yes or no"),
        ("label == chosen", "cannot be compared with each other"),
        ("label == entropy", "cannot be compared with each other"),
        ('"even" in tags', "unknown value of tags 'even'"),
        ("tags == 'odd'", "are several words"),
        ("__import__('os').system('true')", "cannot hold"),
        ("entropy.__class__ == 1", "cannot hold"),
        ("(lambda: 1)() > entropy", "cannot hold"),
        ("entropy > [1][0]", "cannot hold"),
        ("entropy is 1", "cannot hold"),
        ("1 < 2", "names no field"),
        ("entropy >", "cannot be read"),
        ("(" * 500 + "entropy > 1" + ")" * 500, "cannot be read"),
        ("entropy > " + "9" * 5000, "characters at most"),
        ("entropy > 1e999", "lie within"),
        ("entropy > " + "9" * 400, "lie within"),
        ("entropy > 1\x00", "cannot be read"),
        ("x" * 2001, "2,000 characters at most"),
    ],
)
def test_what_is_no_query_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Query(text, FIELDS)


@given(st.text(max_size=60) | st.lists(st.sampled_from([*FIELDS, *"<>=()[],", "and", "or", "not", "in", "1", '"cat"'])))
def test_any_text_is_a_query_or_a_sentence(text: Any) -> None:
    with contextlib.suppress(UsageError):
        assert len(Query(text if isinstance(text, str) else " ".join(text), FIELDS).mask(5)) == 5


def test_clauses_put_together_again_match_the_same() -> None:
    text = '(chosen or label == "dog") and 0.2 <= entropy < 2 and not "blur" in tags'
    query = Query(text, FIELDS)
    assert query.clauses == ['chosen or label == "dog"', "0.2 <= entropy < 2", 'not "blur" in tags']
    assert rows(both(query.clauses)) == rows(text)
    assert rows(both(query.clauses[1:])) == rows('0.2 <= entropy < 2 and not "blur" in tags')
    assert both([]) == ""


def test_clauses_of_widgets_are_queries() -> None:
    assert rows(any_of(FIELDS["label"], CLASSES[1:])) == [1, 2]
    assert rows(any_of(FIELDS["label"], CLASSES[:1])) == [0, 3]
    assert rows(any_of(FIELDS["tags"], ["odd", "blur"])) == [0, 2, 3]
    assert rows(between(FIELDS["severity"], 1, 3)) == [1, 2, 3]
    assert rows(between(FIELDS["severity"], None, 1)) == [0, 1]


def test_rows_are_sorted_with_those_without_a_value_last() -> None:
    every = np.arange(5)
    assert order_by(FIELDS["entropy"], every, falling=True).tolist() == [3, 1, 4, 0, 2]
    assert order_by(FIELDS["entropy"], every, falling=False).tolist() == [0, 1, 4, 3, 2]
    assert order_by(FIELDS["label"], every, falling=False).tolist() == [0, 3, 1, 2, 4]
    assert order_by(FIELDS["name"], every[:3], falling=True).tolist() == [2, 1, 0]
    with pytest.raises(UsageError, match="cannot be sorted by"):
        order_by(FIELDS["tags"], every, falling=True)
