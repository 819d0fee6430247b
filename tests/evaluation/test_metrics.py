"""The figures of an evaluation: published numbers, invariants, the uncertainty, and what tables that do not fit say."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from curation.errors import CurationError
from curation.evaluation.metrics import (
    FIGURES,
    PARTS,
    by_class,
    by_kind,
    by_severity,
    confusion,
    flawless,
    gain,
    intervals,
    mean_corruption_error,
    robustness,
    spread,
)

KINDS = {"clean": ["clean"], "adversarial": ["pgd/a", "mim/a"], "corruption": ["fog", "snow"], "held_out": ["spatter"]}


@cache
def everything(samples: int) -> pd.DataFrame:
    rows = [
        (part, kind, severity, sample)
        for part, kinds in KINDS.items()
        for kind in kinds
        for severity in ((1, 3) if part in ("corruption", "held_out") else (0,))
        for sample in range(samples)
    ]
    found = pd.DataFrame(rows, columns=["part", "kind", "severity", "sample_id"])
    return found.assign(label=found["sample_id"] % 4)


def table(right: np.ndarray, *, samples: int) -> pd.DataFrame:
    """Predictions on a P of ``samples`` test images: each with every kind, corruptions at two severities."""
    found = everything(samples)
    return found.assign(prediction=np.where(right, found["label"], (found["label"] + 1) % 4))


def of_accuracies(accuracies: dict[str, float], count: int) -> pd.DataFrame:
    rows = [
        (part, sample, sample < round(share * count)) for part, share in accuracies.items() for sample in range(count)
    ]
    found = pd.DataFrame(rows, columns=["part", "sample_id", "right"])
    return found.assign(kind=found["part"], severity=0, label=0, prediction=1 - found["right"].astype(int))


TABLES = st.integers(2, 12).flatmap(
    lambda samples: st.lists(
        st.lists(st.booleans(), min_size=samples * 9, max_size=samples * 9).map(
            lambda right: table(np.array(right), samples=samples)
        ),
        min_size=2,
        max_size=4,
    )
)


def test_r_is_the_published_mean_over_the_parts() -> None:
    found = robustness(of_accuracies({"clean": 0.9864, "adversarial": 0.3273, "corruption": 0.5512}, 10_000))
    assert round(100 * found["R"], 2) == 62.16
    assert np.isnan(found["held_out"])
    assert np.isnan(found["white_box"])


def test_r_weighs_parts_equally_and_micro_weighs_images() -> None:
    small = of_accuracies({"clean": 1.0}, 10)
    large = of_accuracies({"adversarial": 0.5, "corruption": 0.5}, 1000)
    found = robustness(pd.concat([small, large]))
    assert found["R"] == pytest.approx(2 / 3)
    assert found["micro"] == pytest.approx(1010 / 2010)


def test_an_absent_part_leaves_no_r() -> None:
    assert np.isnan(robustness(of_accuracies({"clean": 1.0, "corruption": 1.0}, 5))["R"])


@settings(max_examples=20, deadline=None)
@given(TABLES)
def test_figures_stay_within_their_parts(tables: list[pd.DataFrame]) -> None:
    found = robustness(tables[0])
    parts = [found[part] for part in PARTS]
    assert min(parts) - 1e-12 <= found["R"] <= max(parts) + 1e-12
    assert min(parts) - 1e-12 <= found["micro"] <= max(parts) + 1e-12


@settings(max_examples=10, deadline=None)
@given(TABLES)
def test_the_order_of_rows_changes_nothing(tables: list[pd.DataFrame]) -> None:
    shuffled = [one.sample(frac=1, random_state=7) for one in tables]
    assert robustness(shuffled[0]) == pytest.approx(robustness(tables[0]), nan_ok=True)
    before = intervals(tables, draws=50)
    for name, interval in intervals(shuffled, draws=50).items():
        assert tuple(interval) == pytest.approx(tuple(before[name]), nan_ok=True)
    error = mean_corruption_error(tables[0], tables[1])
    assert mean_corruption_error(shuffled[0], tables[1]) == pytest.approx(error, nan_ok=True)


@settings(max_examples=20, deadline=None)
@given(TABLES)
def test_intervals_hold_the_mean_over_trainings(tables: list[pd.DataFrame]) -> None:
    found = intervals(tables, draws=60)
    figures = pd.DataFrame([robustness(one) for one in tables]).mean()
    for name in FIGURES:
        value, low, high = found[name]
        assert value == pytest.approx(figures[name], nan_ok=True)
        assert np.isnan(value) or 0 <= low <= value <= high <= 1
    wider = intervals(tables, draws=60, level=0.99)
    assert np.isnan(wider["white_box"].low)
    assert all(wider[part].low <= found[part].low and wider[part].high >= found[part].high for part in PARTS)


@settings(max_examples=15, deadline=None)
@given(TABLES)
def test_gain_is_antisymmetric(tables: list[pd.DataFrame]) -> None:
    one, other = tables[:1] * len(tables[1:]), tables[1:]
    there, back = gain(one, other, draws=60), gain(other, one, draws=60)
    for name in ("R", "micro", *PARTS):
        assert there[name].value == pytest.approx(-back[name].value, abs=1e-12)
        assert there[name].low == pytest.approx(-back[name].high, abs=1e-12)
        assert there[name].value == pytest.approx(
            robustness(tables[0])[name] - np.mean([robustness(t)[name] for t in other]), abs=1e-12
        )
    assert gain(one, one, draws=60)["R"] == (0, 0, 0)


def test_trainings_that_differ_widen_the_bounds() -> None:
    """Not only test images: what another training would give counts too, as far as the trainings at hand tell."""
    alike = [of_accuracies(dict.fromkeys(PARTS, 0.8), 400)] * 3
    apart = [of_accuracies(dict.fromkeys(PARTS, share), 400) for share in (0.7, 0.8, 0.9)]
    narrow, wide = intervals(alike)["R"], intervals(apart)["R"]
    assert narrow.value == pytest.approx(wide.value)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    students_t = 4.303  # two degrees of freedom
    half = np.hypot(students_t * 0.1 / np.sqrt(3), 1.96 * 0.4 / np.sqrt(400))
    assert wide.value - wide.low == pytest.approx(half, rel=0.05)
    assert gain(apart, apart)["R"] == (0, 0, 0)
    with pytest.raises(CurationError, match="paired: 3 trainings cannot be compared with 1"):
        gain(apart, alike[:1])


def test_all_right_is_one_for_certain() -> None:
    perfect = table(np.ones(90, dtype=bool), samples=10)
    assert intervals([perfect, perfect])["R"] == (1, 1, 1)
    assert spread([perfect, perfect])["R"] == 0
    assert np.isnan(spread([perfect])["R"])


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Copies of one image are right or wrong together: counting rows instead of images would cover far too rarely."""
    draws, covered = np.random.default_rng(0), 0
    for trial in range(200):
        right = np.tile(draws.random(60) < 0.7, 9)
        low, high = intervals([table(right, samples=60)], draws=200, seed=trial)["R"][1:]
        covered += low <= 0.7 <= high
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize("trainings", [2, 3, 5])
@pytest.mark.parametrize("skill", [0.05, 0.3])
def test_few_trainings_cover_the_truth_as_often_as_many(trainings: int, skill: float) -> None:
    """Images have a difficulty, trainings a skill; the truth is over all of both."""
    draws, covered, repeats, images = np.random.default_rng(0), 0, 300, 100
    truth = float(ndtr(0.5 / np.sqrt(1 + 0.5**2 + skill**2)))
    empty = of_accuracies(dict.fromkeys(PARTS, 1.0), images)
    for trial in range(repeats):
        difficulty = np.tile(draws.normal(0, 1, images), 3)
        tables = [
            empty.assign(prediction=(0.5 + one + difficulty + draws.normal(0, 0.5, 3 * images) < 0).astype(int))
            for one in draws.normal(0, skill, trainings)
        ]
        _, low, high = intervals(tables, draws=200, seed=trial)["R"]
        covered += low <= truth <= high
    assert covered / repeats >= 0.93


def test_pairing_makes_a_gain_surer_than_the_figures() -> None:
    draws = np.random.default_rng(0)
    right = draws.random(900) < 0.6
    better = right | (draws.random(900) < 0.1)
    mine, theirs = table(better, samples=100), table(right, samples=100)
    alone, paired = intervals([mine])["R"], gain([mine], [theirs])["R"]
    assert paired.low > 0
    assert paired.high - paired.low < alone.high - alone.low


def test_tables_of_other_images_are_refused() -> None:
    one, other = table(np.ones(90, dtype=bool), samples=10), table(np.ones(99, dtype=bool), samples=11)
    for compare in (lambda: intervals([one, other]), lambda: gain([one], [other])):
        with pytest.raises(CurationError, match="different test images"):
            compare()
    with pytest.raises(CurationError, match="no predictions"):
        robustness(one.iloc[:0])
    with pytest.raises(CurationError, match="'noise'; known: clean"):
        robustness(one.assign(part="noise"))


def test_mean_corruption_error_is_that_of_the_paper() -> None:
    model, reference = (table(np.ones(90, dtype=bool), samples=10) for _ in range(2))

    def wrong(found: pd.DataFrame, kind: str, severity: int, count: int) -> None:
        rows = found.index[(found["kind"] == kind) & (found["severity"] == severity)][:count]
        found.loc[rows, "prediction"] = (found.loc[rows, "label"] + 1) % 4

    for severity, count in ((1, 1), (3, 2)):
        wrong(model, "fog", severity, count)
    for severity, count in ((1, 2), (3, 4)):
        wrong(reference, "fog", severity, count)
    wrong(reference, "snow", 3, 5)
    wrong(model, "snow", 1, 10)
    assert mean_corruption_error(model, reference) == pytest.approx((3 / 6 + 10 / 5) / 2)
    assert mean_corruption_error(reference, reference) == 1
    sharp = table(np.ones(90, dtype=bool), samples=10)
    wrong(sharp, "snow", 1, 5)
    assert flawless(sharp) == ["fog"]
    assert mean_corruption_error(model, sharp) == pytest.approx(10 / 5)
    with pytest.raises(CurationError, match="different corruptions"):
        mean_corruption_error(model, reference[reference["kind"] != "fog"])


def test_breakdowns_add_up_to_the_whole() -> None:
    found = table(np.random.default_rng(0).random(108) < 0.6, samples=12)
    whole = (found["prediction"] == found["label"]).mean()
    for part in (by_kind(found), by_severity(found), by_class(found)):
        assert part["count"].sum() == len(found)
        assert (part["accuracy"] * part["count"]).sum() / len(found) == pytest.approx(whole)
    assert by_severity(found).query("kind == 'fog'")["severity"].tolist() == [1, 3]
    matrix = confusion(found, 4)
    assert matrix.sum() == len(found)
    assert np.trace(matrix) / len(found) == pytest.approx(whole)
    assert confusion(found, 4, part="corruption").sum() == confusion(found, 4, kind="fog").sum() * 2 == 48
