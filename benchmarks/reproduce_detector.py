"""Tan, Gao & Li 2022, "A Simple Structure for Building a Robust Model", its tables again: accuracy by kind of attack
after plain training, after training on a sampled database of attacked images, and with a detector trained along.

Every image is attacked six ways through the plainly trained network, training and test images alike, as in the source;
so on that network attacks are white-box, on the others transferred. ``overall`` is what a test set of the training's
ratio, ½ unless said, would give: (1 − ratio) · clean + ratio · the mean of the kinds. Every training is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from curation.cli.terminal import Bars
from curation.engine import choose
from curation.evaluation.settings import Evaluation
from curation.evaluation.training_set import TrainingSet
from curation.evaluation.trials import load_target, train_trial, trials_of
from curation.models.detector import detector_of
from curation.models.prediction import predict
from curation.pipeline import Pipeline
from curation.pipeline.execution import run_tasks
from curation.plugin import fingerprint
from curation.recipe import Recipe
from curation.scores import LooksAttacked
from curation.storage.files import digest
from curation.storage.workspace import Workspace
from curation.training.samplers import About

KINDS = ("clean", "gaussian", "fgsm", "bim", "deepfool", "carlini_wagner", "style_transfer")
RATIOS = (0.25, 0.5, 0.75)

FORMS = "forms"
"""The part that compares forms of the detector, by name."""

PUBLISHED = {"baseline": 0.6778, "adversarial": 0.8464, "detector": 0.8688}
"""Accuracy at ratio ½, CIFAR-10."""

PUBLISHED_KINDS = {
    "baseline": (0.9012, 0.6616, 0.307, 0.1748, 0.1984, 0.1074, 0.6236),
    "adversarial": (0.8737, 0.8282, 0.751, 0.7906, 0.867, 0.7736, 0.836),
    "detector": (0.8916, 0.8542, 0.7834, 0.8296, 0.8884, 0.8066, 0.8592),
}
"""The same by kind, in the order of ``KINDS``."""

PUBLISHED_DETECTORS = {("full", 0.75, 2): 0.8536, ("low", 0.5, 4): 0.734}
"""Input, ratio and layers → accuracy of the detector."""


@dataclass(frozen=True)
class Size:
    """What is attacked and trained on: source block, images of each split, the ``train`` block of all networks."""

    source: dict[str, Any]
    images: int
    test_images: int
    architecture: str
    train: dict[str, Any]
    attacks: list[dict[str, Any]]
    cooperative: dict[str, Any]
    detectors: list[tuple[str, float, int]]
    seeds: int

    def recipe(self, **changes: Any) -> Recipe:
        """Return the recipe of the database of one split."""
        goal = {"architecture": self.architecture, "train": self.train}
        recipe = Recipe.parse(
            {
                "source": {**self.source, "limit": self.images},
                "goal_model": goal,
                "variants": {"corruption": None, "adversarial": self.attacks},
                "selection": {"budget": self.images, "mix": [1, 0, 0], "strategy": "random"},
            }
        )
        return recipe.with_changes(**changes)


def attacks(*, searched: int) -> list[dict[str, Any]]:
    """Return the six attacks as the source's code has them; searched: steps of Carlini & Wagner's."""
    return [
        {"attack": "gaussian", "sigma": 0.1},
        {"attack": "fgsm", "loss": "ce", "epsilon": 0.0247},
        {"attack": "bim", "loss": "ce", "epsilon": 0.0259, "steps": 6},
        {"attack": "deepfool", "steps": 5, "overshoot": 0},
        {"attack": "carlini_wagner", "initial_c": 1, "binary_search_steps": 1, "steps": searched},
        {"attack": "style_transfer", "steps": 10, "step_size": 0.1, "momentum": 0.9},
    ]


def small(source: dict[str, Any], *, seeds: int) -> Size:
    """Return what two cores do in an hour: 2,000 images, a tiny network, fewer steps of the costliest attack."""
    return Size(
        source=source,
        images=2000,
        test_images=500,
        architecture="tiny_resnet",
        train={"preset": "fast", "epochs": 18, "flip": True},
        attacks=attacks(searched=30),
        cooperative={},
        detectors=[("low", ratio, 2) for ratio in RATIOS] + [("low", 0.5, 4), ("full", 0.75, 2)],
        seeds=seeds,
    )


def forms(source: dict[str, Any], *, seeds: int) -> Size:
    """Return what tries every form of the detector at ratio ½ in minutes: 400 images, a third as many epochs."""
    return replace(
        small(source, seeds=seeds),
        images=400,
        test_images=200,
        train={"preset": "fast", "epochs": 6, "flip": True},
        detectors=[(seen, 0.5, layers) for seen in ("low", "full") for layers in (2, 4, 8)],
    )


def full(source: dict[str, Any], *, seeds: int) -> Size:
    """Return the published size; a cosine takes the place of a schedule that we do not know.

    Cooperative trainings have half as many epochs more, in which the network is trained that is frozen then.
    """
    train = {
        "epochs": 150,
        "batch_size": 128,
        "learning_rate": 0.01,
        "nesterov": False,
        "weight_decay": 5e-4,
        "warm_up": 0.0,
        "crop_padding_px": 4,
        "flip": True,
    }
    return Size(
        source=source,
        images=45_000,
        test_images=5000,
        architecture="resnet34",
        train=train,
        attacks=attacks(searched=100),
        cooperative={"epochs": 225, "detector_rate": 1.0},
        detectors=[(seen, ratio, layers) for seen in ("low", "full") for ratio in RATIOS for layers in (2, 4, 8)],
        seeds=seeds,
    )


class Measured(NamedTuple):
    """Of each kind: accuracy, and share of the images that look attacked (NaN without a detector)."""

    accuracy: pd.Series
    flagged: pd.Series


class Database(NamedTuple):
    """Images uint8 N×H×W×C, clean and attacked; labels, sample_ids int64 N; kinds, N names; classes, K names."""

    images: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray
    kinds: np.ndarray
    classes: list[str]


class Runner:
    """Attacks, trains and measures; what is kept is not done again."""

    def __init__(self, size: Size, workspace: Workspace) -> None:
        self.size = size
        self.workspace = workspace

    @cached_property
    def train(self) -> Database:
        """Every training image, clean and attacked."""
        return self._database(self.size.recipe())

    @cached_property
    def test(self) -> Database:
        """Test images, clean and attacked through the same network."""
        assert len(self.train.images)  # which trains that network
        weights = self.workspace.model(Pipeline(self.size.recipe(), self.workspace).plan.model_key).weights
        changes = {"source.split": "test", "source.limit": self.size.test_images, "goal_model.checkpoint": str(weights)}
        return self._database(self.size.recipe(**changes))

    def _database(self, recipe: Recipe) -> Database:
        pipeline = Pipeline(recipe, self.workspace)
        with Bars() as report:
            pipeline.run(("ingest", "goal_model", "adversarial"), report=report)
        samples, sets = pipeline.samples, pipeline.plan.image_sets()
        rows = np.arange(len(samples))
        return Database(
            np.concatenate([images.frozen().gather(rows) for images in sets]),
            np.tile(samples.labels, len(sets)),
            np.tile(samples.sample_ids, len(sets)),
            np.repeat([images.kind for images in sets], len(samples)),
            samples.classes,
        )

    def __call__(self, name: str, **schedule: Any) -> list[Measured]:
        """Train with every seed on the database, by a schedule's further settings, and measure."""
        found = [self._one(name, seed, {**self.size.train, **schedule}) for seed in range(self.size.seeds)]
        print(f"{name}: {', '.join(f'{100 * overall(one.accuracy):.2f}' for one in found)}", flush=True)
        return found

    def _one(self, name: str, seed: int, schedule: dict[str, Any]) -> Measured:
        evaluation = Evaluation.parse({"targets": [self.size.architecture], "seeds": 1, "schedule": schedule})
        sampling = evaluation.schedule.sampling
        assert sampling is not None
        images, labels, ids, kinds, classes = self.train
        counts = {"clean": int((kinds == "clean").sum()), "adversarial": int((kinds != "clean").sum())}
        data = TrainingSet(images, labels, None, ids, counts, classes, sampling.of(About(labels, ids, kinds)))
        device = choose().device
        (trial,) = trials_of(name, data.key, evaluation, seed=seed)
        with Bars() as report:
            training = partial(train_trial, self.workspace, trial, data, evaluation, device)
            run_tasks(choose(), [training], "train", report=report)
        kept = self.workspace.predictions(
            fingerprint(["attacked test images", trial.key, digest(self.test.images.data)])
        )
        if kept.missing():
            network = load_target(self.workspace.target(trial.key))
            table: dict[str, np.ndarray] = {}
            table["right"] = predict(network, self.test.images, device=device).argmax(1).numpy() == self.test.labels
            detector = detector_of(network)
            if detector is not None:
                looks = LooksAttacked()(predict(detector, self.test.images, device=device)).numpy()
                table["flagged"] = looks >= 0.5
            kept.write(0, pd.DataFrame(table))
        by_kind = kept.table(0).groupby(self.test.kinds).mean().reindex(KINDS)
        return Measured(by_kind["right"], by_kind.get("flagged", pd.Series(np.nan, KINDS)))


def overall(by_kind: pd.Series, ratio: float = 0.5) -> float:
    """Return the accuracy on a test set of this share of attacked images, every kind as often."""
    return float((1 - ratio) * by_kind["clean"] + ratio * by_kind.drop("clean").mean())


def told(flagged: pd.Series, ratio: float) -> float:
    """Return the accuracy of a detector on such a test set."""
    return float((1 - ratio) * (1 - flagged["clean"]) + ratio * flagged.drop("clean").mean())


def accuracies(run: Runner) -> None:
    """Print accuracy by ratio, then by kind at ratio ½, beside the published figures."""
    found = {("baseline", 0.5): run("baseline", sampling={"ratio": [0, 0]})}
    for ratio in RATIOS:
        found["adversarial", ratio] = run(f"sampled {ratio}", sampling={"ratio": [ratio, ratio]})
        found["detector", ratio] = _cooperative(run, "low", ratio, 2)
    print("\n| training | ratio | overall at ½ | over the baseline | published (over the baseline) |")
    print("|---|---|---|---|---|")
    baseline = _mean(found["baseline", 0.5])
    for (name, ratio), measured in found.items():
        published = PUBLISHED[name] if ratio == 0.5 else None
        beside = f"{100 * published:.2f} ({100 * (published - PUBLISHED['baseline']):+.2f})" if published else "–"
        mean = _mean(measured)
        print(
            f"| {name} | {'–' if name == 'baseline' else ratio} | {100 * overall(mean):.2f} | "
            f"{100 * (overall(mean) - overall(baseline)):+.2f} | {beside} |"
        )
    print(f"\n| at ratio ½ | {' | '.join(KINDS)} |")
    print(f"|---|{'---|' * len(KINDS)}")
    for name, theirs in PUBLISHED_KINDS.items():
        ours = _mean(found[name, 0.5])
        print(f"| {name} | {' | '.join(f'{100 * ours[kind]:.1f}' for kind in KINDS)} |")
        print(f"| {name}, published | {' | '.join(f'{100 * value:.1f}' for value in theirs)} |")


def detectors(run: Runner) -> None:
    """Print what each detector tells apart, on test images of its training's ratio, beside the published figures."""
    found = {form: _cooperative(run, *form) for form in run.size.detectors}
    print("\n| input | ratio | layers | right at its ratio | published | mean of both | by kind: look attacked |")
    print("|---|---|---|---|---|---|---|")
    for (seen, ratio, layers), measured in found.items():
        flagged = pd.concat([one.flagged for one in measured], axis=1).mean(axis=1)
        published = PUBLISHED_DETECTORS.get((seen, ratio, layers))
        beside = "–" if published is None else f"{100 * published:.1f}"
        kinds = ", ".join(f"{kind} {100 * flagged[kind]:.0f}" for kind in KINDS)
        print(
            f"| {seen} | {ratio} | {layers} | {100 * told(flagged, ratio):.1f} | {beside} | "
            f"{100 * told(flagged, 0.5):.1f} | {kinds} |"
        )


def _cooperative(run: Runner, seen: str, ratio: float, layers: int) -> list[Measured]:
    return run(
        f"detector {seen}, {layers} layers, {ratio}",
        method="cooperative",
        sampling={"ratio": [ratio, ratio]},
        detector_input=seen,
        detector_layers=layers,
        **run.size.cooperative,
    )


def _mean(measured: list[Measured]) -> pd.Series:
    return pd.concat([one.accuracy for one in measured], axis=1).mean(axis=1)


def detector(size: Size, workspace: Workspace, *, only: str | None = None) -> None:
    """Print all tables. Args: only: ``forms``: of detectors alone."""
    run = Runner(size, workspace)
    if only != FORMS:
        accuracies(run)
    detectors(run)
