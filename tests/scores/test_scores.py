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
from curation.scores import (
    SCORES,
    El2n,
    Entropy,
    Gini,
    LooksAttacked,
    Margin,
    McEntropy,
    MutualInformation,
    VariationRatio,
    scores_of,
)
from curation.scores.base import Score

LOGITS = arrays.arrays(
    "float32", st.tuples(st.integers(1, 6), st.integers(2, 12)), elements=st.floats(-60, 60, width=32)
)
PASSES = arrays.arrays(
    "float32",
    st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(2, 12)),
    elements=st.floats(-60, 60, width=32),
)


UNCERTAINTIES = scores_of(passes=True, errors=True)
"""Scores of what the goal model says of classes."""


def as_used(score: type[Score] | Score, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits, or three passes that all say the same; and what they predict."""
    labels = logits.argmax(-1) if logits.ndim > 1 else torch.zeros(len(logits), dtype=torch.int64)
    return (logits.expand(3, *logits.shape) if score.uses in ("passes", "errors") else logits), labels


def test_values_by_hand() -> None:
    logits = torch.tensor([[0.7, 0.2, 0.1]]).log()
    assert Entropy()(logits).item() == pytest.approx(-sum(p * math.log(p) for p in (0.7, 0.2, 0.1)), abs=1e-6)
    assert Gini()(logits).item() == pytest.approx(1 - 0.49 - 0.04 - 0.01, abs=1e-6)
    assert Margin()(logits).item() == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("score", [member() for member in UNCERTAINTIES], ids=lambda score: score.name)
@given(data=st.data(), shift=st.floats(-50, 50))
@settings(deadline=None, max_examples=60)
def test_a_score_has_its_range_and_sees_only_the_softmax(score: Score, data: st.DataObject, shift: float) -> None:
    logits, labels = torch.from_numpy(data.draw(PASSES if score.uses == "passes" else LOGITS)), None
    if score.uses != "passes":
        logits, labels = as_used(score, logits)
    out = score(logits, labels)
    hardness = score.hardness(out)
    assert out.dtype == torch.float32
    assert out.shape == (logits.shape[-2],)
    assert (hardness >= 0).all()
    assert (hardness <= score.hardest(logits.shape[-1]) + 1e-6).all()
    if score.name != "variation_ratio":  # two classes within rounding of each other: the vote may go either way
        torch.testing.assert_close(score(logits.double() + shift, labels), out, atol=1e-6, rtol=1e-5)
        mirrored = None if labels is None else logits.shape[-1] - 1 - labels
        torch.testing.assert_close(score(logits.flip(-1), mirrored), out, atol=1e-6, rtol=1e-5)


@given(values=PASSES)
@settings(deadline=None, max_examples=60)
def test_passes_disagree_by_no_more_than_they_are_undecided(values: np.ndarray) -> None:
    passes = torch.from_numpy(values)
    whole, disagreement, dissent = (member()(passes) for member in (McEntropy, MutualInformation, VariationRatio))
    assert (disagreement <= whole + 1e-6).all()
    assert (disagreement <= math.log(len(passes)) + 1e-6).all()  # T passes tell at most T things apart
    assert (dissent <= 1 - 1 / len(passes) + 1e-6).all()
    order = torch.randperm(len(passes), generator=torch.Generator().manual_seed(0))
    for member in (McEntropy, MutualInformation, VariationRatio):
        torch.testing.assert_close(member()(passes[order]), member()(passes), atol=1e-6, rtol=1e-5)


@given(values=LOGITS)
@settings(deadline=None, max_examples=40)
def test_passes_that_agree_leave_only_the_entropy(values: np.ndarray) -> None:
    logits = torch.from_numpy(values)
    passes = logits.expand(4, *logits.shape)
    torch.testing.assert_close(McEntropy()(passes), Entropy()(logits))
    assert MutualInformation()(passes).abs().max() < 1e-6
    assert VariationRatio()(passes).max() == 0


def test_values_over_passes_by_hand() -> None:
    certain = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]], [[1.0, 0.0]]]).log()
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert McEntropy()(certain).item() == pytest.approx(expected, abs=1e-6)
    assert MutualInformation()(certain).item() == pytest.approx(expected, abs=1e-6)  # each pass alone is certain
    assert VariationRatio()(certain).item() == pytest.approx(0.25)


def test_early_errors_are_the_mean_length_of_p_less_y() -> None:
    random = np.random.default_rng(5)
    logits, labels = random.normal(size=(4, 20, 6)).astype(np.float32), random.integers(0, 6, 20)
    expected = []
    for row, label in enumerate(labels):
        lengths = []
        for epoch in range(4):
            powers = np.exp(logits[epoch, row].astype(np.float64))
            error = powers / powers.sum()
            error[label] -= 1
            lengths.append(math.sqrt(sum(error**2)))
        expected.append(sum(lengths) / 4)
    found = El2n()(torch.from_numpy(logits), torch.from_numpy(labels))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    sure = torch.tensor([[[60.0, 0], [0.0, 60]]])
    assert El2n()(sure, torch.tensor([1, 1])).tolist() == pytest.approx([math.sqrt(2), 0], abs=1e-6)


@pytest.mark.parametrize(
    "labels", [None, torch.tensor([0]), torch.tensor([0, 3]), torch.tensor([0, -1]), torch.rand(2)]
)
def test_errors_need_a_label_each(labels: torch.Tensor | None) -> None:
    with pytest.raises(CurationError, match=r"el2n takes labels int64 of 2 samples in \[0, 3\), got"):
        El2n()(torch.zeros(1, 2, 3), labels)


@pytest.mark.parametrize("score", scores_of(passes=False), ids=lambda score: score.name)
def test_hardness_rises_toward_the_boundary(score: type[Score]) -> None:
    logits = torch.tensor([[9.0, 0, 0], [3.0, 0, 0], [1.0, 0, 0], [0.2, 0, 0], [0.0, 0, 0]])
    hardness = score.hardness(score()(logits))
    assert (hardness.diff() > 0).all()


@pytest.mark.parametrize("score", [member() for member in UNCERTAINTIES], ids=lambda score: score.name)
def test_extreme_logits_are_certain_not_nan(score: Score) -> None:
    logits = torch.tensor([[3e38, -3e38, 0.0], [0.0, -torch.inf, -torch.inf]])
    assert score.hardness(score(*as_used(score, logits))).tolist() == [0.0, 0.0]
    assert score(*as_used(score, torch.empty(0, 3))).shape == (0,)


def test_confident_samples_keep_their_order() -> None:
    logits = torch.tensor([[25.0, 0], [24.0, 0], [23.0, 0]])
    for score in (Entropy(), Gini()):
        assert (score(logits).diff() > 0).all()


@pytest.mark.parametrize(
    ("logits", "words"),
    [
        (torch.tensor([[0.0, 1.0], [torch.nan, 0.0]]), "1 of 2 rows, first in row 1"),
        (torch.tensor([[torch.inf, 0.0]]), "row 0"),
        (torch.zeros(3), r"(T×)?N×K"),
        (torch.zeros(3, 1), "at least 2 classes"),
        (torch.zeros(3, 4, dtype=torch.int64), "int64"),
    ],
)
def test_bad_logits_are_named(logits: torch.Tensor, words: str) -> None:
    for member in SCORES:
        with pytest.raises(CurationError, match=words):
            member()(*as_used(member, logits))


def test_a_score_is_not_given_what_another_kind_uses() -> None:
    with pytest.raises(CurationError, match="entropy takes logits N×K"):
        Entropy()(torch.zeros(2, 3, 4))
    for passes in (torch.zeros(3, 4), torch.zeros(0, 3, 4)):
        with pytest.raises(CurationError, match="mutual_information takes logits T×N×K"):
            MutualInformation()(passes)


def test_what_looks_attacked_is_the_detector_s_second_probability() -> None:
    logits = torch.tensor([[0.8, 0.2], [0.25, 0.75], [0.0, 1.0]]).log()
    torch.testing.assert_close(LooksAttacked()(logits), torch.tensor([0.2, 0.75, 1.0]))
    assert LooksAttacked.hardest(10) == 1
    with pytest.raises(CurationError, match="NaN or infinite logits in 1 of 1 rows"):
        LooksAttacked()(torch.tensor([[torch.nan, 0.0]]))


def test_members_are_documented_and_have_identities() -> None:
    assert [score.name for score in scores_of(passes=False)] == ["entropy", "gini", "margin"]
    assert scores_of(passes=True, errors=True, detector=True) == list(SCORES)
    assert El2n not in scores_of(passes=True)
    assert set(SCORES) - set(UNCERTAINTIES) == {LooksAttacked}
    assert len({fingerprint(member().identity()) for member in SCORES}) == len(SCORES)
    assert all(member.__doc__ and member.title for member in SCORES)
