"""How near the 14 operations of transferable-example curation are to imgaug's, and how much faster.

Over 1,000 images, imgaug's averaged over several draws and ours over three times as many: the mean change, the mean
|change|, its spread and its power in five radial bands of frequency (below 1/16, 1/8, 1/4, 3/8 cycles a pixel, and
above; of the gray change); then CPU time on one thread, imgaug's one image at a time as the published code works, and
as one list. Without the package ``imaug`` (and ``imagecorruptions-imaug``) importable, ours alone. The images are
CIFAR-10's first test images where ``../shared`` has them, otherwise smooth synthetic pictures.
Run: python -m benchmarks.imgaug_parity [--images 1000] [--draws 2] [--kinds rain snowflakes …]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.photographs import photographs
from curation.corruptions import CORRUPTIONS, Corruption, kinds_of
from curation.randomness import stream_seeds

SPRITE = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar10" / "test_00.webp"
PUBLISHED_SEVERITY = {"snow": 2, "frost": 2, "saturate": 4, "motion_blur": 1, "pixelate": 1}
"""The severity at which a kind has the published strength, where that is not 3."""
ROUNDED_BY_IMGAUG = {"gaussian_noise", "gaussian_blur"}
"""Made whole numbers by rounding; the others are cut."""
STATISTICS = ("mean", "mean |.|", "std", "<1/16", "<1/8", "<1/4", "<3/8", "more")


class Measured(NamedTuple):
    """One side's figures of one kind."""

    statistics: np.ndarray
    seconds: float


def first_thousand() -> np.ndarray:
    """Return uint8 1,000×32×32×3: the first test images of CIFAR-10. Raises: FileNotFoundError without ../shared."""
    sprite = np.asarray(Image.open(SPRITE).convert("RGB"))
    return sprite.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)


def statistics(change: np.ndarray) -> np.ndarray:
    """Return float64 8 (``STATISTICS``) of the change, float N×H×W×C in [-1, 1]."""
    frequency = [np.fft.fftfreq(side) for side in change.shape[1:3]]
    radius = np.hypot(frequency[0][:, None], frequency[1][None, :])
    power = (np.abs(np.fft.fft2(change.mean(axis=3), axes=(1, 2))) ** 2).mean(axis=0)
    bands = pairwise([0, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 3 / 4])
    spectrum = [power[(radius >= low) & (radius < high)].mean() for low, high in bands]
    return np.array([change.mean(), np.abs(change).mean(), change.std(), *spectrum])


def published(name: str) -> Corruption:
    """Return our kind at the published strength."""
    return CORRUPTIONS.build(name, {"severity": PUBLISHED_SEVERITY.get(name, 3), "constants": "imgaug"})


def batch_of(pictures: np.ndarray) -> Tensor:
    """Return float32 N×C×H×W in [0, 1] of uint8 N×H×W×C."""
    return torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).to(torch.float32).contiguous() / 255


def whole(corrupted: Tensor, name: str) -> np.ndarray:
    """Return uint8 N×H×W×C of float32 N×C×H×W, made whole as imgaug does for that kind."""
    levels = (corrupted * 255 + 1e-3).floor() if name not in ROUNDED_BY_IMGAUG else (corrupted * 255).round()
    return levels.to(torch.uint8).permute(0, 2, 3, 1).numpy()


def imgaug_operation(name: str, seed: int) -> Any:
    """Return imgaug's augmenter of the published strength."""
    import imgaug.augmenters as iaa  # type: ignore[import-not-found, unused-ignore]

    make: dict[str, Callable[[], Any]] = {
        "rain": lambda: iaa.Rain(speed=0.3, seed=seed),
        "snow": lambda: iaa.imgcorruptlike.Snow(severity=2, seed=seed),
        "frost": lambda: iaa.imgcorruptlike.Frost(severity=2, seed=seed),
        "saturate": lambda: iaa.imgcorruptlike.Saturate(severity=4, seed=seed),
        "dropout": lambda: iaa.Dropout(0.075, seed=seed),
        "coarse_dropout": lambda: iaa.CoarseDropout(0.075, size_percent=1.0, per_channel=True, seed=seed),
        "snowflakes": lambda: iaa.Snowflakes(flake_size=0.3, speed=0.01, seed=seed),
        "gaussian_noise": lambda: iaa.AdditiveGaussianNoise(scale=15, per_channel=True, seed=seed),
        "elastic_transform": lambda: iaa.ElasticTransformation(alpha=0.625, sigma=0.25, seed=seed),
        "color_quantization": lambda: iaa.KMeansColorQuantization(n_colors=12, seed=seed),
        "gaussian_blur": lambda: iaa.GaussianBlur(sigma=1.0, seed=seed),
        "motion_blur": lambda: iaa.imgcorruptlike.MotionBlur(severity=1, seed=seed),
        "jpeg_compression": lambda: iaa.JpegCompression(compression=70, seed=seed),
        "pixelate": lambda: iaa.imgcorruptlike.Pixelate(severity=1, seed=seed),
    }
    return make[name]()


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what the work returns, and the CPU time it took in seconds."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def measured(make: Callable[[int], np.ndarray | Tensor], name: str, pictures: np.ndarray, draws: int) -> Measured:
    """Return the statistics averaged over the draws, and the shortest CPU time of one draw."""
    rows, times = [], []
    for draw in range(draws):
        corrupted, seconds = timed(partial(make, draw))
        pixels = whole(corrupted, name) if isinstance(corrupted, Tensor) else corrupted
        times.append(seconds)
        rows.append(statistics((pixels.astype(np.float32) - pictures) / 255))
    return Measured(np.mean(rows, axis=0), min(times))


def main() -> None:
    """Print, a kind: ours, imgaug's, the difference in percent, and both times."""
    names = [kind.name for kind in kinds_of("imgaug")]
    parser = argparse.ArgumentParser(description="Parity with imgaug, and speed.")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=names, default=names)
    options = parser.parse_args()
    torch.set_num_threads(1)
    compare = find_spec("imgaug") is not None
    pictures = first_thousand()[: options.images] if SPRITE.exists() else photographs(options.images, 32)
    batch = batch_of(pictures)
    print(f"{len(pictures)} images of 32 px, published strengths, {options.draws} draws of imgaug, 1 thread")
    print(f"{'':28}" + "".join(f"{title:>10}" for title in STATISTICS) + f"{'CPU s':>10}")
    for name in options.kinds:
        mine = measured(partial(draw_ours, published(name), batch), name, pictures, 3 * options.draws)
        print(f"{name:20}{'ours':8}" + row(mine), flush=True)
        if compare:
            compare_with_imgaug(name, pictures, mine, options.draws)


def row(figures: Measured) -> str:
    """One line of the table, without its heading."""
    return "".join(f"{value:10.4f}" for value in figures.statistics) + f"{figures.seconds:10.4f}"


def compare_with_imgaug(name: str, pictures: np.ndarray, mine: Measured, draws: int) -> None:
    """Print imgaug's line and the differences."""

    def one_by_one(draw: int) -> np.ndarray:
        operation = imgaug_operation(name, draw)
        return np.stack([operation.augment_image(picture) for picture in pictures])

    theirs = measured(one_by_one, name, pictures, draws)
    operation, listed = imgaug_operation(name, 0), list(pictures)
    _, listed_seconds = timed(lambda: operation.augment_images(listed))
    print(f"{'':20}{'imgaug':8}" + row(theirs))
    # A mean change may be nearly nothing: its difference is told in levels of 255.
    apart = [f"{(mine.statistics[0] - theirs.statistics[0]) * 255:8.2f} l"]
    apart += [f"{100 * share:8.1f} %" for share in (mine.statistics / theirs.statistics - 1)[1:]]
    speed = f"{theirs.seconds / mine.seconds:9.1f}× (as one list {listed_seconds / mine.seconds:.1f}×)"
    print(f"{'':20}{'differs':8}" + "".join(apart) + speed, flush=True)


def draw_ours(corruption: Corruption, batch: Tensor, draw: int) -> Tensor:
    """Return the batch under our kind, one draw."""
    return corruption(batch, seeds=stream_seeds(draw, np.arange(len(batch)), corruption.name))


if __name__ == "__main__":
    main()
