"""The survey's experiment on noise prediction again: errors of the inputs, and losses as released and compared fairly.

See ``curation.analysis.noise_prediction``. With ``--cifar10``: the noise of images is estimated, and R is measured of
networks that train on images without and with noise, with as much noise again, and with the noise removed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import wiener

from benchmarks import sprites
from curation.analysis import noise_prediction as analysis
from curation.analysis.image_noise import noise_levels, self_supervised_levels
from curation.analysis.noise_prediction import CASES, Between
from curation.cli.terminal import Bars
from curation.engine import choose
from curation.evaluation.evaluate import evaluate
from curation.evaluation.settings import Evaluation, SuiteSettings
from curation.evaluation.suite import make_suite
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

IMAGES, DEVIATION = 2000, 16
"""Training images of the second part, and their noise in 255ths."""

SCHEDULE = {"preset": "fast", "epochs": 12}

Images = tuple[np.ndarray, np.ndarray]
"""Uint8 N×H×W×3, and labels int64 N."""


def noise(seeds: int) -> None:
    """Print both tables beside the claim."""
    print("\n## Error of the inputs (rms, in units of x): expected; smallest and largest of single draws of 15")
    print("| noise | predicted | noisy | a draw subtracted | the mean subtracted |")
    print("|---|---|---|---|---|")
    for case in CASES:
        drawn, expected = analysis.measured_errors(case, seeds), analysis.expected_errors(case)
        cells = [
            f"{value:.3f} ({low:.2f}–{high:.2f})"
            for value, low, high in zip(expected, drawn.min(0), drawn.max(0), strict=True)
        ]
        print(f"| {_noise(case.mean, case.sd)} | {_noise(case.learned_mean, case.learned_sd)} | {' | '.join(cells)} |")
    print(
        "\n## Loss over all steps, as a multiple of that with the noisy inputs from the first weights [95 % over seeds]"
    )
    print("Claimed: below 1, the loss falls faster after removal.\n")
    names = ("released", "control", "draw", "mean")
    titles = ("as released: trained on, draw subtracted", "trained on, nothing subtracted", "fair: draw", "fair: mean")
    print(f"| noise | {' | '.join(titles)} | on clean inputs, fair: draw | on clean inputs, fair: mean |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        it = analysis.experiment(case, seeds=seeds)
        cells = [_between(analysis.ratio(it.training, name)) for name in names]
        cells += [_between(analysis.ratio(it.test, name)) for name in ("draw", "mean")]
        print(f"| {_noise(case.mean, case.sd)} | {' | '.join(cells)} |", flush=True)


def estimates(folder: Path) -> None:
    """Print what both estimators say of 1,000 images of CIFAR-10 with known noise."""
    clean = sprites.read(folder, "train", 1000)[0]
    print("\n## Noise of 1,000 images, σ in 255ths: median [10 %, 90 % of the images], and the median's error")
    print("| added | finest details of the smoothest parts | error | self-supervised | error |")
    print("|---|---|---|---|---|")
    for deviation in (0, 2, 4, 8, 12, 16, 25):
        images, cells = _noisy(clean, deviation), []
        for levels in (noise_levels(images), self_supervised_levels(images)):
            low, median, high = np.nanquantile(255 * levels, [0.1, 0.5, 0.9])
            cells += [f"{median:.1f} [{low:.1f}, {high:.1f}]", f"{median - deviation:+.1f}"]
        print(f"| {deviation} | {' | '.join(cells)} |", flush=True)


def robustness(folder: Path, kept: Path, seeds: int) -> None:
    """Print R after training on images without and with noise, with as much again, and with it removed.

    All are measured on one P, of images without noise. Args: kept: where images and workspaces are kept.
    """
    clean, labels = sprites.read(folder, "train", IMAGES)
    test = sprites.read(folder, "test", 400)
    images = _noisy(clean, DEVIATION)
    level = float(np.nanmedian(noise_levels(images)))
    removed = _without(images, level)
    left = float(np.sqrt(np.square(removed.astype(np.float64) - clean).mean()))
    print(f"\n## {IMAGES:,} images with noise of {DEVIATION}/255, estimated as {255 * level:.1f}/255")
    print(f"After removal they differ from those without noise by {left:.1f}/255 (rms).\n")
    print("| trained on | R | clean | adversarial | corrupted |")
    print("|---|---|---|---|---|")
    kept.mkdir(parents=True, exist_ok=True)
    suite = _test_suite(kept, _recipe(kept / "without.npz", (clean, labels), test))
    for name, title, trained, noise in (
        ("without", "images without noise", clean, 0.0),
        ("with", "images with noise", images, 0.0),
        ("matched", "the same, with as much noise again", images, round(level, 4)),
        ("removed", "the same, noise removed", removed, 0.0),
    ):
        asked: dict[str, Any] = {
            "targets": ["tiny_resnet"],
            "seeds": seeds,
            "schedule": {**SCHEDULE, "noise": noise},
            "baselines": [],
            "suite": {"path": str(suite)},
            "white_box": {"samples": 0},
        }
        recipe, workspace = _recipe(kept / f"{name}.npz", (trained, labels), test), Workspace(kept / name)
        with Bars() as bars:
            results = evaluate(
                {"set": recipe}, Evaluation.parse(asked), workspace, name="noise", replace=True, report=bars
            )
        table = results.leaderboard().set_index("set").loc["set"]
        parts = " | ".join(f"{100 * table[part]:.1f}" for part in ("clean", "adversarial", "corruption"))
        print(f"| {title} | {100 * table['R']:.1f} ± {100 * table['R_spread']:.1f} | {parts} |", flush=True)


def _recipe(file: Path, train: Images, test: Images) -> Recipe:
    """Return the recipe of all training images, which are written into a file, as are the test images."""
    if not file.exists():  # files are told apart by their time, too
        np.savez(file, images_train=train[0], labels_train=train[1], images_test=test[0], labels_test=test[1])
    return Recipe.parse(
        {
            "name": file.stem,
            "source": {"reader": "npz", "path": str(file), "split": "train"},
            "selection": {"budget": len(train[0]), "mix": [1, 0, 0], "strategy": "random"},
        }
    )


def _test_suite(kept: Path, recipe: Recipe) -> Path:
    """Return the file of P, whose surrogate learns from the recipe's images."""
    file = kept / "P.npz"
    if not file.exists():
        asked = SuiteSettings.parse(
            {
                "samples": 300,
                "corruption": {"kinds": "all", "severities": [3]},
                "adversarial": [{"attack": "pgd", "loss": "ce", "epsilon": "8/255", "steps": 10}],
                "surrogates": ["tiny_convnet"],
                "training": SCHEDULE,
            }
        )
        with Bars() as bars:
            suite = make_suite(asked, recipe, Workspace(kept / recipe.name), engine=choose(), report=bars)
        arrays: dict[str, Any] = {}
        for name in dict.fromkeys(part.part for part in suite.parts):
            parts = [part for part in suite.parts if part.part == name]
            arrays[f"images_{name}"] = np.concatenate([part.images(np.arange(len(part))) for part in parts])
            arrays[f"labels_{name}"] = np.concatenate([part.labels for part in parts])
        np.savez(file, **arrays)
    return file


def _without(images: np.ndarray, level: float) -> np.ndarray:
    """Return the images through the adaptive Wiener filter of this noise, in [0, 1], channel by channel."""
    out = np.empty(images.shape)
    for index in np.ndindex(len(images), images.shape[3]):
        at = (index[0], slice(None), slice(None), index[1])
        with np.errstate(divide="ignore", invalid="ignore"):  # of even places, which it then smooths
            out[at] = wiener(images[at].astype(np.float64), (3, 3), noise=(255 * level) ** 2)
    return np.clip(np.round(out), 0, 255).astype(np.uint8)


def _noisy(images: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(np.round(images + noise), 0, 255).astype(np.uint8)


def _noise(mean: float, deviation: float) -> str:
    return f"N({mean:g}, {deviation:g})"


def _between(it: Between) -> str:
    return f"{it.value:.2f} [{it.low:.2f}, {it.high:.2f}]"
