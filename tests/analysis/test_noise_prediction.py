"""The survey's noise prediction: errors of inputs against the closed form, and what each treatment starts from."""

from __future__ import annotations

import numpy as np
import pytest

from curation.analysis.noise_prediction import (
    CASES,
    Case,
    expected_errors,
    experiment,
    measured_errors,
    over_seeds,
    ratio,
)

RELEASED = {CASES[0]: (0.102, 0.121, None), CASES[3]: (2.91, 1.21, 0.99)}
"""Errors of the released single draws of 15 inputs."""


@pytest.mark.parametrize("case", CASES)
def test_measured_errors_are_those_of_the_closed_form(case: Case) -> None:
    measured = np.sqrt((measured_errors(case, 4000) ** 2).mean(0))
    assert measured == pytest.approx(expected_errors(case), rel=0.02)


def test_the_draw_adds_its_variance() -> None:
    errors = expected_errors(Case(3, 1, 2.8, 0.9))
    assert errors.draw**2 - errors.mean**2 == pytest.approx(0.9**2)
    assert all(expected_errors(case).mean < expected_errors(case).draw for case in CASES)


@pytest.mark.parametrize("case", RELEASED)
def test_released_errors_are_such_as_single_draws_have(case: Case) -> None:
    low, high = np.quantile(measured_errors(case, 1000), [0.025, 0.975], axis=0)
    for value, least, most in zip(RELEASED[case], low, high, strict=True):
        assert value is None or least < value < most


def test_fair_treatments_start_alike_and_released_ones_ahead() -> None:
    it = experiment(CASES[3], seeds=3, steps=40)
    starts = [it.test[name][:, 0] for name in ("noisy", "draw", "mean", "clean")]
    for start in starts[1:]:
        np.testing.assert_allclose(start, starts[0], rtol=1e-5)
    assert (it.training["released"][:, 0] < it.training["noisy"][:, 0]).all()
    assert (it.training["control"][:, 0] < it.training["noisy"][:, -2]).all(), "it goes on where the noisy one ended"
    assert ratio(it.training, "noisy").value == 1
    assert ratio(it.test, "mean").high < 1, "the mean was the larger part of the noise"


def test_no_seed_changes_another() -> None:
    few, more = (experiment(CASES[1], seeds=seeds, steps=5) for seeds in (2, 3))
    for name, losses in few.training.items():
        np.testing.assert_allclose(losses, more.training[name][:2], rtol=1e-4)


def test_intervals_are_of_the_logarithms() -> None:
    value, low, high = over_seeds(np.array([1.0, 100.0]))
    assert value == pytest.approx(10)
    assert low * high == pytest.approx(100)
