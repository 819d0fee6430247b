"""What counts as guessing, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from curation.models.chance import accuracy_of, at_chance, doubts, tally

CLASSES = [f"c{index}" for index in range(10)]


def answers(n: int, *, right: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Predictions that are right for a share of the images and a guess for the others, and the labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, n)
    return np.where(random.random(n) < right, labels, random.integers(0, 10, n)), labels


@pytest.mark.parametrize(
    ("predictions", "labels", "said"),
    [
        (*answers(600, right=0.0), "at chance, it cannot be told from guessing"),
        (*answers(2000, right=0.1), "the goal model is weak"),
        (*answers(2000, right=0.5), None),
        (np.zeros(600, int), np.arange(600) % 10, "at chance"),
        # The largest class alone is right in 95 of 100: no better than guessing; one that finds the others is.
        (np.zeros(2000, int), np.repeat([0, 1], [1900, 100]), "at chance"),
        (np.repeat([0, 0, 1], [1900, 40, 60]), np.repeat([0, 1], [1900, 100]), None),
        ((np.arange(600) + 3) % 10, np.arange(600) % 10, "in another order than the data's: accuracy 0.0%"),
        # Two of ten in each other's place cost a fifth of the accuracy; two that are often taken for each other do not.
        (np.array([1, 0, *range(2, 10)] * 60), np.arange(600) % 10, "in another order than the data's: accuracy 80.0%"),
        (np.array([*[1, 0, *range(2, 10)] * 30, *[*range(10)] * 30]), np.arange(600) % 10, None),
        (np.zeros(600, int), np.ones(600, int), "at chance"),
        (np.zeros(0, int), np.zeros(0, int), None),
    ],
)
def test_a_model_that_guesses_is_told_from_one_that_sees(
    predictions: np.ndarray, labels: np.ndarray, said: str | None
) -> None:
    found = doubts(tally(predictions, labels, 10), CLASSES, where="the samples")
    assert (found == []) if said is None else (len(found) == 1 and said in found[0].sentence)
    if said is not None and said.startswith("at chance"):
        assert f"{len(labels):,} images of the samples" in found[0].sentence
        assert "by class: c" in found[0].sentence


def test_guessing_is_seldom_taken_for_seeing_and_a_little_sight_seldom_for_guessing() -> None:
    guesses = [at_chance(tally(*answers(500, right=0.0, seed=seed), 10)) for seed in range(300)]
    glimpses = [at_chance(tally(*answers(500, right=0.15, seed=seed), 10)) for seed in range(300)]
    assert np.mean(guesses) > 0.97
    assert np.mean(glimpses) < 0.03


def test_a_tally_counts_by_class() -> None:
    found = tally(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1]), 3)
    assert (found["right"], found["of"]) == ([1, 1, 0], [2, 2, 0])
    assert accuracy_of(found) == 0.5
    assert found["guessing"] == pytest.approx((2 * 1 + 2 * 2) / 16)


def test_of_many_classes_the_worst_are_listed() -> None:
    labels = np.arange(500) % 50
    (said,) = doubts(tally(np.zeros(500, int), labels, 50), [str(i) for i in range(50)], where="the samples")
    assert "the 20 worst of 50 classes: 1 0%" in said.sentence
