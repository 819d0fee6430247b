"""Cai, Cao & Liu, "An Empirical Study of Robust Deep Models", its tables again: accuracy on clean test images after
training on what facility location chose, and with weights where labels are wrong.

``shares``: 20 … 100 % of the images by facility location and at random. ``noise``: a share of the training labels is
made wrong; all of them and .4 of them, with and without weights. ``others``: further strategies at 20 and 40 %.
In-training choice, weights and clusters: see ``reproduce_loops``.
Every seed is a repetition of its own: wrong labels, goal model (trained on the labels as they are, wrong ones too),
choice and training. Test labels are as they were published. Every training is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from curation.cli.terminal import Bars
from curation.coverage import set_cover, suggest_radius
from curation.engine import choose
from curation.evaluation.settings import Evaluation
from curation.evaluation.training_set import training_set
from curation.evaluation.trials import load_target, train_trial, trials_of
from curation.models.prediction import predict
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.pipeline.execution import run_tasks
from curation.plugin import fingerprint
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

SHARES = (20, 40, 60, 80, 100)
NOISES = (0.2, 0.4)
RATIO = 0.4
"""The facility ratio that was best with wrong labels."""

CLUSTERS = 23_346 / 50_000
"""Balls of the radius that was best, 2.0, per image of CIFAR-10; a radius is in the unit of one network's features."""

PUBLISHED_SHARES = {
    "cifar10": dict(zip(SHARES, (80.79, 85.17, 89.16, 91.76, 93.08), strict=True)),
    "fashion_mnist": dict(zip(SHARES, (90.68, 90.71, 91.17, 91.45, 93.12), strict=True)),
}
"""Share of the images, % → accuracy with facility location, %."""

PUBLISHED_NOISE = {
    0.2: {"full": 87.22, "fl": 88.39, "weighted": 88.69, "fl_weighted": 89.72},
    0.4: {"full": 83.20, "fl": 83.64, "weighted": 84.18, "fl_weighted": 85.16},
}
"""Of CIFAR-10, %. FashionMNIST's four numbers in print cannot be told apart."""


@dataclass(frozen=True)
class Size:
    """What is trained on what: source block, images of it (None: all), a ``train`` block for both models."""

    source: dict[str, Any]
    images: int
    architecture: str
    train: dict[str, Any]
    seeds: int

    def recipe(
        self, *, seed: int, noise: float = 0.0, share: float = 1.0, weights: Any = None, **selection: Any
    ) -> Recipe:
        """Return a recipe of clean images alone.

        Args: noise: share of wrong labels; share: of the images; weights, selection: fields of those blocks.
        """
        source = {**self.source, "limit": self.images}
        if noise:
            source["noise"] = {"kind": "symmetric", "share": noise, "seed": seed}
        goal = {"architecture": self.architecture, "train": self.train}
        chosen = {"budget": round(share * self.images), "mix": [1, 0, 0], "strategy": "random", **selection}
        variants = {"corruption": None, "adversarial": None}
        return Recipe.parse(
            {
                "seed": seed,
                "source": source,
                "goal_model": goal,
                "variants": variants,
                "selection": chosen,
                "weights": weights or {},
            }
        )


def small(source: dict[str, Any], *, seeds: int) -> Size:
    """Return what one core does in half an hour."""
    return Size(source, 4000, "tiny_resnet", {"preset": "fast", "epochs": 16, "flip": True}, seeds)


def full(source: dict[str, Any], *, images: int, seeds: int) -> Size:
    """Return the published size: ResNet-32 and its schedule."""
    train = {
        "epochs": 200,
        "batch_size": 128,
        "learning_rate": 0.1,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 2e-4,
        "warm_up": 0.0,
        "decay": {"at": [120, 160], "factor": 0.01},
        "crop_padding_px": 4,
        "flip": True,
    }
    return Size(source, images, "resnet32", train, seeds)


class Measured(NamedTuple):
    """accuracy, of the clean test images; wrong: share of wrong labels in the set; weight: that part of its weight."""

    accuracy: float
    wrong: float
    weight: float


class Runner:
    """Makes, trains on and measures one set after the other; what is kept is not done again."""

    def __init__(self, size: Size, workspace: Workspace, schedule: dict[str, Any] | None = None) -> None:
        """Args: schedule: a ``train`` block for what is measured; None: as the goal model is trained."""
        self.size = size
        self.workspace = workspace
        self.evaluation = Evaluation.parse(
            {"targets": [size.architecture], "seeds": 1, "schedule": schedule or size.train}
        )

    @cached_property
    def clean(self) -> Pipeline:
        """The training images with their labels as published."""
        pipeline = Pipeline(self.size.recipe(seed=0), self.workspace)
        pipeline.run(("ingest",))
        return pipeline

    @cached_property
    def test(self) -> Pipeline:
        """All test images."""
        changes = {"source.split": "test", "source.limit": None}
        pipeline = Pipeline(self.size.recipe(seed=0).with_changes(**changes), self.workspace)
        pipeline.run(("ingest",))
        return pipeline

    def __call__(self, name: str, recipes: Iterable[Recipe]) -> list[Measured]:
        """Measure the recipes of one set, one a seed."""
        found = [self._one(name, recipe) for recipe in recipes]
        print(f"{name}: {', '.join(f'{100 * one.accuracy:.2f}' for one in found)}", flush=True)
        return found

    def _one(self, name: str, recipe: Recipe) -> Measured:
        pipeline = Pipeline(recipe, self.workspace)
        with Bars() as report:
            pipeline.run(FOR_SELECTION, report=report)
            data = training_set(pipeline, sampling=self.evaluation.schedule.sampling)
            (trial,) = trials_of(name, data.key, self.evaluation, seed=recipe.seed)
            training = partial(train_trial, self.workspace, trial, data, self.evaluation, pipeline.device)
            run_tasks(choose(), [training], "train", report=report)
        test = self.test.samples
        kept = self.workspace.predictions(fingerprint(["clean test images", trial.key, test.digest]))
        if kept.missing():
            logits = predict(load_target(self.workspace.target(trial.key)), test.array(), device=pipeline.device)
            kept.write(0, pd.DataFrame({"prediction": logits.argmax(1).numpy()}))
        right = kept.table(0)["prediction"].to_numpy() == test.labels
        wrong = data.labels != self.clean.samples.labels[self.clean.samples.rows(data.sample_ids)]
        weights = np.ones(len(data)) if data.weights is None else data.weights
        return Measured(float(right.mean()), float(wrong.mean()), float(np.average(wrong, weights=weights)))

    def radius(self, recipe: Recipe, clusters: float = CLUSTERS) -> float:
        """Return the radius whose balls are as many of all images, by default as were best: by bisection, to 4 digits.

        In the features of the recipe's goal model.
        """
        pipeline = Pipeline(recipe, self.workspace)
        pipeline.run(("ingest", "goal_model", "embed"))
        features = pipeline.plan.features().whole_array()
        low, _, high = suggest_radius(features, device=pipeline.device)
        low /= 16
        for _ in range(12):
            middle = (low * high) ** 0.5
            balls = len(set_cover(features, radius=middle, device=pipeline.device).chosen)
            low, high = (middle, high) if balls > clusters * len(features) else (low, middle)
        return float(f"{high:.4g}")


def shares(run: Runner) -> None:
    """Print accuracy against share for facility location and at random, beside the published one."""
    size = run.size
    full = run("full", [size.recipe(seed=seed) for seed in range(size.seeds)])
    rows = {}
    for share in SHARES[:-1]:
        rows[share] = [
            run(
                f"{name} {share} %",
                [size.recipe(seed=seed, share=share / 100, strategy=name) for seed in range(size.seeds)],
            )
            for name in ("facility_location", "random")
        ]
    published = PUBLISHED_SHARES.get(size.source["reader"], PUBLISHED_SHARES["cifar10"])
    print("\n| share | facility location (FL) | at random | difference | FL over 100 % | published: FL (over 100 %) |")
    print("|---|---|---|---|---|---|")
    for share, (chosen, chance) in {**rows, 100: [full, full]}.items():
        beside = f"{gain(chosen, full)} | {published[share]:.2f} ({published[share] - published[100]:+.2f})"
        print(f"| {share} % | {mean(chosen)} | {mean(chance)} | {gain(chosen, chance)} | {beside} |")


def others(run: Runner) -> None:
    """Print the further strategies at 20 and 40 %, each less what chance gives."""
    size = run.size
    band = {"offset": 0.05, "floor": 0.55}
    strategies: dict[str, dict[str, Any]] = {
        "at random": {},
        "facility location": {"strategy": "facility_location"},
        "facility location, weighted by cluster size": {
            "strategy": "facility_location",
            "weights": {"by": "cluster_size"},
        },
        "set cover": {"strategy": "set_cover"},
        "k-center": {"strategy": "k_center"},
        "k-means centers": {"strategy": "k_means"},
        "boundary, offset .05": {"strategy": "boundary", "offset": 0.05},
        "random in ranks 5–55 %": {"strategy": "random", "within": "boundary", **band},
        "facility location in ranks 5–55 %": {"strategy": "facility_location", "within": "boundary", **band},
    }
    found = {
        (name, share): run(
            f"{name} {share} %", [size.recipe(seed=seed, share=share / 100, **how) for seed in range(size.seeds)]
        )
        for name, how in strategies.items()
        for share in (20, 40)
    }
    print("\n| strategy | 20 % | over chance | 40 % | over chance |")
    print("|---|---|---|---|---|")
    for name in strategies:
        cells = [
            f"{mean(found[name, share])} | {gain(found[name, share], found['at random', share])}" for share in (20, 40)
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def noise(run: Runner) -> None:
    """Print what facilities and weights give where labels are wrong, beside the published table."""
    for share in NOISES:
        found = _noisy(run, share)
        print(f"\n| {share:g} wrong | accuracy | over full | published: CIFAR-10 | wrong: % of images | of weight |")
        print("|---|---|---|---|---|---|")
        published = PUBLISHED_NOISE[share]
        for title, row, measured in found:
            told = f"{published[row]:.2f} ({published[row] - published['full']:+.2f})" if row in published else "–"
            wrong = " | ".join(
                f"{100 * np.mean([getattr(one, part) for one in measured]):.1f}" for part in ("wrong", "weight")
            )
            print(f"| {title} | {mean(measured)} | {gain(measured, found[0][2])} | {told} | {wrong} |")


def _noisy(run: Runner, share: float) -> list[tuple[str, str, list[Measured]]]:
    """Return (title, row of the published table or nothing, what was measured)."""
    size = run.size
    wide = [run.radius(size.recipe(seed=seed, noise=share)) for seed in range(size.seeds)]
    print(f"radius at noise {share:g}: {', '.join(map(str, wide))}", flush=True)
    facilities = {"strategy": "facility_location", "share": RATIO}
    everywhere = {**facilities, "coverage": {"classwise": False}}
    agreement, around = {"by": "label_agreement"}, {"by": "within_radius"}
    sets: list[tuple[str, str, dict[str, Any], dict[str, str], bool]] = [
        ("full", "full", {}, {}, False),
        ("random .4", "", {"share": RATIO}, {}, False),
        ("FL .4", "fl", facilities, {}, False),
        ("FL .4, classes ignored", "fl", everywhere, {}, False),
        ("weighted: points within r", "weighted", {}, around, True),
        ("weighted: label agreement", "weighted", {}, agreement, True),
        ("FL .4 weighted: points within r", "fl_weighted", facilities, around, True),
        ("FL .4 weighted: label agreement", "fl_weighted", facilities, agreement, False),
        ("FL .4, classes ignored, weighted: points within r", "fl_weighted", everywhere, around, True),
        ("FL .4, classes ignored, weighted: label agreement", "fl_weighted", everywhere, agreement, False),
    ]
    found = []
    for title, row, chosen, by, balls in sets:
        recipes = [
            size.recipe(seed=seed, noise=share, weights={**by, "radius": radius} if balls else by, **chosen)
            for seed, radius in enumerate(wide)
        ]
        found.append((title, row, run(f"noise {share:g}, {title}", recipes)))
    return found


def mean(measured: list[Measured]) -> str:
    values = [100 * one.accuracy for one in measured]
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def gain(measured: list[Measured], over: list[Measured]) -> str:
    """Return the mean difference, in points, and its spread over the seeds: every seed against its own."""
    apart = [100 * (one.accuracy - other.accuracy) for one, other in zip(measured, over, strict=True)]
    if measured is over:
        return "–"
    return f"{np.mean(apart):+.2f}" + (f" ± {np.std(apart, ddof=1):.2f}" if len(apart) > 1 else "")


PARTS = {"shares": shares, "noise": noise, "others": others}
