"""The noise of images is told within 15 % on smooth scenes, and is not told where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from curation.analysis.image_noise import by_set, noise_levels
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
