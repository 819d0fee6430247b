"""Scores: known values, invariants, and bad logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from curation.errors import CurationError
from curation.plugin import fingerprint
from curation.scores import SCORES, Entropy, Gini, Margin
from curation.scores.base import Score

LOGITS = arrays.arrays(
    "float32", st.tuples(st.integers(1, 6), st.integers(2, 12)), elements=st.floats(-60, 60, width=32)
)


def test_values_by_hand() -> None:
    logits = torch.tensor([[0.7, 0.2, 0.1]]).log()
    assert Entropy()(logits).item() == pytest.approx(-sum(p * math.log(p) for p in (0.7, 0.2, 0.1)), abs=1e-6)
    assert Gini()(logits).item() == pytest.approx(1 - 0.49 - 0.04 - 0.01, abs=1e-6)
    assert Margin()(logits).item() == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("score", [member() for member in SCORES], ids=SCORES.names)
@given(values=LOGITS, shift=st.floats(-50, 50))
@settings(deadline=None, max_examples=60)
def test_a_score_has_its_range_and_sees_only_the_softmax(score: Score, values: np.ndarray, shift: float) -> None:
    logits = torch.from_numpy(values)
    out = score(logits)
    top = {"entropy": math.log(logits.shape[1]), "gini": 1 - 1 / logits.shape[1], "margin": 1.0}[score.name]
    assert out.dtype == torch.float32
    assert out.shape == (len(logits),)
    assert (out >= 0).all()
    assert (out <= top + 1e-6).all()
    torch.testing.assert_close(score(logits.double() + shift), out, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(score(logits.flip(1)), out, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("score", list(SCORES), ids=SCORES.names)
def test_hardness_rises_towards_the_boundary(score: type[Score]) -> None:
    logits = torch.tensor([[9.0, 0, 0], [3.0, 0, 0], [1.0, 0, 0], [0.2, 0, 0], [0.0, 0, 0]])
    hardness = score.hardness(score()(logits))
    assert (hardness.diff() > 0).all()


@pytest.mark.parametrize("score", [member() for member in SCORES], ids=SCORES.names)
def test_extreme_logits_are_certain_not_nan(score: Score) -> None:
    logits = torch.tensor([[3e38, -3e38, 0.0], [0.0, -torch.inf, -torch.inf]])
    assert score.hardness(score(logits)).tolist() == [0.0, 0.0]
    assert score(torch.empty(0, 3)).shape == (0,)


def test_confident_samples_keep_their_order() -> None:
    logits = torch.tensor([[25.0, 0], [24.0, 0], [23.0, 0]])
    for score in (Entropy(), Gini()):
        assert (score(logits).diff() > 0).all()


@pytest.mark.parametrize(
    ("logits", "words"),
    [
        (torch.tensor([[0.0, 1.0], [torch.nan, 0.0]]), "1 of 2 rows, first in row 1"),
        (torch.tensor([[torch.inf, 0.0]]), "row 0"),
        (torch.zeros(3), "N×K"),
        (torch.zeros(3, 1), "at least 2 classes"),
        (torch.zeros(3, 4, dtype=torch.int64), "int64"),
    ],
)
def test_bad_logits_are_named(logits: torch.Tensor, words: str) -> None:
    for member in SCORES:
        with pytest.raises(CurationError, match=words):
            member()(logits)


def test_members_are_documented_and_have_identities() -> None:
    assert SCORES.names == ["entropy", "gini", "margin"]
    assert len({fingerprint(member().identity()) for member in SCORES}) == len(SCORES)
    assert all(member.__doc__ and member.title for member in SCORES)
