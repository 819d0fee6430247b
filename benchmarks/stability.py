"""How many of the chosen images another training chooses again, by how many goal models answer together: 1, 3, 5.

For each k two goal models of k members each are trained, all from seeds of their own, and both choose a set by the same
recipe; members are shared between the rows, so that 2 × 5 trainings serve them all. Beside the agreement, by family,
stands what two choices at random would share.
Run: python -m benchmarks.stability [--images 1500] [--epochs 3] [--members 1,3,5] [--architecture tiny_resnet]
python -m benchmarks.stability --cifar ../shared/data/cifar10    # lossless sprites: train_*.webp, train_labels.npy
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import sprites
from curation.analysis.stability import stability
from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

FAMILIES = ("clean", "corruption", "adversarial")


def main() -> None:
    """Print one row for each number of members."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--members", default="1,3,5")
    parser.add_argument("--architecture", default="tiny_resnet")
    parser.add_argument("--cifar", type=Path, help="a folder of CIFAR-10 sprites, instead of digits")
    parser.add_argument("--cache", type=Path, help="keep what is computed there, and go on from it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.cache or Path(scratch)
        recipe = Recipe.parse(described(options, root))
        print(
            f"{options.architecture}, {options.epochs} epochs, {options.images} images of "
            f"{'CIFAR-10' if options.cifar else 'digits'}, {recipe.selection.budget} chosen\n"
        )
        print(f"| members | chosen again | {' | '.join(FAMILIES)} | at random | seconds |")
        print(f"|---|---|{'---|' * len(FAMILIES)}---|---|")
        for members in map(int, options.members.split(",")):
            started = time.perf_counter()
            changed = recipe.with_changes(**{"goal_model.members": members})
            found = stability(Pipeline(changed, Workspace(root / "workspace"), device="cpu"))
            shares = " | ".join(f"{found.families[name].share:.1%}" for name in FAMILIES)
            chance = found.whole.by_chance / found.whole.chosen
            seconds = time.perf_counter() - started
            print(f"| {members} | {found.whole.share:.1%} | {shares} | {chance:.1%} | {seconds:.0f} |", flush=True)


def described(options: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Return the recipe: 9 : 6 : 10, a third of the images, two corruptions and PGD."""
    source: dict[str, Any] = {"reader": "digits", "split": "train", "limit": options.images}
    if options.cifar:
        images, labels = sprites.read(options.cifar, "train", options.images)
        root.mkdir(parents=True, exist_ok=True)
        np.savez(root / "cifar.npz", images=images, labels=labels)
        source = {"reader": "npz", "path": str(root / "cifar.npz")}
    return {
        "source": source,
        "goal_model": {"architecture": options.architecture, "train": {"epochs": options.epochs}},
        "variants": {
            "corruption": {"kinds": ["gaussian_noise", "fog"], "severities": [3]},
            "adversarial": {"attack": "pgd", "epsilon": "8/255" if options.cifar else 0.1, "steps": 5},
        },
        "selection": {"budget": options.images // 3, "mix": {"clean": 9, "corruption": 6, "adversarial": 10}},
    }


if __name__ == "__main__":
    main()
