"""Clusters, and what the table says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.embedding.clusters import NOISE, cluster_table, clusters, dense_clusters
from curation.errors import CurationError

DRAWS = np.random.default_rng(0)


def heaps(*sizes: int, width: int = 2) -> np.ndarray:
    """Heaps of points far from each other."""
    return np.concatenate([DRAWS.normal(20 * at, 1, (size, width)).astype(np.float32) for at, size in enumerate(sizes)])


def test_heaps_are_found_the_largest_first() -> None:
    points = heaps(80, 300, 150)
    expected = np.repeat([2, 0, 1], [80, 300, 150])
    assert np.array_equal(clusters(points, count=3, seed=0), expected)
    found = dense_clusters(points, smallest=40)
    inside = found != NOISE
    assert inside.mean() > 0.8
    assert np.array_equal(found[inside], expected[inside])
    assert found.dtype == np.int32


def test_many_points_are_clustered_round_by_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(clusters.__globals__, "FEW", 100)
    points, told = heaps(80, 300, 150), list[int]()
    found = clusters(points, count=12, seed=0, on_progress=lambda done, rounds: told.append(done))
    assert np.array_equal(found, clusters(points, count=12, seed=0))
    assert told == sorted(told)
    assert told[:2] == [0, 1]
    heap = np.repeat([0, 1, 2], [80, 300, 150])
    assert all(len(set(heap[found == group])) == 1 for group in set(found))

    class Stop(Exception):
        pass

    def stop(done: int, rounds: int) -> None:
        if done == 1:
            raise Stop

    with pytest.raises(Stop):
        clusters(points, count=12, seed=0, on_progress=stop)


def test_points_between_heaps_are_in_none_and_one_cloud_has_no_heaps() -> None:
    alone = np.array([[500, -500], [-800, 100]], dtype=np.float32)
    found = dense_clusters(np.concatenate([heaps(200, 200), alone]), smallest=40)
    assert (found[-2:] == NOISE).all()
    assert set(dense_clusters(DRAWS.uniform(size=(300, 2)).astype(np.float32), smallest=100)) <= {NOISE, 0, 1}


def test_more_points_than_hdbscan_can_take_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dense_clusters.__globals__, "MOST_DENSE", 20)
    with pytest.raises(CurationError, match="at most 20 points, got 21; take k-means"):
        dense_clusters(heaps(21), smallest=5)


def test_more_clusters_than_samples_are_as_many_as_samples() -> None:
    assert sorted(clusters(heaps(1, 1, 1), count=10, seed=0)) == [0, 1, 2]
    assert (clusters(np.zeros((1, 3)), count=1, seed=0) == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(1, 40), st.integers(1, 6), st.integers(1, 4))
def test_the_table_counts_what_is_there(seed: int, size: int, groups: int, classes: int) -> None:
    draws = np.random.default_rng(seed)
    found, labels = draws.integers(-1, groups, size), draws.integers(0, classes, size)
    entropy, features = draws.uniform(size=size), draws.standard_normal((size, 3)).astype(np.float32)
    table = cluster_table(found, labels=labels, entropy=entropy, features=features, shown=4)
    assert table["size"].sum() == size
    assert table["cluster"].tolist() == sorted(set(found.tolist()), key=lambda name: (name == NOISE, name))
    for row in table.to_dict("records"):
        mine = np.flatnonzero(found == row["cluster"])
        counts = np.bincount(labels[mine])
        assert row["size"] == len(mine)
        assert row["label"] == counts.argmax()
        assert row["purity"] == counts.max() / len(mine)
        assert row["entropy"] == pytest.approx(entropy[mine].mean())
        apart = np.linalg.norm(features[mine] - features[mine].mean(0, dtype=np.float64), axis=1)
        assert row["rows"] == mine[np.argsort(apart, kind="stable")][:4].tolist()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: clusters(heaps(5), count=0, seed=0), "number of clusters must be at least 1, got 0"),
        (lambda: clusters(np.full((4, 2), np.nan), count=2, seed=0), "row 0 of the features holds NaN"),
        (lambda: clusters(np.zeros((0, 2)), count=2, seed=0), "there are no features"),
        (lambda: dense_clusters(heaps(30), smallest=31), "must have 2 to 30 points"),
        (lambda: dense_clusters(heaps(30), smallest=1), "must have 2 to 30 points"),
        (lambda: dense_clusters(np.full((30, 2), np.inf), smallest=5), "row 0 of the points holds NaN, infinity"),
        (
            lambda: cluster_table(np.zeros(3), labels=np.zeros(2), entropy=np.zeros(3), features=heaps(3)),
            "features of each sample, got 3, 2, 3, 3",
        ),
    ],
)
def test_what_cannot_be_grouped_is_said(call: Any, sentence: str) -> None:
    with pytest.raises(CurationError, match=sentence):
        call()
