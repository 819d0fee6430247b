"""Subsets that no order of the ids can fool."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.randomness import stream_seeds
from curation.sampling import hashes, subset

SOME_LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=200).map(np.array)
"""Any order: by class, interleaved, rare ones anywhere."""


@given(labels=SOME_LABELS, by_class=st.booleans(), every_class=st.booleans(), data=st.data())
def test_a_larger_subset_contains_a_smaller_one(
    labels: np.ndarray, by_class: bool, every_class: bool, data: st.DataObject
) -> None:
    few, many = sorted(data.draw(st.tuples(*[st.integers(0, len(labels) + 3)] * 2)))
    given_labels = labels if by_class else None
    small, large = (
        subset(np.arange(len(labels)), n, labels=given_labels, every_class=every_class) for n in (few, many)
    )
    assert len(small) == min(few, len(labels))
    assert (np.diff(small) > 0).all()
    assert set(small) <= set(large)


@given(labels=SOME_LABELS, count=st.integers(0, 200), seed=st.integers(0, 9))
def test_the_order_of_the_ids_means_nothing(labels: np.ndarray, count: int, seed: int) -> None:
    ids = np.arange(len(labels)) * 7
    turned = np.random.default_rng(seed).permutation(len(ids))
    for given_labels in (None, labels):
        here = ids[subset(ids, count, labels=given_labels)]
        there = ids[turned][subset(ids[turned], count, labels=None if given_labels is None else labels[turned])]
        assert set(here) == set(there)


@pytest.mark.parametrize("step", [2, 5, 10, 100])
def test_interleaved_labels_come_in_equal_numbers(step: int) -> None:
    labels = np.arange(10_000) % step
    for count in (step, 10 * step, 2000):
        counts = np.bincount(labels[subset(np.arange(10_000), count, labels=labels)], minlength=step)
        assert counts.tolist() == [count // step] * step
    unaware = np.bincount(labels[subset(np.arange(10_000), 2000)], minlength=step)
    assert np.abs(unaware - 2000 / step).max() < 5 * np.sqrt(2000 / step)


def test_each_class_has_its_share_and_where_asked_the_rare_ones_come_first() -> None:
    labels = np.repeat([0, 1, 2], [9000, 990, 10])
    drawn = [subset(np.arange(10_000), n, labels=labels) for n in (10, 100, 1000)]
    assert [np.bincount(labels[some], minlength=3).tolist() for some in drawn] == [[9, 1, 0], [90, 10, 0], [900, 99, 1]]
    every = subset(np.arange(10_000), 10, labels=labels, every_class=True)
    assert np.bincount(labels[every]).tolist() == [8, 1, 1]


def test_what_is_drawn_stays_drawn_when_others_come() -> None:
    before, after = np.arange(1000), np.arange(1100)
    old, new = subset(before, 100), subset(after, 100)
    assert len(set(old) & set(new)) == 100 - len(set(new) - set(before))
    of_old, of_new = subset(before, 100, labels=before % 4), subset(after, 110, labels=after % 4)
    assert set(of_new) & set(before) <= set(of_old)


def test_another_seed_draws_others_and_a_seed_the_same() -> None:
    ids = np.arange(1000)
    assert subset(ids, 100, seed=1).tolist() == subset(ids, 100, seed=1).tolist()
    assert set(subset(ids, 100, seed=1)) != set(subset(ids, 100, seed=2))
    assert subset(np.arange(20), 5).tolist() == [0, 6, 10, 13, 15]  # on every machine
    assert hashes(3, ids, "fog", 2).astype(np.int64).tolist() == stream_seeds(3, ids, "fog", 2).tolist()
