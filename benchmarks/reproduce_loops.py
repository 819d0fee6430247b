"""Cai, Cao & Liu, "An Empirical Study of Robust Deep Models", as its loops have it: chosen before each epoch, while the
network learns, with a learning rate that falls in steps.

``loops``: facility location on p − y before each epoch after a warm-up, in the order of choice and weighted by the
points that each stands for, beside the same number at random in each epoch and beside one choice for all epochs.
``loops_noise``: where labels are wrong; with and without weights. ``clusters``: one image of each ball of a radius in
each epoch, by radius. ``spaces``: one choice, by the layer and by the epochs of the goal model that see the images.
At CPU size a training has few images and many epochs, so that wrong labels are learned by heart, as they are in print.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.reproduce_coverage import (
    PARTS,
    PUBLISHED_NOISE,
    PUBLISHED_SHARES,
    RATIO,
    Measured,
    Runner,
    Size,
    full,
    gain,
    mean,
    small,
)
from curation.recipe import Recipe
from curation.recipe.goal_model import kept_epochs
from curation.storage.workspace import Workspace

FASTER = {"at": (60, 90, 120, 160), "factor": 0.3}
NOISY = {"at": (120, 160), "factor": 0.01}
"""Steps of 200 epochs, for faster training and for wrong labels."""

WARM_UP = 0.1
"""Share of the epochs that show all images first; in print it is not told."""

RADII = {1.5: (46_078, 92.70), 1.6: (43_105, 92.26), 1.7: (38_964, 91.55), 2.0: (23_346, 87.57)}
"""Radius → clusters of CIFAR-10's 50,000 images, and accuracy, %; with all images 92.65."""


@dataclass(frozen=True)
class Loops:
    """size: images, goal model and seeds; schedule: a ``train`` block without decay, of some epochs."""

    size: Size
    schedule: dict[str, Any]

    def train(self, decay: dict[str, Any], sampling: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the schedule with a decay of 200 epochs brought to its own, and a sampler after the warm-up."""
        epochs = self.schedule["epochs"]
        steps = {"at": [round(at * epochs / 200) for at in decay["at"]], "factor": decay["factor"]}
        sampled = sampling and {"warm_up": round(WARM_UP * epochs), **sampling}
        return {**self.schedule, "decay": steps, "sampling": sampled}


def loops_small(source: dict[str, Any], *, seeds: int) -> Loops:
    """Return what two cores do in a quarter of an hour."""
    size = small(source, seeds=seeds)
    schedule = {
        "epochs": 50,
        "batch_size": 32,
        "learning_rate": 0.1,
        "nesterov": False,
        "weight_decay": 2e-4,
        "warm_up": 0.0,
        "flip": True,
    }
    return Loops(replace(size, images=800), schedule)


def loops_full(source: dict[str, Any], *, images: int, seeds: int) -> Loops:
    """Return the published size."""
    size = full(source, images=images, seeds=seeds)
    return Loops(size, size.train)


class Looped:
    """Measures recipes under a schedule and a sampler; one runner a schedule."""

    def __init__(self, loops: Loops, workspace: Workspace) -> None:
        self.loops, self.size, self.workspace = loops, loops.size, workspace

    def __call__(
        self, name: str, recipes: list[Recipe], decay: dict[str, Any], sampling: dict[str, Any] | None = None
    ) -> list[Measured]:
        """Return what was measured, one a recipe."""
        return Runner(self.size, self.workspace, self.loops.train(decay, sampling))(name, recipes)

    def recipes(self, **how: Any) -> list[Recipe]:
        """Return a recipe a seed."""
        return [self.size.recipe(seed=seed, **how) for seed in range(self.size.seeds)]


def loops(run: Looped) -> None:
    """Print accuracy against the share that an epoch shows."""
    whole = run("full", run.recipes(), FASTER)
    published = PUBLISHED_SHARES.get(run.size.source["reader"], PUBLISHED_SHARES["cifar10"])
    rows = []
    for share in (20, 40, 80):
        each = {"ratio": share / 100}
        rows.append(
            (
                share,
                run(f"FL in each epoch {share} %", run.recipes(), FASTER, {"method": "facility_location", **each}),
                run(f"random in each epoch {share} %", run.recipes(), FASTER, {"method": "random", **each}),
                run(f"FL once {share} %", run.recipes(share=share / 100, strategy="facility_location"), FASTER),
            )
        )
    print(
        "\n| an epoch shows | FL in each epoch | over 100 % | at random in each epoch | FL over random | FL once | "
        "published: FL (over 100 %) |"
    )
    print("|---|---|---|---|---|---|---|")
    for share, chosen, chance, once in rows:
        told = f"{published[share]:.2f} ({published[share] - published[100]:+.2f})"
        print(
            f"| {share} % | {mean(chosen)} | {gain(chosen, whole)} | {mean(chance)} | {gain(chosen, chance)} | "
            f"{mean(once)} | {told} |"
        )
    print(f"| 100 % | {mean(whole)} | – | {mean(whole)} | – | {mean(whole)} | {published[100]:.2f} |")


def loops_noise(run: Looped) -> None:
    """Print what facilities and weights in each epoch give where labels are wrong, beside the published table."""
    for share in PUBLISHED_NOISE:
        published, recipes = PUBLISHED_NOISE[share], run.recipes(noise=share)
        chosen = {"method": "facility_location", "ratio": RATIO}
        agreement = {"weigh": "label_agreement"}
        near = np.mean([Runner(run.size, run.workspace).radius(recipe) for recipe in recipes])
        rows: list[tuple[str, str, dict[str, Any] | None]] = [
            ("full", "full", None),
            (f"{RATIO:g} at random", "", {"method": "random", "ratio": RATIO}),
            (f"FL {RATIO:g}", "fl", {**chosen, "weigh": "none"}),
            (f"FL {RATIO:g}, classes ignored", "fl", {**chosen, "weigh": "none", "classwise": False}),
            (
                "weighted: label agreement",
                "weighted",
                {**chosen, "ratio": 1, **agreement, "radius": float(f"{near:.3g}")},
            ),
            (f"FL {RATIO:g} weighted: points covered", "fl_weighted", chosen),
            (f"FL {RATIO:g} weighted: label agreement", "fl_weighted", {**chosen, **agreement}),
            (f"{RATIO:g} clusters weighted: label agreement", "fl_weighted", {"method": "clusters", **agreement}),
        ]
        found = [(title, row, run(f"noise {share:g}, {title}", recipes, NOISY, how)) for title, row, how in rows]
        print(f"\n| {share:g} wrong, in each epoch | accuracy | over full | published: CIFAR-10 |")
        print("|---|---|---|---|")
        for title, row, measured in found:
            told = f"{published[row]:.2f} ({published[row] - published['full']:+.2f})" if row in published else "–"
            print(f"| {title} | {mean(measured)} | {gain(measured, found[0][2])} | {told} |")


def clusters(run: Looped) -> None:
    """Print accuracy by the radius of clusters of which an epoch shows one image each."""
    recipes = run.recipes()
    whole = run("full", recipes, FASTER)
    print(
        "\n| clusters, % of images | weighted by size | over 100 % | not weighted | published: r, accuracy (over all) |"
    )
    print("|---|---|---|---|---|")
    for radius, (count, accuracy) in RADII.items():
        wide = [Runner(run.size, run.workspace).radius(recipe, count / 50_000) for recipe in recipes]
        by = {"method": "clusters", "by": "radius", "space": "given", "warm_up": 0}
        measured = [
            [
                run(f"clusters r = {radius:g}, {weigh}", [recipe], FASTER, {**by, "radius": r, "weigh": weigh})[0]
                for recipe, r in zip(recipes, wide, strict=True)
            ]
            for weigh in ("cluster_size", "none")
        ]
        print(
            f"| {count / 500:.0f} % | {mean(measured[0])} | {gain(measured[0], whole)} | {mean(measured[1])} | "
            f"{radius:g}, {accuracy:.2f} ({accuracy - 92.65:+.2f}) |"
        )


def spaces(run: Looped) -> None:
    """Print accuracy by the space in which one choice of the images was made: layer, and epochs joined."""
    kept = kept_epochs(int(run.size.train["epochs"]))
    late = [epoch for epoch in kept if epoch > run.size.train["epochs"] / 2]
    asked = {
        "at random": {},
        "features": {"space": "features"},
        "p − y": {"space": "softmax_gradient"},
        "last layer's gradient": {"space": "last_layer_gradient"},
        f"p − y after epochs {', '.join(map(str, late))}": {"space": "softmax_gradient", "epochs": late},
        f"p − y after epoch {kept[0]}": {"space": "softmax_gradient", "epochs": kept[:1]},
    }
    print(f"\n| {100 * RATIO:g} % by FL once, in | accuracy | over chance |")
    print("|---|---|---|")
    first: list[Measured] = []
    for title, where in asked.items():
        how: dict[str, Any] = {"strategy": "facility_location", "coverage": where} if where else {}
        measured = run(f"space: {title}", run.recipes(share=RATIO, **how), FASTER)
        first = first or measured
        print(f"| {title} | {mean(measured)} | {gain(measured, first)} |", flush=True)


LOOPS = {"loops": loops, "loops_noise": loops_noise, "clusters": clusters, "spaces": spaces}

ALL = (*PARTS, *LOOPS)
"""The parts of the study, by name."""


def coverage(size: Size, looped: Loops, workspace: Workspace, *, only: str | None = None) -> None:
    """Print all tables, or one part."""
    run, in_loops = Runner(size, workspace), Looped(looped, workspace)
    for name in ALL if only is None else [only]:
        print(f"\n## {name}", flush=True)
        if name in PARTS:
            PARTS[name](run)
        else:
            LOOPS[name](in_loops)
