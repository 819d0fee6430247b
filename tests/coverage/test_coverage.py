"""Coverage: greedy choices against plain greedy and brute force, what they cover, and every wrong input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from curation import compilation
from curation.coverage import (
    assign,
    cluster_sizes,
    compiled,
    coverage_curve,
    facility_location,
    greedy,
    k_center,
    k_means,
    label_agreement,
    moderate,
    set_cover,
    suggest_radius,
    within_radius_counts,
)
from curation.coverage.on_device import on_device
from curation.coverage.points import Points
from curation.embedding.neighbors import nearest_neighbors
from curation.errors import CurationError

BLOBS = np.concatenate(
    [np.random.default_rng(i).normal(10 * i, 1 + i, size=(60 + 40 * i, 5)) for i in range(4)]
).astype(np.float32)
PAIRS = (greedy.GRAPH_PAIRS, 1 << 14, 1 << 10, 0)
"""All is kept at once; after some are chosen; never."""


def apart(points: np.ndarray, metric: str = "l2") -> np.ndarray:
    values = on_device(points, metric=metric, device="cpu")  # type: ignore[arg-type]
    return values.block(np.arange(len(points))).numpy()


def plain_greedy(
    distances: np.ndarray, count: int, *, fixed: list[int] | None = None, owners: np.ndarray | None = None
) -> tuple[list[int], list[float]]:
    """Facility location without any trick: everything computed again each time."""
    fixed = fixed or []
    owners = np.arange(len(distances)) if owners is None else owners
    widest = distances.max()
    reach = np.minimum(distances[:, fixed].min(1, initial=np.inf), widest)
    added = len(distances) * float(widest) - distances.sum(0, dtype=np.float64)
    chosen: list[int] = []
    gains: list[float] = []
    for _ in range(count):
        if chosen or fixed:
            added = np.maximum(reach[:, None].astype(np.float64) - distances, 0).sum(0)
        best = int(np.where(np.isin(owners, owners[chosen + fixed]), -1, added).argmax())
        chosen.append(best)
        gains.append(float(added[best]))
        reach = np.minimum(reach, distances[:, best])
    return chosen, gains


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, int, list[int], np.ndarray | None]:
    """Few points on a small grid, so that ties and duplicates abound; how many to choose, given ones, owners."""
    size = draw(st.integers(1, 12))
    width = draw(st.integers(1, 3))
    grid = draw(st.lists(st.integers(-2, 2), min_size=size * width, max_size=size * width))
    points = np.array(grid, dtype=np.float32).reshape(size, width)
    fixed = sorted(draw(st.sets(st.integers(0, size - 1), max_size=min(2, size - 1))))
    owners = None
    if draw(st.booleans()):
        owners = np.array(draw(st.lists(st.integers(0, 5), min_size=size, max_size=size)))
    taken = fixed if owners is None else np.flatnonzero(np.isin(owners, owners[fixed]))
    free = np.setdiff1d(np.arange(size), taken)
    most = len(free if owners is None else np.unique(owners[free]))
    return points, draw(st.integers(min(1, most), most)), fixed, owners


@pytest.fixture(params=PAIRS)
def pairs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(greedy, "GRAPH_PAIRS", request.param)
    return request.param


@pytest.fixture
def like_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work distances out as on an accelerator, by matrix products, on the CPU."""
    monkeypatch.setattr(compiled, "CompiledPoints", Points)


@settings(deadline=None, max_examples=80)
@given(cases(), st.sampled_from(["l2", "cosine"]), st.sampled_from(PAIRS))
def test_lazy_greedy_is_plain_greedy(
    case: tuple[np.ndarray, int, list[int], np.ndarray | None], metric: str, pairs: int
) -> None:
    points, count, fixed, owners = case
    if not count:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(greedy, "GRAPH_PAIRS", pairs)
        subset = facility_location(
            points,
            count=count,
            metric=metric,  # type: ignore[arg-type]
            given=np.array(fixed, np.int64),
            owners=owners,
        )
    distances = apart(points, metric)
    chosen, gains = plain_greedy(distances, count, fixed=fixed, owners=owners)
    assert subset.chosen.tolist() == chosen
    assert subset.gains.tolist() == gains
    nearest = distances[:, fixed + chosen].min(1)
    assert subset.radius == nearest.max()
    assert subset.value == pytest.approx((distances.max() - nearest).sum(), rel=1e-6, abs=1e-5)
    assert 0 <= subset.share <= 1 + 1e-6


@settings(deadline=None, max_examples=60)
@given(cases())
def test_facility_location_keeps_its_guarantee(case: tuple[np.ndarray, int, list[int], np.ndarray | None]) -> None:
    points, count, fixed, owners = case
    count = min(count, 3)
    if not count:
        return
    distances = apart(points)
    free = [i for i in range(len(points)) if i not in fixed and (owners is None or owners[i] not in owners[fixed])]

    def added(chosen: tuple[int, ...]) -> float:
        if owners is not None and len(set(owners[list(chosen)])) < len(chosen):
            return 0.0
        before = np.minimum(distances[:, fixed].min(1, initial=np.inf), distances.max())
        return float((before - np.minimum(before, distances[:, list(chosen)].min(1))).sum())

    best = max(added(chosen) for chosen in itertools.combinations(free, count))
    subset = facility_location(points, count=count, given=np.array(fixed, np.int64), owners=owners)
    assert subset.gains.sum() >= (0.5 if owners is not None else 1 - 1 / math.e) * best - 1e-4
    assert ("half" in subset.guarantee) == (owners is not None)


def test_where_the_graph_begins_changes_nothing(pairs: int) -> None:
    """Bit for bit, gains too: the two halves of the work give the same numbers."""
    chosen, gains = plain_greedy(apart(BLOBS), 60)
    subset = facility_location(BLOBS, count=60)
    assert subset.chosen.tolist() == chosen
    assert subset.gains.tolist() == gains


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads: int) -> None:
    before, expected = torch.get_num_threads(), facility_location(BLOBS, count=40)
    torch.set_num_threads(threads)
    try:
        subset = facility_location(BLOBS, count=40)
    finally:
        torch.set_num_threads(before)
    assert subset.chosen.tolist() == expected.chosen.tolist()
    assert subset.gains.tolist() == expected.gains.tolist()


def test_all_neighbors_are_the_same_as_all_points() -> None:
    whole = facility_location(BLOBS, count=50)
    subset = facility_location(BLOBS, count=50, neighbors=len(BLOBS) - 1)
    assert subset.chosen.tolist() == whole.chosen.tolist()
    assert subset.value == pytest.approx(whole.value, rel=1e-5)
    assert subset.radius == pytest.approx(whole.radius, rel=1e-5)


@pytest.mark.parametrize("fixed", [[], [5, 300]])
def test_few_neighbors_serve_none_but_them(fixed: list[int]) -> None:
    found = nearest_neighbors(BLOBS, count=10)
    widest = found.distance.max()
    distances = np.full((len(BLOBS), len(BLOBS)), widest, np.float32)
    np.put_along_axis(distances, found.index, found.distance, 1)
    np.fill_diagonal(distances, 0)
    chosen, _ = plain_greedy(distances, 40, fixed=fixed)
    subset = facility_location(BLOBS, count=40, neighbors=found, given=np.array(fixed, np.int64))
    assert subset.chosen.tolist() == chosen
    nearest = distances[:, fixed + chosen].min(1)
    assert subset.value == pytest.approx((widest - nearest).sum(), rel=1e-5)
    assert subset.radius == pytest.approx(cdist(BLOBS, BLOBS[fixed + chosen]).min(1).max(), rel=1e-5)
    counted = facility_location(BLOBS, count=40, neighbors=10, given=np.array(fixed, np.int64))
    assert counted.chosen.tolist() == chosen


def test_stochastic_greedy_depends_on_its_seed_alone(pairs: int) -> None:
    best = facility_location(BLOBS, count=30)
    subsets = [facility_location(BLOBS, count=30, method="stochastic", seed=seed) for seed in (0, 0, 1)]
    assert subsets[0].chosen.tolist() == subsets[1].chosen.tolist() != subsets[2].chosen.tolist()
    assert len(set(subsets[0].chosen.tolist())) == 30
    for subset in subsets:
        assert 0.97 * best.value < subset.value <= best.value * (1 + 1e-6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(greedy, "GRAPH_PAIRS", 1 << 26)
        assert facility_location(BLOBS, count=30, method="stochastic").chosen.tolist() == subsets[0].chosen.tolist()


def test_stochastic_greedy_heeds_given_ones_and_owners(pairs: int) -> None:
    owners = np.arange(len(BLOBS)) // 3
    fixed = np.array([0, 50])
    subset = facility_location(BLOBS, count=100, method="stochastic", given=fixed, owners=owners)
    chosen = owners[np.append(fixed, subset.chosen)]
    assert len(set(chosen.tolist())) == 102


@pytest.mark.parametrize("count", [1, 7])
def test_points_that_are_all_the_same(count: int) -> None:
    same = np.ones((7, 3), np.float32)
    for subset in (
        facility_location(same, count=count),
        facility_location(same, count=count, neighbors=2),
        k_center(same, count=count),
        set_cover(same, radius=1.0, count=count),
    ):
        assert subset.chosen.tolist() == list(range(count))
        assert (subset.share, subset.radius) == (1, 0)
    for subset in (k_means(same, count=count), moderate(same, count=count)):
        assert len(set(subset.chosen.tolist())) == count
        assert (subset.share, subset.radius) == (1, 0)


def test_choosing_all() -> None:
    every = list(range(40))
    for subset in (
        facility_location(BLOBS[:40], count=40),
        facility_location(BLOBS[:40], count=40, method="stochastic"),
        facility_location(BLOBS[:40], count=40, neighbors=3),
        k_center(BLOBS[:40], count=40),
        k_means(BLOBS[:40], count=40),
        moderate(BLOBS[:40], count=40),
        set_cover(BLOBS[:40], radius=3.0, count=40),
    ):
        assert sorted(subset.chosen.tolist()) == every
        assert subset.share == pytest.approx(1)
        assert subset.radius == 0


@settings(deadline=None, max_examples=60)
@given(cases(), st.sampled_from([0.9, 1.0, 1.5, 3.0]), st.sampled_from(PAIRS))
def test_set_cover_is_plain_greedy_and_keeps_its_guarantee(
    case: tuple[np.ndarray, int, list[int], np.ndarray | None], radius: float, pairs: int
) -> None:
    points, _, fixed, owners = case
    inside = np.less_equal(apart(points), radius)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(greedy, "GRAPH_PAIRS", pairs)
        subset = set_cover(points, radius=radius, given=np.array(fixed, np.int64), owners=owners)
    owners = np.arange(len(points)) if owners is None else owners
    held = inside[:, fixed].any(1)
    chosen: list[int] = []
    while True:
        added = np.where(np.isin(owners, owners[chosen + fixed]), 0, (inside & ~held[:, None]).sum(0))
        if not added.max():
            break
        chosen.append(int(added.argmax()))
        held |= inside[:, chosen[-1]]
    assert subset.chosen.tolist() == chosen
    assert subset.value == held.sum()
    assert subset.share == held.mean()
    if len(np.unique(owners)) == len(points):
        assert held.all()
        assert subset.radius <= radius
    if not fixed and len(np.unique(owners)) == len(points):
        fewest = next(
            count
            for count in range(1, len(points) + 1)
            if any(inside[:, list(balls)].any(1).all() for balls in itertools.combinations(range(len(points)), count))
        )
        assert len(chosen) <= (math.log(inside.sum(0).max()) + 1) * fewest


def test_balls_left_over_go_to_the_farthest() -> None:
    line = np.array([[0], [1], [2], [10], [30]], np.float32)
    subset = set_cover(line, radius=1.0, count=2)
    assert (subset.chosen.tolist(), subset.gains.tolist(), subset.value) == ([1, 3], [3, 1], 4)
    assert subset.radius == 20
    subset = set_cover(line, radius=20.0, count=4)
    assert subset.chosen.tolist() == [3, 4, 0, 2]
    assert subset.gains.tolist() == [5, 0, 0, 0]
    assert subset.radius == 1


def test_a_radius_that_says_nothing_is_noted() -> None:
    line = np.arange(5, dtype=np.float32)[:, None]
    assert "smaller radius" in set_cover(line, radius=9.0).note
    assert "larger radius" in set_cover(line, radius=0.5).note
    assert set_cover(line, radius=1.0).note == ""


@settings(deadline=None, max_examples=60)
@given(cases())
def test_k_center_is_within_twice_the_best(case: tuple[np.ndarray, int, list[int], np.ndarray | None]) -> None:
    points, count, fixed, owners = case
    if not count:
        return
    subset = k_center(points, count=count, given=np.array(fixed, np.int64), owners=owners)
    distances = apart(points)
    assert len(set(subset.chosen.tolist()) | set(fixed)) == count + len(fixed)
    assert subset.radius == distances[:, fixed + subset.chosen.tolist()].min(1).max()
    assert subset.gains.sum() == pytest.approx(subset.value)
    if owners is None:
        best = min(
            distances[:, [*fixed, *chosen]].min(1).max()
            for chosen in itertools.combinations(np.setdiff1d(np.arange(len(points)), fixed).tolist(), count)
        )
        assert subset.radius <= 2 * best + 1e-6


def test_k_center_begins_in_the_middle_and_goes_on_farthest_first() -> None:
    line = np.array([[0], [4], [5], [6], [10.5]], np.float32)
    assert k_center(line, count=4).chosen.tolist() == [2, 4, 0, 1]
    assert k_center(line, count=2, given=np.array([0])).chosen.tolist() == [4, 2]


def test_k_means_takes_one_of_each_clear_cluster() -> None:
    subset = k_means(BLOBS, count=4, seed=3)
    blob = np.repeat(np.arange(4), [60, 100, 140, 180])
    assert sorted(blob[subset.chosen]) == [0, 1, 2, 3]
    assert blob[subset.chosen].tolist() == [3, 2, 1, 0]
    assert subset.share > 0.9
    assert subset.gains.sum() == pytest.approx(subset.value)
    assert k_means(BLOBS, count=4, seed=3).chosen.tolist() == subset.chosen.tolist()


def test_k_means_fills_up_what_clusters_cannot_give() -> None:
    twins = np.repeat(np.array([[0.0], [1.0], [5.0]], np.float32), 3, axis=0)
    subset = k_means(twins, count=5, given=np.array([0]), owners=np.array([0, 1, 2, 3, 4, 5, 6, 6, 7]))
    assert len(set(subset.chosen.tolist())) == 5
    assert 0 not in subset.chosen
    assert subset.radius == 0


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_moderate_points_are_at_the_median_distance_of_their_center(metric: str) -> None:
    points = BLOBS[:160].astype(np.float64)
    values = points if metric == "l2" else points / np.linalg.norm(points, axis=1, keepdims=True)
    away = [float(np.linalg.norm(value - values.mean(0))) for value in values]
    off = [abs(distance - float(np.median(away))) for distance in away]
    expected = sorted(range(160), key=lambda at: off[at])
    subset = moderate(BLOBS[:160], count=30, metric=metric)  # type: ignore[arg-type]
    assert np.allclose(np.array(off)[subset.chosen], np.array(off)[expected[:30]], atol=1e-5)
    assert subset.gains.sum() == pytest.approx(subset.value, rel=1e-5)
    given, owners = np.array(expected[:2]), np.arange(160) // 2
    picked = moderate(BLOBS[:160], count=30, metric=metric, given=given, owners=owners).chosen  # type: ignore[arg-type]
    assert len({*owners[picked], *owners[given]}) == 30 + len(set(owners[given]))


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_what_is_covered(metric: str) -> None:
    points = BLOBS[::3]
    chosen = np.array([7, 70, 30, 141])
    distances = cdist(points, points, "euclidean" if metric == "l2" else "cosine")[:, chosen]
    radius = float(np.quantile(distances, 0.3))
    at, away = assign(points, chosen, metric=metric)  # type: ignore[arg-type]
    assert at.tolist() == distances.argmin(1).tolist()
    np.testing.assert_allclose(away, distances.min(1), atol=1e-5)
    curve = coverage_curve(points, chosen, radius=radius, metric=metric)  # type: ignore[arg-type]
    expected = [(distances[:, :k] <= radius).any(1).mean() for k in range(5)]
    assert curve.tolist() == expected
    counts = within_radius_counts(points, chosen, radius=radius, metric=metric)  # type: ignore[arg-type]
    assert counts.tolist() == (distances <= radius).sum(0).tolist()
    assert counts.dtype == cluster_sizes(at, 4).dtype == np.float32
    assert cluster_sizes(at, 5).tolist() == np.bincount(at, minlength=5).tolist()


def test_many_chosen_are_assigned_and_counted_like_few() -> None:
    """More than go together in one tile, in an order of their own."""
    chosen = np.random.default_rng(0).permutation(len(BLOBS))[:301]
    distances = cdist(BLOBS, BLOBS[chosen])
    at, away = assign(BLOBS, chosen)
    assert at.tolist() == distances.argmin(1).tolist()
    np.testing.assert_allclose(away, distances.min(1), rtol=1e-5)
    first = np.where((distances <= 2).any(1), (distances <= 2).argmax(1), 301)
    assert coverage_curve(BLOBS, chosen, radius=2.0).tolist() == [(first < k).mean() for k in range(302)]


def test_a_chosen_point_is_its_own_even_beside_its_twin() -> None:
    twins = np.zeros((3, 2), np.float32)
    at, away = assign(twins, np.array([2, 1]))
    assert at.tolist() == [0, 1, 0]
    assert away.tolist() == [0, 0, 0]


def test_label_agreement_is_the_share_of_a_cluster_with_a_label() -> None:
    members, clusters = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 0, 0, 1, 1, 3])
    agreement = label_agreement(np.array([0, 1, 2, 5, 2]), np.array([0, 0, 1, 1, 2]), members, clusters)
    np.testing.assert_allclose(agreement, [2 / 3, 1 / 3, 1, 0, 0])
    assert agreement.dtype == np.float32


def test_radii_to_try_rise() -> None:
    low, middle, high = suggest_radius(BLOBS)
    distances = np.sort(cdist(BLOBS, BLOBS), 1)
    assert low == pytest.approx(np.median(distances[:, 1]), rel=1e-5)
    assert high == pytest.approx(np.median(distances[:, len(BLOBS) // 2]), rel=1e-5)
    assert 0 < low <= middle <= high
    assert suggest_radius(BLOBS[:1]) == (0, 0, 0)


@pytest.mark.usefixtures("like_a_gpu")
def test_matrix_products_lead_to_the_same_choices(pairs: int) -> None:
    points = np.concatenate([BLOBS, BLOBS[:5]])
    values = on_device(points, metric="l2", device="cpu")
    assert type(values) is Points
    exact = cdist(points, points)
    np.testing.assert_allclose(values.block(np.arange(len(points))), exact, rtol=1e-4, atol=1e-6)
    assert not values.block(np.arange(5))[:, -5:].diagonal().any()
    chosen, _ = plain_greedy(exact.astype(np.float32), 30)
    assert facility_location(points, count=30).chosen.tolist() == chosen
    assert facility_location(points, count=30, method="stochastic").share > 0.8
    assert set_cover(points, radius=2.5).share == 1
    at, _ = assign(points, np.arange(40))
    assert at.tolist() == exact[:, :40].argmin(1).tolist()
    expected = [(exact[:, :k] <= 3).any(1).mean() for k in range(41)]
    assert coverage_curve(points, np.arange(40), radius=3.0).tolist() == expected


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_both_ways_to_work_out_distances_agree(metric: str) -> None:
    points = np.concatenate([BLOBS, np.zeros((2, 5), np.float32)])
    fast = on_device(points, metric=metric, device="cpu")  # type: ignore[arg-type]
    plain = Points(fast.values, metric=metric, device="cpu")  # type: ignore[arg-type]
    some, reach = np.array([3, 400, len(points) - 1]), np.linspace(0.01, 2, len(points)).astype(np.float32)
    np.testing.assert_allclose(fast.block(some), plain.block(some), rtol=1e-4, atol=1e-6)
    (sums, widest), (plain_sums, plain_widest) = fast.totals(int), plain.totals(int)
    np.testing.assert_allclose(sums, plain_sums, rtol=1e-5)
    assert widest == pytest.approx(plain_widest, rel=1e-5)
    for counting in (False, True):
        mine, theirs = (which.gains(some, reach, counting=counting) for which in (fast, plain))
        np.testing.assert_allclose(mine, theirs, rtol=1e-4)
        graphs = [which.graph(some, reach, counting=counting, most=10_000, told=int) for which in (fast, plain)]
        for position in some:
            parts = [graph.index[graph.start[position] : graph.stop[position]] for graph in graphs]  # type: ignore[union-attr]
            assert parts[0].tolist() == parts[1].tolist()
            assert (np.diff(parts[0]) > 0).all()
        assert fast.graph(some, reach, counting=counting, most=3, told=int) is None
        assert plain.graph(some, reach, counting=counting, most=3, told=int) is None
    wanted = np.array([len(points) - 1, 5, 200])
    for which in (fast, plain):
        at, away = which.nearest(some, of=wanted)
        assert at.tolist() == which.nearest(some)[0][wanted].tolist()
        assert away.tolist() == which.nearest(some)[1][wanted].tolist()
    lowered, plainly = np.full((2, len(points)), 1.0, np.float32)
    fast.lower(3, lowered)
    plain.lower(3, plainly)
    np.testing.assert_allclose(lowered, plainly, rtol=1e-4, atol=1e-6)


def test_what_was_compiled_need_not_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only installation may have nowhere to keep it."""

    def compiling(*, cache: bool = False, **flags: object) -> Callable[[object], object]:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr("numba.njit", compiling)
    assert compilation.compiled()(len) is len


class Stopped(Exception):
    pass


@pytest.mark.parametrize(
    "choose",
    [
        lambda tell: facility_location(BLOBS, count=20, on_progress=tell),
        lambda tell: facility_location(BLOBS, count=20, neighbors=5, on_progress=tell),
        lambda tell: facility_location(BLOBS, count=20, method="stochastic", on_progress=tell),
        lambda tell: set_cover(BLOBS, radius=2.0, count=20, on_progress=tell),
        lambda tell: k_center(BLOBS, count=20, on_progress=tell),
        lambda tell: k_means(BLOBS, count=20, on_progress=tell),
        lambda tell: moderate(BLOBS, count=20, on_progress=tell),
    ],
)
def test_progress_rises_to_the_end_and_may_stop_the_work(choose: Callable[..., object], pairs: int) -> None:
    told: list[tuple[int, int]] = []
    choose(lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    done, total = told[-1]
    assert done == total

    def stop(done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        choose(stop)


def wrong() -> Iterator[tuple[str, Callable[[], object]]]:
    ten, nan = BLOBS[:10], np.full((3, 2), np.nan)
    none = np.empty((0, 3), np.float32)
    ways: tuple[Callable[..., object], ...] = (facility_location, k_center, k_means, moderate)
    for choose in ways:
        yield r"11 points are to be chosen, but of 10 points there are only 10", partial(choose, ten, count=11)
        yield r"at least 1, got 0", partial(choose, ten, count=0)
        yield r"row 0 of the points holds NaN", partial(choose, nan, count=1)
        yield r"there are no points", partial(choose, none, count=1)
        yield (
            r"2 of them chosen by hand, at most one of each owner there are only 3",
            partial(choose, ten, count=4, given=np.array([0, 9]), owners=np.arange(10) // 2),
        )
    yield r"metric must be l2 or cosine, got 'l1'", lambda: facility_location(ten, count=1, metric="l1")  # type: ignore[arg-type]
    yield r"method must be lazy or stochastic", lambda: facility_location(ten, count=1, method="eager")  # type: ignore[arg-type]
    yield r"epsilon must be in \(0, 1\), got 1", lambda: facility_location(ten, count=1, epsilon=1)
    yield r"positions must be in \[0, 10\), got 10", lambda: facility_location(ten, count=1, given=np.array([10]))
    yield r"owners of 3 points, but 10", lambda: facility_location(ten, count=1, owners=np.arange(3))
    yield r"12 neighbors of each", lambda: facility_location(ten, count=1, neighbors=12)
    found = nearest_neighbors(ten, count=2)
    yield r"neighbors of 10 points, but 9", lambda: facility_location(ten[:9], count=1, neighbors=found)
    for radius in (0, -1, math.nan, math.inf):
        yield r"radius must be a number above 0", partial(set_cover, ten, radius=radius)
        yield r"radius must be a number above 0", partial(coverage_curve, ten, np.array([0]), radius=radius)
        yield r"radius must be a number above 0", partial(within_radius_counts, ten, np.array([0]), radius=radius)
    yield r"11 points are to be chosen", lambda: set_cover(ten, radius=1.0, count=11)
    yield r"no points are chosen", lambda: assign(ten, np.array([], np.int64))
    yield r"chosen positions must be in \[0, 10\)", lambda: assign(ten, np.array([3, -1]))
    yield r"chosen twice", lambda: assign(ten, np.array([3, 3]))


@pytest.mark.parametrize(("words", "call"), list(wrong()))
def test_wrong_input_is_one_sentence(words: str, call: Callable[[], object]) -> None:
    with pytest.raises(CurationError, match=words):
        call()
