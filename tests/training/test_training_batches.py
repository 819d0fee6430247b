"""Augmentation: whole-batch operations that do to each image, and to its label, what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional

from curation.training.batches import Batch, Batches, cut_out, jittered, mixed, shifted, warped
from curation.training.settings import Training


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(padding_px=st.integers(0, 4), flip=st.booleans(), seed=st.integers(0, 2**31), channels=st.sampled_from([1, 3]))
@settings(deadline=None, max_examples=40)
def test_shifting_moves_and_mirrors_whole_images(padding_px: int, flip: bool, seed: int, channels: int) -> None:
    pixels = np.random.default_rng(seed).integers(1, 256, (4, 7, 9, channels), dtype=np.uint8)
    out = shifted(torch.from_numpy(pixels), padding_px=padding_px, flip=flip, draws=draws(seed)).numpy()
    assert (out.shape, out.dtype) == (pixels.shape, pixels.dtype)
    border = ((padding_px, padding_px), (padding_px, padding_px), (0, 0))
    for image, found in zip(pixels, out, strict=True):
        padded = np.pad(image, border)
        candidates = [
            padded[y : y + 7, x : x + 9] for y in range(2 * padding_px + 1) for x in range(2 * padding_px + 1)
        ]
        candidates += [image[:, ::-1] for image in candidates] if flip else []
        assert any(np.array_equal(found, candidate) for candidate in candidates)


def test_warping_rotates_and_zooms_about_the_center() -> None:
    down, across = np.mgrid[:21, :31]
    pixels = np.zeros((200, 21, 31, 2), np.uint8)
    pixels[:, (down - 10) ** 2 + (across - 15 - 4) ** 2 <= 4] = 200  # a disk, 4 px right of the center
    kept = warped(torch.from_numpy(pixels), rotation_degrees=0, zoom=0, draws=draws(0))
    torch.testing.assert_close(kept, torch.from_numpy(pixels).float(), atol=0.01, rtol=0)
    out = warped(torch.from_numpy(pixels), rotation_degrees=90, zoom=0.5, draws=draws(0)).numpy()
    assert (out.shape, out.dtype) == (pixels.shape, np.float32)
    assert (out[..., 0] == out[..., 1]).all()
    assert 0 <= out.min() <= out.max() <= 200.01
    mass = out[..., 0] / out[..., 0].sum((1, 2), keepdims=True)
    y, x = (mass * (down - 10)).sum((1, 2)), (mass * (across - 15)).sum((1, 2))
    radius, angle = np.hypot(y, x) / 4, np.rad2deg(np.arctan2(y, x))
    assert (radius.min(), radius.max()) == pytest.approx((0.5, 1.5), abs=0.06)
    assert (angle.min(), angle.max()) == pytest.approx((-90, 90), abs=6)
    grown = out[..., 0].sum((1, 2)) / pixels[..., 0].sum((1, 2))
    assert np.median(grown / radius**2) == pytest.approx(1, abs=0.05)


def test_rotation_and_zoom_are_drawn_anew_and_the_same_again() -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    chosen = Training(batch_size=6, augment=False, rotation_degrees=15, zoom=0.1, color=0.2, cutout_px=2)
    made = Batches(images, np.arange(12), None, settings=chosen, classes=12, device=torch.device("cpu"))
    first, again, other = (torch.cat([batch.images for batch in made.epoch(draws(seed))]) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert 0 <= first.min() <= first.max() <= 1
    assert not {"rotation_degrees", "zoom", "color"} & Training().model_dump().keys()


@pytest.mark.parametrize("channels", [1, 3])
def test_color_jitter_is_torchvisions_with_factors_of_each_image(channels: int) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (50, 6, 7, channels), dtype=np.uint8))
    found = jittered(pixels, color=0.8, draws=draws(3))
    assert (found.shape, found.dtype) == (pixels.shape, torch.float32)
    factors = 1 + 0.8 * (2 * torch.rand((3, 50), generator=draws(3)) - 1)
    assert (factors.min() < 0.4) & (factors.max() > 1.6)
    for image, out, (brightness, contrast, saturation) in zip(pixels, found, factors.T.tolist(), strict=True):
        expected = image.permute(2, 0, 1) / 255
        expected = functional.adjust_brightness(expected, brightness)
        expected = functional.adjust_contrast(expected, contrast)
        if channels == 3:
            expected = functional.adjust_saturation(expected, saturation)
        torch.testing.assert_close(out / 255, expected.permute(1, 2, 0), atol=2e-4, rtol=0)


@given(side_px=st.integers(1, 12), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_cutout_blacks_out_one_square_cut_at_the_border(side_px: int, seed: int) -> None:
    out = cut_out(torch.full((5, 8, 10, 2), 7, dtype=torch.uint8), side_px=side_px, draws=draws(seed)).numpy()
    assert set(np.unique(out)) <= {0, 7}
    for image in out == 0:
        assert (image[..., 0] == image[..., 1]).all()
        rows, columns = (np.flatnonzero(image[..., 0].any(axis)) for axis in (1, 0))
        assert image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        for found, side in ((rows, 8), (columns, 10)):
            at_border = found[0] == 0 or found[-1] == side - 1
            assert len(found) == side_px or (at_border and side_px // 2 <= len(found) < side_px)


@given(how=st.sampled_from(["cutmix", "mixup"]), alpha=st.floats(0.1, 4), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_mixed_labels_are_shares_of_what_the_image_shows(how: str, alpha: float, seed: int) -> None:
    """Image i shows class i alone, by the value i + 1 everywhere; image 0 has no weight."""
    classes = torch.arange(6)
    images = (classes + 1.0).reshape(-1, 1, 1, 1).expand(-1, 1, 8, 10)
    weights = torch.tensor([0.0, 1, 1, 1, 2, 2])
    chosen = {"cutmix": 0.0, "mixup": 0.0, how: alpha}
    out = mixed(Batch(images, classes, weights, classes, classes), **chosen, classes=6, draws=draws(seed))
    mass = out.targets * out.weights[:, None]
    kept = out.weights > 0
    torch.testing.assert_close(out.targets[kept].sum(1), torch.ones(int(kept.sum())))
    shares = mass / weights.where(weights > 0, 1)
    for index, (image, share) in enumerate(zip(out.images, shares, strict=True)):
        partner = [i for i in range(6) if i != index and share[i] > 0]
        if how == "cutmix" and weights[index] > 0:
            own = (image == index + 1).float().mean().item()
            assert not partner or share[index].item() == pytest.approx(own, abs=1e-6)
        if index and partner:
            seen = image.mean().item()
            assert seen == pytest.approx(sum(s * (i + 1) for i, s in enumerate(share.tolist())), abs=1e-4)


def test_an_epoch_shows_every_image_once_in_batches_of_one_size() -> None:
    images = np.arange(23, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    chosen = Training(batch_size=8, augment=False)
    made = Batches(images, np.arange(23), np.arange(23.0), settings=chosen, classes=23, device=torch.device("cpu"))
    batches = list(made.epoch(draws(0)))
    assert [len(batch) for batch in batches] == [8, 8, 7]
    assert sorted(torch.cat([batch.targets for batch in batches]).tolist()) == list(range(23))
    for batch in batches:
        torch.testing.assert_close(batch.images[:, 0, 0, 0] * 255, batch.targets.float())
        torch.testing.assert_close(batch.weights, batch.targets.float())
    again, other = (torch.cat([batch.targets for batch in made.epoch(draws(seed))]) for seed in (0, 1))
    assert torch.equal(again, torch.cat([batch.targets for batch in batches]))
    assert not torch.equal(again, other)


def test_no_batch_is_of_one_image() -> None:
    images = np.zeros((5, 4, 4, 1), np.uint8)
    made = Batches(
        images, np.zeros(5, int), None, settings=Training(batch_size=2), classes=2, device=torch.device("cpu")
    )
    assert [len(batch) for batch in made.epoch(draws(0))] == [3, 2]


def test_noise_has_its_standard_deviation_and_stays_in_range() -> None:
    images = np.full((40, 16, 16, 1), 128, np.uint8)
    images[0] = 255
    chosen = Training(batch_size=40, augment=False, noise=0.1)
    made = Batches(images, np.arange(40), None, settings=chosen, classes=40, device=torch.device("cpu"))
    (batch,) = made.epoch(draws(0))
    gray = batch.images[batch.targets > 0]
    assert gray.std().item() == pytest.approx(0.1, rel=0.03)
    assert gray.mean().item() == pytest.approx(128 / 255, abs=0.01)
    assert batch.images.max().item() == 1
