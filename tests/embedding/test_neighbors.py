"""Nearest neighbors and neighbors within a radius, against the definition pair by pair."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from curation.embedding import distances
from curation.embedding import neighbors as module
from curation.embedding.neighbors import Metric, nearest_neighbors, within_radius
from curation.errors import CurationError

METRICS: tuple[Metric, ...] = ("l2", "cosine")


def apart(queries: np.ndarray, points: np.ndarray, metric: Metric) -> np.ndarray:
    """Distances float32 M×N by the definition: squares of differences summed in float64."""
    if metric == "cosine":
        bare = not (queries.any(1).all() and points.any(1).all())
        queries, points = (directions(side, bare) for side in (queries, points))
    squares = np.square((queries[:, None] - points[None]).astype(np.float64)).sum(2)
    return (squares / 2 if metric == "cosine" else np.sqrt(squares)).astype(np.float32)


def directions(side: np.ndarray, bare: bool) -> np.ndarray:
    norms = np.linalg.norm(side.astype(np.float64), axis=1, keepdims=True)
    unit = (side / np.where(norms > 0, norms, 1)).astype(np.float32)
    return np.hstack([unit, (norms == 0).astype(np.float32)]) if bare else unit


def by_hand(distance: np.ndarray, owners: np.ndarray, query_owners: np.ndarray, count: int) -> tuple[Any, Any]:
    """The nearest of each row, ties by position, own points left out."""
    distance = np.where(owners == query_owners[:, None], np.inf, distance)
    index = np.argsort(distance, axis=1, kind="stable")[:, :count]
    nearest = np.take_along_axis(distance, index, 1)
    return np.where(np.isinf(nearest), -1, index), nearest


def clouds(count: int, width: int, seed: int = 0) -> np.ndarray:
    """Points in clusters, far from the origin, some of them twice."""
    draws = np.random.default_rng(seed)
    centers = draws.standard_normal((8, width)) * 3 + 20
    points = (centers[draws.integers(0, 8, count)] + draws.standard_normal((count, width))).astype(np.float32)
    points[draws.integers(0, count, count // 10)] = points[draws.integers(0, count, count // 10)]
    return points


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(2, 40), st.integers(1, 5)),
        elements=st.sampled_from([0.0, 1.0, -1.0, 2.0, 100.0, 100.00001, 3e-20, 1e4]),
    ),
    st.sampled_from(METRICS),
    st.integers(1, 39),
    st.integers(1, 4),
    st.integers(1, 2**12),
)
def test_the_nearest_are_those_of_the_definition(
    points: np.ndarray, metric: Metric, count: int, variants: int, block: int
) -> None:
    """Duplicates, ties, zero vectors, tiny and large values, k up to N − 1, any block size, own variants left out."""
    count, owners = min(count, len(points) - 1), np.arange(len(points)) // variants
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(distances._BLOCK_VALUES, "cpu", block)
        found = nearest_neighbors(points, count=count, metric=metric, owners=owners)
        balls = within_radius(points, radius=1.0, metric=metric, owners=owners).toarray()
    distance = apart(points, points, metric)
    index, nearest = by_hand(distance, owners, owners, count)
    assert np.array_equal(found.index, index)
    assert np.array_equal(found.distance, nearest)
    other = (owners[:, None] != owners) | np.eye(len(points), dtype=bool)
    assert np.array_equal(balls, (distance <= 1) & other)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("size", "width", "count"), [(500, 64, 15), (500, 3, 499), (200, 600, 50), (2, 1, 1)])
def test_clouds_far_from_the_origin_with_duplicates(metric: Metric, size: int, width: int, count: int) -> None:
    points = clouds(size, width)
    found = nearest_neighbors(points, count=count, metric=metric)
    rows = np.arange(size)
    distance = apart(points, points, metric)
    index, nearest = by_hand(distance, rows, rows, count)
    assert np.allclose(found.distance, nearest, rtol=1e-6, atol=1e-12)
    assert np.array_equal(found.index, index)
    assert found.index.dtype == np.int64
    assert found.distance.dtype == np.float32
    same = (points[:, None] == points[found.index]).all(2)
    assert (found.distance[same] == 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_queries_of_their_own_and_their_owners(metric: Metric) -> None:
    points, queries = clouds(500, 16), clouds(60, 16, seed=1)
    owners, query_owners = np.arange(500) % 50, np.arange(60)
    distance = apart(queries, points, metric)
    for mine, theirs in ((None, None), (query_owners, owners)):
        found = nearest_neighbors(points, count=20, queries=queries, metric=metric, owners=theirs, query_owners=mine)
        nobody = np.full(500, -1)
        index, nearest = by_hand(distance, nobody if theirs is None else theirs, query_owners, 20)
        assert np.array_equal(found.index, index)
        assert np.allclose(found.distance, nearest, rtol=1e-6)
    assert nearest_neighbors(points, count=1, queries=points[7:8]).distance.item() == 0


def test_one_owner_has_no_neighbors() -> None:
    found = nearest_neighbors(clouds(30, 4), count=3, owners=np.zeros(30, dtype=np.int64))
    assert (found.index == -1).all()
    assert np.isinf(found.distance).all()
    assert within_radius(clouds(30, 4), radius=1e6, owners=np.zeros(30, dtype=np.int64)).nnz == 30


def test_many_equal_points_come_by_position() -> None:
    """More of them than are looked at closely at first; and none of them stands in for a nearer one."""
    points = np.zeros((3000, 8), dtype=np.float32)
    points[2500:] = clouds(500, 8)
    found = nearest_neighbors(points, count=5)
    assert np.array_equal(found.index[10], np.arange(5))
    assert np.array_equal(found.index[2], [0, 1, 3, 4, 5])
    assert (found.distance[:2500] == 0).all()


def test_zero_vectors_have_no_direction() -> None:
    points = np.array([[0, 0], [0, 0], [3, 0], [0, -1], [-2, 0]], dtype=np.float32)
    found = nearest_neighbors(points, count=4, metric="cosine")
    assert found.distance[0] == pytest.approx([0, 1, 1, 1])
    assert found.distance[2] == pytest.approx([1, 1, 1, 2])


def test_radius_takes_the_distances_that_are_given_back() -> None:
    points = clouds(800, 24)
    found = nearest_neighbors(points, count=799)
    radius = float(found.distance[5, 40])
    balls = within_radius(points, radius=radius)
    assert np.array_equal(balls.indptr[1:] - balls.indptr[:-1], (found.distance <= radius).sum(1) + 1)
    assert balls.has_sorted_indices
    assert (balls != balls.T).nnz == 0


def test_progress_is_told_and_may_stop() -> None:
    told: list[tuple[int, int]] = []
    nearest_neighbors(clouds(300, 4), count=3, on_progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 300)
    assert told[-1] == (300, 300)

    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        within_radius(clouds(300, 4), radius=1, on_progress=stop)


def test_above_the_exact_ones_most_are_found_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    points, owners = clouds(4000, 16), np.arange(4000) // 2
    exact = nearest_neighbors(points, count=10, owners=owners)
    monkeypatch.setattr(module, "EXACT_POINTS", 3000)
    found = nearest_neighbors(points, count=10, owners=owners)
    hits = (found.index[:, :, None] == exact.index[:, None]).any(2) & (found.index >= 0)
    assert hits.mean() > 0.5
    assert not (owners[found.index] == owners[:, None])[found.index >= 0].any()
    assert np.array_equal(found.index, nearest_neighbors(points, count=10, owners=owners).index)
    assert (np.diff(found.distance, axis=1)[:, :1] >= 0).all()
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(CurationError, match="install faiss-cpu"):
        nearest_neighbors(points, count=10)


FOUR = np.arange(8, dtype=np.float32).reshape(4, 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"count": 4}, "4 neighbors of each are wanted, but there are only 4 points; ask for at most 3"),
        ({"count": 5, "queries": FOUR}, "ask for at most 4"),
        ({"count": 0}, "must be at least 1, got 0"),
        ({"count": 1, "metric": "l1"}, "metric must be l2 or cosine, got 'l1'"),
        ({"count": 1, "queries": FOUR[:, :1]}, "queries have 1 features and the points 2"),
        ({"count": 1, "queries": FOUR * np.float32(np.nan)}, "row 0 of the queries holds NaN"),
        ({"count": 1, "queries": FOUR, "owners": np.arange(4)}, "owners and query_owners go together"),
        ({"count": 1, "owners": np.arange(3)}, "owners of 3 points"),
    ],
)
def test_what_cannot_be_searched_for_is_said(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CurationError, match=sentence):
        nearest_neighbors(FOUR, **arguments)


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (np.where(np.arange(4)[:, None] == 2, np.inf, FOUR), "row 2 of the points holds NaN, infinity"),
        (np.where(np.arange(4)[:, None] == 1, np.nan, FOUR), "row 1 of the points holds NaN, infinity"),
        (FOUR[:0], "there are no points"),
        (FOUR[:, 0], "must be numbers in rows"),
        (FOUR.astype(str), "must be numbers in rows"),
        (FOUR[:1], "only 1 points; take more samples"),
    ],
)
def test_points_that_are_none_are_said(points: np.ndarray, sentence: str) -> None:
    with pytest.raises(CurationError, match=sentence):
        nearest_neighbors(points, count=1)


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan"), float("inf")])
def test_a_radius_is_above_0(radius: float) -> None:
    with pytest.raises(CurationError, match="radius must be a number above 0"):
        within_radius(FOUR, radius=radius)


def test_too_many_pairs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAIRS", 1000)
    with pytest.raises(CurationError, match="choose a smaller radius"):
        within_radius(clouds(100, 4), radius=1e5)
