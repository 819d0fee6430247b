"""Images that a set holds twice: every pair is found, once, and what hangs together is one group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.analysis import duplicates
from curation.analysis.duplicates import BRIGHTNESS, NEAR, groups, near_duplicates


def by_hand(images: np.ndarray) -> dict[tuple[int, int], float]:
    """The definition, pair by pair in float64."""
    found = {}
    for row in range(len(images)):
        for other in range(row + 1, len(images)):
            for mine in (images[row], images[row][:, ::-1]):
                change = (images[other].astype(float) - mine) / 255
                apart = float(np.sqrt(change.var() + (BRIGHTNESS * change.mean()) ** 2))
                if apart <= NEAR:
                    found[row, other] = min(apart, found.get((row, other), 1.0))
    return found


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1000),
    picks=st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0, 3, 9, 20]), st.booleans()), max_size=12),
)
def test_every_pair_is_found_once(seed: int, picks: list[tuple[int, int, bool]]) -> None:
    draws = np.random.default_rng(seed)
    base = draws.integers(40, 216, (5, 12, 12, 3), dtype=np.uint8)
    copies = []
    for of, change, mirrored in picks:
        image = base[of].astype(int) + draws.integers(-change, change + 1, base[of].shape)
        copies.append((image[:, ::-1] if mirrored else image).clip(0, 255).astype(np.uint8))
    images = np.stack([*base, *copies])
    table = near_duplicates(images)
    found = {(row, other): apart for row, other, apart in table[["row", "other", "distance"]].itertuples(index=False)}
    expected = by_hand(images)
    assert found.keys() == expected.keys()
    assert len(table) == len(found)
    for pair, apart in found.items():
        assert apart == pytest.approx(expected[pair], abs=1e-5)


def test_it_does_not_depend_on_how_many_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(0)
    images = draws.integers(40, 216, (60, 9, 9, 1), dtype=np.uint8)[draws.integers(0, 60, 150)]
    whole, told = near_duplicates(images), []
    monkeypatch.setattr(duplicates, "_VALUES", 700)
    pd.testing.assert_frame_equal(near_duplicates(images, on_progress=lambda *how_far: told.append(how_far)), whole)
    assert told[0] == (0, 300)
    assert told[-1] == (300, 300)
    assert len(told) > 10


def test_a_mirror_image_is_told_apart_from_a_copy() -> None:
    image = np.zeros((1, 8, 8, 1), np.uint8)
    image[0, :, :3] = 200
    table = near_duplicates(np.concatenate([image, image[:, :, ::-1], image]))
    assert table[["row", "other", "mirrored"]].to_numpy().tolist() == [[0, 1, True], [0, 2, False], [1, 2, True]]
    assert (table["distance"] == 0).all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images_have_no_duplicates(count: int) -> None:
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * 200 + np.zeros((count, 4, 4, 1), np.uint8)
    assert near_duplicates(images).empty
    assert groups(near_duplicates(images), count) == []


def test_what_hangs_together_is_one_group_the_largest_first() -> None:
    pairs = pd.DataFrame({"row": [1, 4, 4, 2], "other": [3, 5, 6, 7]})
    assert [group.tolist() for group in groups(pairs, 9)] == [[4, 5, 6], [1, 3], [2, 7]]
