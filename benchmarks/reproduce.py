"""The published tables again, on held-out tests: is a curated set better, and which strategy gives how much?

python -m benchmarks.reproduce                        # FashionMNIST (Debian: dataset-fashion-mnist), for two CPU cores
python -m benchmarks.reproduce --cifar10 FOLDER       # a slice of CIFAR-10 from lossless sprites (train_*.webp, …)
python -m benchmarks.reproduce --cifar10 FOLDER --full  # 50,000 images, the six published targets: for a GPU
python -m benchmarks.reproduce --only exploiting --targets resnet20 --seeds 1
python -m benchmarks.reproduce coverage --seeds 2     # coverage, weights, wrong labels; --full: of either source
python -m benchmarks.reproduce noise --seeds 20       # noise prediction on a cubic; --cifar10: noise of images too
python -m benchmarks.reproduce relatives              # CCS, Moderate and EL2N beside the boundary, on digits: minutes
python -m benchmarks.reproduce boundary               # what the boundary is worth, and when, on digits
python -m benchmarks.reproduce coverage --only loops  # chosen before each epoch; or another part of it
python -m benchmarks.reproduce detector --seeds 1     # a detector trained along; --full: with --cifar10, for a GPU
python -m benchmarks.reproduce detector --seeds 1 --only forms  # its inputs and depths, on fewer images

Killed at any moment, the same command goes on where it stopped. ``--only goal_oriented``: after Wang & Fang 2022, table
1, one strategy added at a time, by the paper's text and by the released code. ``--only exploiting``: after Zhong et
al. 2022, table 1, each target on the original and on the optimized set. ``--only beyond``: what gains more here.
``coverage``, ``noise``, ``detector``: see ``reproduce_coverage``, ``reproduce_loops``, ``reproduce_noise``,
``reproduce_detector``.
None of this is the published experiment: goal models, budgets and, but for ``--full``, targets are smaller, and attacks
take fewer steps. The first two tables' figures are contest scores, or R on tests made of images that contestants could
train on; ours are R on held-out images, attacked through surrogates that no set knows: compare signs and order only.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import (
    reproduce_boundary,
    reproduce_coverage,
    reproduce_detector,
    reproduce_loops,
    reproduce_noise,
    reproduce_relatives,
    sprites,
)
from curation.cli.terminal import Bars
from curation.evaluation.comparison import PUBLISHED
from curation.evaluation.evaluate import evaluate
from curation.evaluation.results import Results
from curation.evaluation.settings import Evaluation
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

GOAL_ORIENTED = dict(zip(("corruptions", "boundary", "offset", "goal-model"), PUBLISHED, strict=True))
"""Step → the published strategy and its gain in contest score."""

EXPLOITING = {
    "resnet50": (62.16, 78.88),
    "wide_resnet28_4": (64.96, 82.77),
    "preact_resnet18": (65.06, 78.52),
    "densenet121": (62.39, 80.69),
    "vgg16_bn": (66.67, 80.24),
    "mobilenet_v2": (63.61, 68.10),
}
"""Target → published R on the original and on the optimized set, %. Source: Zhong et al. 2022, table 1."""

FOURTEEN = """rain/3 snow/2 frost/2 saturate/4 dropout/3 coarse_dropout/3 snowflakes/3 gaussian_noise/3
elastic_transform/3 color_quantization/3 gaussian_blur/3 motion_blur/1 jpeg_compression/3 pixelate/1""".split()


@dataclass(frozen=True)
class Size:
    """How large everything is: on two CPU cores, or on a GPU."""

    source: dict[str, Any]
    budget: int
    goal: dict[str, Any]
    epsilon: str
    steps: int
    severities: list[int]
    evaluation: dict[str, Any]


def fashion_mnist() -> dict[str, Any]:
    """Return the source block of 12,000 FashionMNIST images."""
    return {"reader": "fashion_mnist", "split": "train", "limit": 12_000}


def cifar10(folder: Path, file: Path, *, train: int, test: int) -> dict[str, Any]:
    """Write the first images of CIFAR-10's two splits as one .npz, unless it is there; return its source block."""
    if not file.exists():
        arrays: dict[str, Any] = {}
        for split, count in (("train", train), ("test", test)):
            arrays[f"images_{split}"], arrays[f"labels_{split}"] = sprites.read(folder, split, count)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **arrays)
    return {"reader": "npz", "path": str(file), "split": "train"}


def small(source: dict[str, Any], *, flip: bool, epsilon: str, seeds: int, targets: list[str]) -> Size:
    """Return what two cores do in an hour: one tiny goal model, 4,000 images, tiny targets."""
    plain = {"preset": "fast", "epochs": 16, "flip": flip}
    return Size(
        source=source,
        budget=4000,
        goal={"architecture": "tiny_resnet", "train": plain},
        epsilon=epsilon,
        steps=10,
        severities=[1, 3, 5],
        evaluation={
            "targets": targets or ["tiny_resnet"],
            "seeds": seeds,
            "schedule": plain,
            "baselines": ["clean", "random_mix", "random_split", "hardest", "self_correction"],
            "suite": {
                "samples": 400,
                "corruption": {"kinds": "all", "severities": [1, 3, 5]},
                "adversarial": [
                    {"attack": "pgd", "loss": "ce", "epsilon": epsilon, "steps": 20},
                    {"attack": "mim", "epsilon": epsilon, "steps": 10},
                ],
                "surrogates": ["tiny_convnet"],
                "training": plain,
            },
            "white_box": {"samples": 100, "epsilon": epsilon, "steps": 20},
        },
    )


def full(source: dict[str, Any], *, seeds: int, targets: list[str]) -> Size:
    """Return the published size: 50,000 images, the published targets, an adversarially trained PreActResNet-18."""
    return Size(
        source=source,
        budget=50_000,
        goal={"architecture": "resnet18", "train": {"preset": "fast", "epochs": 30}},
        epsilon="8/255",
        steps=20,
        severities=[1, 2, 3, 4, 5],
        evaluation={
            "targets": targets or list(EXPLOITING),
            "seeds": seeds,
            "schedule": {"preset": "fast", "epochs": 20, "precision": "bfloat16"},
            "baselines": ["clean", "random_mix", "random_split", "hardest"],
            "suite": {
                "samples": 2000,
                "corruption": {"kinds": "all", "severities": [1, 2, 3, 4, 5]},
                "adversarial": [
                    {"attack": "pgd", "loss": "ce", "epsilon": "8/255", "steps": 20},
                    {"attack": "apgd", "loss": "dlr", "epsilon": "8/255", "steps": 50},
                    {"attack": "mim", "epsilon": "8/255", "steps": 10},
                ],
                "surrogates": ["resnet34", "resnet20"],
                "training": {"preset": "fast", "epochs": 30},
            },
            "white_box": {"samples": 500, "epsilon": "8/255", "steps": 50},
        },
    )


def goal_oriented(size: Size) -> dict[str, Recipe]:
    """Return the steps of the paper's text, each with all strategies before it; offset and ε are ours."""
    robust = {**size.goal["train"], "method": "adversarial", "epsilon": "4/255", "steps": 3}
    mix = [9, 6, 10]
    steps: dict[str, dict[str, Any]] = {
        "corruptions": {"selection.strategy": "random", "selection.mix": [9, 6, 0]},
        "boundary": {"selection.mix": mix, "selection.offset": 0},
        "offset": {"selection.mix": mix, "selection.offset": 0.5},
        "goal-model": {"selection.mix": mix, "selection.offset": 0.5, "goal_model.train": robust},
    }
    made = {name: _recipe(size, name).with_changes(name=name, **change) for name, change in steps.items()}
    return {"offset": made.pop("offset"), **made}  # baselines are derived from the first: all three families


def released(size: Size, samples: int) -> dict[str, Recipe]:
    """Return the steps of the released code: Gini, every sample's hardest kind, and the extreme offset.

    Training with noise stands for its corruption-robust network, Gini for its entropy of a softmax taken twice.

    Args: samples: of the source. Its offset is what leaves just the quota: the easiest of the hardest.
    """
    quota = {"corruption": size.budget * 6 // 25, "adversarial": size.budget * 10 // 25}
    extreme = {family: 1 - (count + 1) / samples for family, count in quota.items()}
    rule: dict[str, Any] = {
        "variants.corruption": {"kinds": "all", "severities": [2], "constants": "imagenet"},
        "variants.adversarial": {"attack": "apgd", "loss": "dlr", "epsilon": "12/255", "steps": size.steps},
        "selection.score": "gini",
        "selection.variants_per_sample": "hardest",
        "selection.class_balance": {"clean": True},
    }
    if size.epsilon != "8/255":
        rule["variants.adversarial"] = {**rule["variants.adversarial"], "epsilon": size.epsilon}
    corrupted = {**size.goal["train"], "noise": 0.1}
    steps: dict[str, dict[str, Any]] = {
        "released-boundary": {"selection.offset": 0},
        "released-offset": {"selection.offset": {"clean": 0, **extreme}},
        "released-goal-model": {"selection.offset": {"clean": 0, **extreme}, "goal_model.train": corrupted},
    }
    return {name: _recipe(size, name).with_changes(name=name, **{**rule, **change}) for name, change in steps.items()}


def exploiting(size: Size) -> dict[str, Recipe]:
    """Return a set like the optimized one of Zhong et al.: clean : corrupted : adversarial 0:4:1 at random, their 14
    corruptions, and their transfer attack with fewer steps, on the goal model alone and on training images."""
    recipe = _recipe(size, "optimized").with_changes(
        **{
            "variants.corruption": {"constants": "imgaug", "kinds": FOURTEEN},
            "variants.adversarial": {"attack": "transfer", "loss": "logit", "steps": size.steps},
            "selection.mix": [0, 4, 1],
            "selection.strategy": "random",
            "selection.variants_per_sample": "one",
        }
    )
    return {"optimized": recipe}


def beyond(size: Size) -> dict[str, Recipe]:
    """Return what the pilot and the tables above suggest instead: chance, wide bands, the goal model's labels, and what
    might add to them."""
    mix, split = [9, 6, 10], [0, 4, 1]
    soft = {"labels.mode": "goal_model"}
    chance = {"selection.strategy": "random"}
    steps: dict[str, dict[str, Any]] = {
        "mix-wide-band": {"selection.mix": mix, "selection.offset": 0.2, "selection.floor": 1.0},
        "split-wide-band": {"selection.mix": split, "selection.offset": 0.2, "selection.floor": 1.0},
        "offset-soft-labels": {"selection.mix": mix, "selection.offset": 0.5, **soft},
        "clean-soft-labels": {"selection.mix": [1, 0, 0], **chance, **soft},
        "mix-soft-labels": {"selection.mix": mix, **chance, **soft},
        "split-soft-labels": {"selection.mix": split, **chance, **soft},
        "split-wide-band-soft-labels": {
            "selection.mix": split,
            "selection.offset": 0.2,
            "selection.floor": 1.0,
            **soft,
        },
    }
    one: dict[str, Any] = {"selection.mix": split, **chance, "selection.variants_per_sample": "one", **soft}
    attack: dict[str, Any] = {"attack": "pgd", "loss": "dlr", "epsilon": size.epsilon, "steps": size.steps}
    steps |= {
        "one-soft-labels": one,
        "one-temperature-2": {**one, "labels.temperature": 2.0},
        "one-temperature-4": {**one, "labels.temperature": 4.0},
        "one-augmix-only": {**one, "variants.corruption": {"kinds": ["augmix"], "severities": [3]}},
        "one-more-attacked": {**one, "selection.mix": [0, 3, 2]},
        "one-strong": {**one, "variants.adversarial": {**attack, "epsilon": "16/255"}},
    }
    return {name: _recipe(size, name).with_changes(name=name, **change) for name, change in steps.items()}


def _recipe(size: Size, name: str) -> Recipe:
    return Recipe.parse(
        {
            "name": name,
            "source": size.source,
            "goal_model": size.goal,
            "variants": {
                "corruption": {"kinds": "all", "severities": size.severities},
                "adversarial": {"attack": "pgd", "loss": "dlr", "epsilon": size.epsilon, "steps": size.steps},
            },
            "selection": {"budget": size.budget, "mix": [9, 6, 10], "offset": 0},
        }
    )


def leaderboard(results: Results) -> None:
    """Print every set with its R, parts, gain over clean and cost."""
    print(
        "\n| set | R | clean | adversarial | corrupted | held out | white box | gain [95 %] | curation s | training s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in results.leaderboard().to_dict("records"):
        parts = " | ".join(
            f"{100 * row[part]:.1f}" for part in ("clean", "adversarial", "corruption", "held_out", "white_box")
        )
        gain = (
            "–"
            if row["gain"] != row["gain"]
            else f"{_points(row['gain'])} [{_points(row['gain_low'])}, {_points(row['gain_high'])}]"
        )
        spread = f"{100 * row['R']:.1f}" + (f" ± {100 * row['R_spread']:.1f}" if row["trainings"] > 1 else "")
        print(f"| {row['set']} | {spread} | {parts} | {gain} | {row['curation_s']:.0f} | {row['training_s']:.0f} |")


def steps_table(results: Results, prefix: str = "") -> None:
    """Print what each strategy adds to the ones before, beside the published gain."""
    table = results.leaderboard().set_index("set")["R"]
    before = table["clean"]
    print("\n| strategy, added to those above | R | adds | published (contest score) |")
    print("|---|---|---|---|")
    print(f"| {prefix or 'paper'}: clean images | {100 * before:.1f} | – | – |")
    for step, (words, published) in GOAL_ORIENTED.items():
        name = step if not prefix else f"{prefix}-{step}"
        if name in table:
            print(f"| {words} | {100 * table[name]:.1f} | {_points(table[name] - before)} | +{published} |")
            before = table[name]


def targets_table(results: Results) -> None:
    """Print R of each target on the original and on the optimized set, beside the published figures."""
    print("\n| target | original R | optimized R | gain | clean | published |")
    print("|---|---|---|---|---|---|")
    gains = []
    for target in results.evaluation.targets:
        table = results.leaderboard(target=target).set_index("set").to_dict("index")
        before, after = table["clean"], table["optimized"]
        gains.append(after["R"] - before["R"])
        published = "–"
        if target in EXPLOITING:
            low, high = EXPLOITING[target]
            published = f"{low} → {high} (+{high - low:.1f})"
        figures = f"{100 * before['R']:.1f} | {100 * after['R']:.1f} | {_points(gains[-1])}"
        clean = f"{100 * before['clean']:.1f} → {100 * after['clean']:.1f}"
        print(f"| {target} | {figures} | {clean} | {published} |")
    print(f"\nmean gain {_points(float(np.mean(gains)))} points (published, six targets: +14.4)")


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def coverage(arguments: argparse.Namespace) -> None:
    """Print the tables of coverage, weights and label noise."""
    name = ("cifar10" if arguments.cifar10 else "fashion-mnist") + ("-full" if arguments.full else "")
    folder = arguments.workspace or Path("cache") / f"reproduce-{name}"
    source: dict[str, Any] = {"reader": "fashion_mnist", "split": "train"}
    images = 60_000
    if arguments.cifar10:
        images, test = (50_000, 10_000) if arguments.full else (10_000, 2_000)
        source = cifar10(arguments.cifar10, folder.with_suffix(".npz"), train=images, test=test)
    size = reproduce_coverage.small(source, seeds=arguments.seeds)
    loops = reproduce_loops.loops_small(source, seeds=arguments.seeds)
    if arguments.full:
        size = reproduce_coverage.full(source, images=images, seeds=arguments.seeds)
        loops = reproduce_loops.loops_full(source, images=images, seeds=arguments.seeds)
    print(
        f"{name}, {size.images:,} images, {size.architecture}; {platform.machine()}, {os.cpu_count()} cores", flush=True
    )
    started = time.perf_counter()
    only = arguments.only if arguments.only in reproduce_loops.ALL else None
    reproduce_loops.coverage(size, loops, Workspace(folder), only=only)
    print(f"\n{time.perf_counter() - started:.0f} s in this run")


def relatives(arguments: argparse.Namespace) -> None:
    """Print what each way to choose gives at equal budget."""
    started, workspace = time.perf_counter(), Workspace(arguments.workspace or Path("cache") / "reproduce-relatives")
    asked = reproduce_relatives.evaluation(arguments.seeds)
    with Bars() as bars:
        results = evaluate(reproduce_relatives.recipes(), asked, workspace, name="relatives", replace=True, report=bars)
    leaderboard(results)
    print(f"\n{platform.machine()}, {os.cpu_count()} cores; {time.perf_counter() - started:.0f} s in this run")


def boundary(arguments: argparse.Namespace) -> None:
    """Print what the boundary is worth as one thing varies."""
    started, workspace = time.perf_counter(), Workspace(arguments.workspace or Path("cache") / "reproduce-relatives")
    with Bars() as bars:
        reproduce_boundary.boundary(arguments.seeds, workspace, bars)
    print(f"\n{platform.machine()}, {os.cpu_count()} cores; {time.perf_counter() - started:.0f} s in this run")


def detector(arguments: argparse.Namespace) -> None:
    """Print the tables of a detector that is trained along."""
    name = ("cifar10" if arguments.cifar10 else "fashion-mnist") + ("-full" if arguments.full else "")
    folder = arguments.workspace or Path("cache") / f"reproduce-detector-{name}"
    source: dict[str, Any] = {"reader": "fashion_mnist", "split": "train"}
    if arguments.cifar10:
        train, test = (50_000, 10_000) if arguments.full else (10_000, 2_000)
        source = cifar10(arguments.cifar10, folder.with_suffix(".npz"), train=train, test=test)
    make = reproduce_detector.full if arguments.full else reproduce_detector.small
    if arguments.only == reproduce_detector.FORMS:
        make, folder = reproduce_detector.forms, arguments.workspace or folder.with_name(f"{folder.name}-forms")
    size = make(source, seeds=arguments.seeds)
    print(
        f"{name}, {size.images:,} images, {size.architecture}; {platform.machine()}, {os.cpu_count()} cores", flush=True
    )
    started = time.perf_counter()
    reproduce_detector.detector(size, Workspace(folder), only=arguments.only)
    print(f"\n{time.perf_counter() - started:.0f} s in this run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tables = ["goal_oriented", "exploiting", "beyond", "coverage", "noise", "relatives", "boundary", "detector"]
    parser.add_argument("table", nargs="?", choices=tables, help="one table; by default the first three")
    parser.add_argument("--cifar10", type=Path, help="folder of lossless sprites; by default FashionMNIST")
    parser.add_argument("--full", action="store_true", help="50,000 images and the published targets, for a GPU")
    parts = {**dict.fromkeys(reproduce_loops.ALL, "coverage"), reproduce_detector.FORMS: "detector"}
    parser.add_argument(
        "--only", choices=sorted({*tables, *parts}), help="the same; with coverage or detector: a part of it"
    )
    parser.add_argument("--targets", default="", help="architectures, comma-separated; by default the size's")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workspace", type=Path, help="by default cache/reproduce-<source>")
    arguments = parser.parse_args()
    targets = [name for name in arguments.targets.split(",") if name]
    only = arguments.table or arguments.only
    if only not in (None, *tables):
        parser.error(f"{only} is a part of {parts[only]}: python -m benchmarks.reproduce {parts[only]} --only {only}")
    if only == "coverage":
        return coverage(arguments)
    if only == "noise":
        reproduce_noise.noise(arguments.seeds)
        if arguments.cifar10:
            reproduce_noise.estimates(arguments.cifar10)
            folder = arguments.workspace or Path("cache") / "reproduce-noise"
            reproduce_noise.robustness(arguments.cifar10, folder, arguments.seeds)
        return None
    if only == "relatives":
        return relatives(arguments)
    if only == "boundary":
        return boundary(arguments)
    if only == "detector":
        return detector(arguments)
    if arguments.full and not arguments.cifar10:
        parser.error("--full is CIFAR-10: give --cifar10 FOLDER")
    name = "cifar10-full" if arguments.full else "cifar10" if arguments.cifar10 else "fashion-mnist"
    folder = arguments.workspace or Path("cache") / f"reproduce-{name}"
    if arguments.full:
        source = cifar10(arguments.cifar10, folder.with_suffix(".npz"), train=50_000, test=10_000)
        size, samples = full(source, seeds=arguments.seeds, targets=targets), 50_000
    elif arguments.cifar10:
        source = cifar10(arguments.cifar10, folder.with_suffix(".npz"), train=10_000, test=2_000)
        size, samples = small(source, flip=True, epsilon="8/255", seeds=arguments.seeds, targets=targets), 10_000
    else:
        size = small(fashion_mnist(), flip=True, epsilon="8/255", seeds=arguments.seeds, targets=targets)
        samples = 12_000
    workspace, started = Workspace(folder), time.perf_counter()
    print(f"{name}, budget {size.budget:,} of {samples:,}; {platform.machine()}, {os.cpu_count()} cores", flush=True)
    wanted = {
        "goal_oriented": {**goal_oriented(size), **released(size, samples)},
        "exploiting": exploiting(size),
        "beyond": beyond(size),
    }
    for table, recipes in wanted.items():
        if only in (None, table):
            asked = dict(size.evaluation)
            if table == "exploiting":  # their 14 corruptions hold the other two
                asked["suite"] = {**asked["suite"], "held_out": ["speckle_noise", "spatter"]}
            if table != "goal_oriented":
                asked["baselines"] = ["clean"] if table == "exploiting" else ["clean", "random_mix", "random_split"]
            with Bars() as bars:
                results = evaluate(recipes, Evaluation.parse(asked), workspace, name=table, replace=True, report=bars)
            print(f"\n## {table}")
            leaderboard(results)
            if table == "goal_oriented":
                steps_table(results)
                steps_table(results, "released")
            elif table == "exploiting":
                targets_table(results)
    print(f"\n{time.perf_counter() - started:.0f} s in this run")


if __name__ == "__main__":
    main()
