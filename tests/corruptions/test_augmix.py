"""AugMix: each operation as Pillow has it, and the mixture as the paper writes it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from curation.corruptions import CORRUPTIONS, kinds_of
from curation.corruptions import augmix as module
from curation.randomness import stream_seeds

SIZE = (34, 27)
OPERATIONS = {
    "autocontrast": (module._AUTOCONTRAST, lambda image, strength, side: ImageOps.autocontrast(image)),
    "equalize": (module._EQUALIZE, lambda image, strength, side: ImageOps.equalize(image)),
    "posterize": (module._POSTERIZE, lambda image, strength, side: ImageOps.posterize(image, 4 - int(strength * 4))),
    "solarize": (module._SOLARIZE, lambda image, strength, side: ImageOps.solarize(image, 256 - int(strength * 256))),
    "rotate": (
        module._ROTATE,
        lambda image, strength, side: image.rotate(side * int(strength * 30), resample=Image.Resampling.BILINEAR),
    ),
    "shear_x": (module._SHEAR_X, lambda image, strength, side: affine(image, (1, side * strength * 0.3, 0, 0, 1, 0))),
    "shear_y": (module._SHEAR_Y, lambda image, strength, side: affine(image, (1, 0, 0, side * strength * 0.3, 1, 0))),
    "translate_x": (
        module._TRANSLATE_X,
        lambda image, strength, side: affine(image, (1, 0, side * int(strength * SIZE[0] / 3), 0, 1, 0)),
    ),
    "translate_y": (
        module._TRANSLATE_Y,
        lambda image, strength, side: affine(image, (1, 0, 0, 0, 1, side * int(strength * SIZE[1] / 3))),
    ),
}


def affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR)


def pictures(number: int, *, low: int = 30, high: int = 220) -> np.ndarray:
    """Return uint8 N×H×W×3 that do not reach black or white, each channel with a spread of its own."""
    random = np.random.default_rng(0)
    coarse = random.integers(low, high, (number, 9, 9, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize(SIZE, Image.Resampling.BILINEAR)) for one in coarse])


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_pillows(name: str) -> None:
    number, reference = OPERATIONS[name]
    pixels = pictures(6)
    strengths, sides = [0.05, 0.12, 0.21, 0.3, 0.44, 0.5], [1, -1, 1, -1, 1, -1]
    found = module._operated(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).long(),
        torch.full((6,), number),
        torch.tensor(strengths),
        torch.tensor(sides) < 0,
    )
    for image, ours, strength, side in zip(pixels, found, strengths, sides, strict=True):
        theirs = np.asarray(reference(Image.fromarray(image), strength, side)).astype(int)
        apart = abs(ours.permute(1, 2, 0).numpy() - theirs)
        # Pillow cuts off where ours rounds; where a map leaves the image by a hair, one of them sees black.
        assert (apart <= 1).mean() > 0.99
        if name in ("equalize", "posterize", "solarize", "translate_x", "translate_y"):
            assert not apart.any()
    assert (found != torch.from_numpy(pixels).permute(0, 3, 1, 2)).any()


def test_it_is_a_mixture_of_the_image_and_of_its_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains that all turn black leave (1 − m) of the image; chains that do nothing leave the image."""
    images = torch.from_numpy(pictures(200)).permute(0, 3, 1, 2).float() / 255
    seeds, augmix = stream_seeds(0, np.arange(200), "test"), CORRUPTIONS.build("augmix")
    with monkeypatch.context() as patched:
        patched.setattr(module, "_operated", lambda levels, *about: torch.zeros_like(levels))
        left = augmix(images, seeds=seeds) / images
    share = left.mean(dim=(1, 2, 3))
    torch.testing.assert_close(left, share[:, None, None, None].expand_as(left))
    assert share.min() < 0.1
    assert share.max() > 0.9
    with monkeypatch.context() as patched:
        patched.setattr(module, "_operated", lambda levels, *about: levels)
        torch.testing.assert_close(augmix(images, seeds=seeds), images)


def test_it_is_asked_for_by_name_alone() -> None:
    assert all(CORRUPTIONS["augmix"] not in kinds_of(constants) for constants in ("cifar", "imagenet", "imgaug"))
