"""The survey's experiment on noise prediction again: errors of the inputs, and losses as released and compared fairly.

See ``curation.analysis.noise_prediction``. With ``--cifar10``: the noise of images is estimated, and R is measured of
networks that train on noisy images, with and without as much noise again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import sprites
from curation.analysis import noise_prediction as analysis
from curation.analysis.image_noise import noise_levels
from curation.analysis.noise_prediction import CASES, Between
from curation.cli.terminal import Bars
from curation.evaluation.evaluate import evaluate
from curation.evaluation.settings import Evaluation
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

IMAGES, DEVIATION = 2000, 16
"""Training images of the second part, and their noise in 255ths."""


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
    """Print what is estimated of 1,000 images of CIFAR-10 with known noise."""
    clean = sprites.read(folder, "train", 1000)[0]
    print("\n## Noise of 1,000 images, σ in 255ths: median [10 %, 90 % of the images]")
    print("| added | estimated |")
    print("|---|---|")
    for deviation in (0, 2, 4, 8, 12, 16, 25):
        levels = 255 * noise_levels(_noisy(clean, deviation))
        low, median, high = np.nanquantile(levels, [0.1, 0.5, 0.9])
        print(f"| {deviation} | {median:.1f} [{low:.1f}, {high:.1f}] |")


def robustness(folder: Path, workspace: Workspace, seeds: int) -> None:
    """Print R after training on noisy images, with and without noise of the estimated level; P has images without."""
    file = workspace.root.with_suffix(".npz")
    images, labels = sprites.read(folder, "train", IMAGES)
    images = _noisy(images, DEVIATION)
    test, test_labels = sprites.read(folder, "test", 400)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, images_train=images, labels_train=labels, images_test=test, labels_test=test_labels)
    level = float(np.nanmedian(noise_levels(images)))
    print(f"\n## {IMAGES:,} images with noise of {DEVIATION}/255, estimated as {255 * level:.1f}/255")
    print("| training | R | clean | adversarial | corrupted |")
    print("|---|---|---|---|---|")
    recipe = Recipe.parse(
        {
            "name": "noisy",
            "source": {"reader": "npz", "path": str(file), "split": "train"},
            "selection": {"budget": IMAGES, "mix": [1, 0, 0], "strategy": "random"},
        }
    )
    plain = {"preset": "fast", "epochs": 12}
    for name, noise in (("as they are", 0.0), ("with as much noise again", round(level, 4))):
        asked: dict[str, Any] = {
            "targets": ["tiny_resnet"],
            "seeds": seeds,
            "schedule": {**plain, "noise": noise},
            "baselines": ["clean"],
            "suite": {
                "samples": 300,
                "corruption": {"kinds": "all", "severities": [3]},
                "adversarial": [{"attack": "pgd", "loss": "ce", "epsilon": "8/255", "steps": 10}],
                "surrogates": ["tiny_convnet"],
                "training": plain,
            },
            "white_box": {"samples": 0},
        }
        with Bars() as bars:
            results = evaluate(
                {"noisy": recipe}, Evaluation.parse(asked), workspace, name=f"noise-{noise}", replace=True, report=bars
            )
        table = results.leaderboard().set_index("set").loc["clean"]
        parts = " | ".join(f"{100 * table[part]:.1f}" for part in ("clean", "adversarial", "corruption"))
        print(f"| {name} | {100 * table['R']:.1f} ± {100 * table['R_spread']:.1f} | {parts} |", flush=True)


def _noisy(images: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(np.round(images + noise), 0, 255).astype(np.uint8)


def _noise(mean: float, deviation: float) -> str:
    return f"N({mean:g}, {deviation:g})"


def _between(it: Between) -> str:
    return f"{it.value:.2f} [{it.low:.2f}, {it.high:.2f}]"
