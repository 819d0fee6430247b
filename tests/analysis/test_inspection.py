"""One sample at a time: finding a variant, magnifying what was changed, and what an attack may cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.analysis.inspection import (
    SampleVariants,
    affordable_steps,
    largest_change,
    likeliest,
    side_by_side,
    visible_factor,
)
from curation.attacks import ATTACKS
from curation.pipeline import Pipeline


def test_a_variant_is_found_or_the_first_attack_stands_for_it() -> None:
    rows = [("clean", "clean", 0, ""), ("corruption", "fog", 1, ""), ("adversarial", "pgd", 0, "steps=3")]
    table = pd.DataFrame(rows, columns=["family", "kind", "severity", "parameters"])
    found = SampleVariants(table, np.zeros((3, 2, 2, 1), np.uint8), np.zeros((3, 2), np.float32))
    assert found.find("fog", 1, "") == 1
    assert found.find("fog", 2, "") == 2
    assert found.of_family("corruption") == [1]
    assert found.of_kinds(["fog", "pgd"]).tolist() == [1, 2]
    assert SampleVariants(table[:2], found.images[:2], found.probabilities[:2]).find("snow", 1, "") == 1


def test_magnified_changes_do_not_clip() -> None:
    assert visible_factor(8 / 255, most=30) == 15
    assert visible_factor(8 / 255, most=5) == 5
    assert visible_factor(1.0, most=30) == 1
    assert visible_factor(0.0, most=30) == 30
    low, high = np.full((2, 2, 1), 10, np.uint8), np.full((2, 2, 1), 250, np.uint8)
    assert largest_change(low, high) == largest_change(high, low) == pytest.approx(240 / 255)


def test_gray_images_stand_beside_colored_ones() -> None:
    gray, color = np.full((4, 4), 7, np.uint8), np.zeros((4, 4, 3), np.uint8)
    both = side_by_side([gray, color], side_px=8)
    assert both.shape == (8, 16, 3)
    assert (both[:, :8] == 7).all()
    assert side_by_side([gray, gray[:, :, None]], side_px=4).shape == (4, 8)


def test_the_label_is_always_among_the_likeliest() -> None:
    said = np.array([0.1, 0.5, 0.3, 0.06, 0.04], np.float32)
    assert [index for index, _ in likeliest(said, count=2)] == [1, 2]
    assert [index for index, _ in likeliest(said, count=2, label=4)] == [1, 4]
    assert likeliest(said, count=1)[0][1] == pytest.approx(0.5)


def test_steps_are_as_many_as_time_allows() -> None:
    attack = ATTACKS.build("pgd")
    steps = getattr(attack, "steps")  # noqa: B009
    passes = attack.most_passes(10)
    assert affordable_steps(attack, classes=10, pass_s=1e-9, within_s=1) == steps
    assert affordable_steps(attack, classes=10, pass_s=2 / passes, within_s=1) == steps // 2
    assert affordable_steps(attack, classes=10, pass_s=1e9, within_s=1) == 1
    assert affordable_steps(ATTACKS.build("fgsm"), classes=10, pass_s=1, within_s=1) is None


def test_samples_are_found_by_their_ids(computed: Pipeline) -> None:
    samples = computed.samples
    ids = samples.sample_ids
    assert samples.around(int(ids[3])) == [int(ids[3])]
    assert samples.around(int(ids[-1]) + 5) == [int(ids[-1])]
    assert (samples.image_of(int(ids[3])) == samples.images(np.array([3]))[0]).all()
    assert samples.label_of(int(ids[3])) == samples.labels[3]
