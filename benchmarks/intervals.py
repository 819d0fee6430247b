"""How often the 95 % intervals of an evaluation hold the truth, simulated: `python -m benchmarks.intervals`.

A test image has a difficulty, a training a skill, and a single prediction luck, all normal; an image of P is right
where their sum is positive. The truth is the share that is right over all images and all trainings, known in closed
form. Rows differ in how much trainings differ: the standard deviation of R over them, in points, on the same images.
The last column is of the gain of one set over another, paired by image and seed, where the truth is a difference.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from curation.evaluation.metrics import PARTS, gain, intervals, robustness

MEANS = {"clean": 1.2, "adversarial": -0.3, "corruption": 0.4}
IMAGE, LUCK = 1.0, 0.7


def tables(
    random: np.random.Generator,
    *,
    images: int,
    trainings: int,
    skill: float,
    difficulty: np.ndarray,
    better: float = 0.0,
) -> list[pd.DataFrame]:
    """Return predictions of trainings whose skill varies by ``skill``, on images of difficulties S."""
    found = []
    for one in random.normal(0, skill, trainings):
        parts = []
        for part, mean in MEANS.items():
            right = mean + better + one + difficulty + random.normal(0, LUCK, images) > 0
            about = {"part": part, "kind": part, "severity": 0, "sample_id": np.arange(images), "label": 0}
            parts.append(pd.DataFrame({**about, "prediction": np.where(right, 0, 1)}))
        found.append(pd.concat(parts, ignore_index=True))
    return found


def truth(skill: float, better: float = 0.0) -> float:
    """Return R over all images and trainings."""
    deviation = np.sqrt(IMAGE**2 + LUCK**2 + skill**2)
    return float(np.mean([ndtr((mean + better) / deviation) for mean in MEANS.values()]))


def coverage(
    *, images: int, trainings: int, skill: float, repeats: int, draws: int, seed: int
) -> tuple[float, float, float, float]:
    """Return the shares of repeats whose intervals of R and of a gain hold the truth; R's mean width; its spread."""
    random, better = np.random.default_rng(seed), 0.15
    held, gained, widths, spreads = 0, 0, [], []
    goal = truth(skill, better) - truth(skill)
    for repeat in range(repeats):
        difficulty = random.normal(0, IMAGE, images)
        about: dict[str, Any] = {"images": images, "trainings": trainings, "skill": skill, "difficulty": difficulty}
        one, other = tables(random, **about), tables(random, **about, better=better)
        _, low, high = intervals(one, draws=draws, seed=repeat)["R"]
        held += low <= truth(skill) <= high
        widths.append(high - low)
        spreads.append(float(np.var([robustness(table)["R"] for table in one], ddof=1)) if trainings > 1 else 0.0)
        _, low, high = gain(other, one, draws=draws, seed=repeat)["R"]
        gained += low <= goal <= high
    return held / repeats, gained / repeats, float(np.mean(widths)), float(np.sqrt(np.mean(spreads)))


def main() -> None:
    """Print one row for each number of trainings and each deviation among them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--images", type=int, default=200, help="test images")
    parser.add_argument("--draws", type=int, default=300, help="of the bootstrap")
    options = parser.parse_args()
    print(f"{options.repeats} repeats, {options.images} test images, parts {', '.join(PARTS)}\n")
    print("| trainings | R differs among them by, points | mean width, points | R is in it | the gain is in it |")
    print("|---|---|---|---|---|")
    for trainings in (2, 3, 5, 10):
        for skill in (0.02, 0.1, 0.3):
            about: dict[str, Any] = {
                "images": options.images,
                "repeats": options.repeats,
                "draws": options.draws,
                "seed": 0,
            }
            held, gained, width, spread = coverage(trainings=trainings, skill=skill, **about)
            print(f"| {trainings} | {100 * spread:.1f} | {100 * width:.1f} | {held:.1%} | {gained:.1%} |", flush=True)


if __name__ == "__main__":
    main()
