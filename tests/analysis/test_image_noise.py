"""The noise of images is told within 15 % on smooth scenes, and is not told where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from curation.analysis.image_noise import by_set, noise_levels, self_supervised_levels
from curation.pipeline import Pipeline


def scenes(count: int, side: int = 32) -> np.ndarray:
    """Return pictures with edges, slopes and a fine texture in a part of each, float N×S×S×3, in 255ths."""
    random = np.random.default_rng(0)
    down, across = np.mgrid[:side, :side] / side
    out = np.empty((count, side, side, 3))
    for image in out:
        slope, wave = random.uniform(-60, 60, (2, 3)), random.uniform(3, 9)
        image[:] = 120 + down[..., None] * slope[0] + across[..., None] * slope[1]
        turned = np.cos(random.uniform(0, 6)) * (down - 0.5) + np.sin(random.uniform(0, 6)) * (across - 0.5)
        image[turned > 0] += random.uniform(-50, 50, 3)
        texture = 25 * np.sin(40 * wave * down) * np.sin(40 * wave * across)
        image += np.where((down > 0.6) & (across > 0.4), texture, 0)[..., None]
    return out


def noisy(deviation: float, count: int = 30) -> np.ndarray:
    clean = scenes(count)
    noise = np.random.default_rng(1).normal(0, deviation, clean.shape)
    return np.clip(np.round(clean + noise), 0, 255).astype(np.uint8)


def test_levels_are_within_15_percent_and_rise() -> None:
    found = {deviation: 255 * np.median(noise_levels(noisy(deviation))) for deviation in (0, 2, 4, 8, 12, 16, 25)}
    assert found[0] < 1
    for deviation in (4, 8, 12, 16, 25):
        assert found[deviation] == pytest.approx(deviation, rel=0.15)
    assert list(found.values()) == sorted(found.values())


def test_each_image_is_told_on_its_own() -> None:
    together = np.concatenate([noisy(4, 3), noisy(16, 3)])
    alone = np.concatenate([noise_levels(one[None]) for one in together])
    np.testing.assert_array_equal(noise_levels(together), alone)
    assert (255 * alone[:3] < 8).all()
    assert (255 * alone[3:] > 10).all()


def test_self_supervision_predicts_each_pixel_of_its_neighbors_best() -> None:
    images = noisy(8, 3)
    rows = []
    for image in images:
        for y, x, channel in np.ndindex(30, 30, 3):
            window = image[y : y + 3, x : x + 3, channel].astype(float)
            sides = window[[0, 1, 1, 2], [1, 0, 2, 1]].mean()
            rows.append([window[1, 1], sides, window[::2, ::2].mean(), not {0, 255} & set(window.flat)])
    center, sides, corners, told = np.array(rows).T
    of = np.stack([sides, corners], 1)
    weights = np.linalg.lstsq(of[told > 0], center[told > 0])[0]
    errors = np.where(told > 0, (center - of @ weights) ** 2, np.nan)
    squares = np.nanmean(errors.reshape(3, -1), axis=1)
    expected = np.sqrt(squares / (1 + (weights**2).sum() / 4))
    np.testing.assert_allclose(255 * self_supervised_levels(images), expected, rtol=1e-6)


def test_self_supervision_tells_the_noise_of_what_it_can_predict_and_else_too_much() -> None:
    draws = np.random.default_rng(0)
    for deviation in (4, 16):
        flat = np.clip(np.round(120 + draws.normal(0, deviation, (20, 32, 32, 3))), 0, 255).astype(np.uint8)
        np.testing.assert_allclose(255 * self_supervised_levels(flat), deviation, rtol=0.08)
        assert (self_supervised_levels(noisy(deviation)) > 0.95 * deviation / 255).all()
    assert np.isnan(self_supervised_levels(np.full((1, 16, 16, 1), 255, np.uint8))).all()


@pytest.mark.parametrize("value", [0, 255])
def test_saturated_images_are_not_told(value: int) -> None:
    assert np.isnan(noise_levels(np.full((1, 16, 16, 1), value, np.uint8))).all()
    half = noisy(8, 1)
    half[:, :16] = value
    assert 255 * noise_levels(half)[0] == pytest.approx(8, rel=0.3), "of the other half"


def test_clean_classes_and_copies_have_a_row_each(computed: Pipeline) -> None:
    table = by_set(computed.plan).set_index("name")
    classes = [f"class {name}" for name in computed.samples.classes]
    assert table.index[0] == "all clean samples"
    assert set(table.index[1 : 1 + len(classes)]) == set(classes)
    assert table.loc[classes, "images"].sum() == table["images"].iloc[0]
    assert len(table) == 1 + len(classes) + len(computed.plan.corrupted())
    assert ((table["told"] > 0) == table["median"].notna()).all()
    told = table.dropna()
    assert len(told)
    assert (told["self_supervised"] > 0).all()
