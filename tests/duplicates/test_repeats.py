"""Images that a set holds more than once: what repeats one is near it, no two that are kept are, and nothing chains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from curation.duplicates import NEAR, candidates, duplicates, groups, near, near_duplicates, sieve
from curation.duplicates.near import BRIGHTNESS, OF_CONTRAST


def distance(mine: np.ndarray, other: np.ndarray) -> float:
    """The definition in float64."""
    change = (other.astype(float) - mine) / 255
    return float(np.sqrt(change.var() + (BRIGHTNESS * change.mean()) ** 2))


def by_hand(images: np.ndarray, *, mirrored: bool) -> dict[int, tuple[int, float]]:
    """From the first to the last: what is not taken is kept, and takes all later ones near it."""
    found: dict[int, tuple[int, float]] = {}
    for row in range(len(images)):
        for other in range(row + 1, len(images)) if row not in found else ():
            ways = [images[row], *([images[row][:, ::-1]] if mirrored else [])]
            away = next((away for way in ways if (away := distance(way, images[other])) <= NEAR), None)
            if other not in found and away is not None:
                found[other] = row, away
    return found


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1000),
    mirrored=st.booleans(),
    picks=st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0, 3, 9, 20]), st.booleans()), max_size=12),
)
def test_each_repeats_the_first_that_is_kept(seed: int, mirrored: bool, picks: list[tuple[int, int, bool]]) -> None:
    draws = np.random.default_rng(seed)
    base = draws.integers(40, 216, (5, 12, 12, 3), dtype=np.uint8)
    copies = []
    for of, change, mirror in picks:
        image = base[of].astype(int) + draws.integers(-change, change + 1, base[of].shape)
        copies.append((image[:, ::-1] if mirror else image).clip(0, 255).astype(np.uint8))
    images = np.stack([*base, *copies])
    table = near_duplicates(images, mirrored=mirrored)
    expected = by_hand(images, mirrored=mirrored)
    assert dict(zip(table["other"], table["row"], strict=True)) == {one: row for one, (row, _) in expected.items()}
    for _, other, apart, _ in table.itertuples(index=False):
        assert apart == pytest.approx(expected[other][1], abs=1e-5)


def frames() -> np.ndarray:
    """One picture that turns into another."""
    first, last = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3)).astype(float)
    return np.stack([first * (1 - t) + last * t for t in np.linspace(0, 1, 40)]).round().astype(np.uint8)


def hues() -> np.ndarray:
    """Plain colors from green to red."""
    return np.stack([np.broadcast_to(np.array([v, 255 - v, 128], np.uint8), (16, 16, 3)) for v in range(0, 256, 8)])


@pytest.mark.parametrize("images", [frames(), hues(), frames()[::-1]])
def test_nothing_hangs_together_by_a_chain(images: np.ndarray) -> None:
    found = groups(near_duplicates(images), len(images))
    assert 2 <= len(found[0]) <= 12, "neighbors are the same, ends are not"
    for group in found:
        assert max(distance(images[group[0]], images[one]) for one in group) <= NEAR + 1e-6
    repeated = np.concatenate([group[1:] for group in found])
    kept = np.setdiff1d(np.arange(len(images)), repeated)
    assert min(distance(images[a], images[b]) for a in kept for b in kept if a < b) > NEAR - 1e-6


DIGITS = (load_digits().data.reshape(-1, 8, 8, 1) / 16)[:200]


@pytest.mark.parametrize("contrast", [255, 60, 12, 5, 3])
@pytest.mark.parametrize("ground", [(0,), (120,), (200, 100, 50)])
def test_different_digits_are_different_however_faint(contrast: int, ground: tuple[int, ...]) -> None:
    images = (np.array(ground) * (1 - contrast / 255) + DIGITS * contrast).round().clip(0, 255).astype(np.uint8)
    assert near_duplicates(images).empty
    assert duplicates(images[:100], images[100:]).empty
    again = near_duplicates(np.concatenate([images, images[:30]]))
    assert (again["other"] - again["row"] == 200).sum() == len(again) == 30


def test_the_bound_is_the_usual_one_where_a_set_has_the_usual_contrast() -> None:
    usual = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    assert near.near(usual) == NEAR == near.near(usual[:0])
    assert near.near(hues()) > 0.9 * NEAR
    faint = (100 + usual * 0.05).astype(np.uint8)
    assert near.near(faint) == pytest.approx(OF_CONTRAST * faint.std() / 255, rel=0.1)
    assert near.near(faint, usual) >= near.near(faint)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.zeros((300, 8, 8, 1), np.uint8), [300]),  # all black
        (np.repeat(np.array([0, 255], np.uint8), 5)[:, None, None, None] * np.ones((10, 8, 8, 3), np.uint8), [5, 5]),
        (np.zeros((0, 8, 8, 1), np.uint8), []),
        (np.zeros((1, 8, 8, 1), np.uint8), []),
        (np.repeat(np.random.default_rng(0).integers(0, 256, (2, 9, 9, 1), dtype=np.uint8), 90, 0), [90, 90]),
        (np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (40, 9, 9, 1)), []),  # of two colors
    ],
)
def test_copies_are_one_group_however_many(images: np.ndarray, expected: list[int]) -> None:
    table = near_duplicates(images)
    assert [len(group) for group in groups(table, len(images))] == expected
    assert (table["distance"] == 0).all()


def test_a_mirror_image_is_another_picture_unless_asked() -> None:
    image = np.zeros((1, 8, 8, 1), np.uint8)
    image[0, :, :3] = 200
    three = np.concatenate([image, image[:, :, ::-1], image])
    assert near_duplicates(three)[["row", "other"]].to_numpy().tolist() == [[0, 2]]
    table = near_duplicates(three, mirrored=True)
    assert table[["row", "other", "mirrored"]].to_numpy().tolist() == [[0, 1, True], [0, 2, False]]


@pytest.mark.parametrize(("mine", "theirs", "found"), [(0, 0, True), (0, 1, False)])
def test_between_sets_a_mirror_image_is_the_same_only_under_one_label(mine: int, theirs: int, found: bool) -> None:
    letter = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 1), dtype=np.uint8)
    labels = np.array([mine]), np.array([theirs])
    assert len(duplicates(letter[:, :, ::-1], letter, labels=labels)) == found
    assert len(duplicates(letter, letter, labels=labels)) == 1, "a copy is, under any label"


def test_it_does_not_depend_on_how_many_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(0)
    images = draws.integers(40, 216, (60, 9, 9, 1), dtype=np.uint8)[draws.integers(0, 60, 150)]
    images = (images + draws.integers(0, 3, images.shape)).astype(np.uint8)
    whole, told = near_duplicates(images, mirrored=True), []
    monkeypatch.setattr(near, "VALUES", 700)
    found = near_duplicates(images, mirrored=True, on_progress=lambda *how_far: told.append(how_far))
    pd.testing.assert_frame_equal(found, whole)
    assert told[0] == (0, 150)
    assert told[-1] == (150, 150)
    assert len(told) > 10


def photographs(count: int) -> np.ndarray:
    """Smooth fields of color, every third one an earlier one with noise, some of these mirrored; and dark ones."""
    draws = np.random.default_rng(1)
    images = np.repeat(np.repeat(draws.integers(0, 256, (count, 4, 4, 3)), 3, 1), 3, 2)
    again = np.arange(2, count, 3)
    images[again] = images[draws.integers(0, again)] + draws.integers(-9, 10, (len(again), 12, 12, 3))
    images[again[::4]] = images[again[::4]][:, :, ::-1]
    images[: count // 10] = draws.integers(0, 6, (count // 10, 12, 12, 3))
    return images.clip(0, 255).astype(np.uint8)


def test_a_tree_is_asked_only_where_it_tells_images_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    noise[200:] = (noise[:100] // 8 * 8).clip(0, 255)
    by_products = near_duplicates(noise)
    assert len(by_products) == 100
    monkeypatch.setattr(candidates, "SIEVED", 1)
    monkeypatch.setattr(sieve, "Sieve", None)
    pd.testing.assert_frame_equal(near_duplicates(noise), by_products, check_exact=True)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("room", [40, sieve.FOUND])
def test_a_tree_misses_nothing(monkeypatch: pytest.MonkeyPatch, mirrored: bool, room: int) -> None:
    images = photographs(1500)
    by_products = near_duplicates(images, mirrored=mirrored)
    assert len(by_products) > 300
    monkeypatch.setattr(candidates, "SIEVED", 1)
    monkeypatch.setattr(candidates, "_UNCLEAR", 1.0)
    monkeypatch.setattr(sieve, "FOUND", room)
    pd.testing.assert_frame_equal(near_duplicates(images, mirrored=mirrored), by_products, check_exact=True)


def test_a_tree_takes_images_smaller_than_its_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(0)
    images = draws.integers(20, 236, (40, 2, 3, 1))[draws.integers(0, 40, 300)]
    images = (images + draws.integers(-8, 9, images.shape)).astype(np.uint8)
    by_products = near_duplicates(images)
    assert len(by_products) > 200
    monkeypatch.setattr(candidates, "SIEVED", 1)
    monkeypatch.setattr(candidates, "_UNCLEAR", 1.0)
    pd.testing.assert_frame_equal(near_duplicates(images), by_products, check_exact=True)


def test_groups_come_the_largest_first() -> None:
    table = pd.DataFrame({"row": [1, 4, 4, 2], "other": [3, 5, 6, 7]})
    assert [group.tolist() for group in groups(table, 9)] == [[4, 5, 6], [1, 3], [2, 7]]
