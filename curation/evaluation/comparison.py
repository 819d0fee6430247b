"""The results of an evaluation in words and steps: the best recipe, its gains, and what each decision adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.evaluation.baselines import BASELINES, baselines
from curation.evaluation.metrics import Interval, gain, robustness
from curation.evaluation.results import Results, seen
from curation.evaluation.settings import Evaluation
from curation.recipe import Recipe, recipe_differences
from curation.storage.workspace import Workspace

PUBLISHED = (
    ("Quick start with corruptions", 2.97),
    ("Samples near the boundary", 16.08),
    ("Hardness control on samples", 12.08),
    ("Hardness control on the goal model", 1.72),
)
"""Gains in points of the contest's score. Source: Wang & Fang 2022, "Goal-Oriented Data-Centric Robust Learning",
table 1."""


CONTEST_SCORES = {"stage 1": (75.23, 98.96), "stage 2": (63.31, 85.19)}
"""The contest's baseline and the third and fourth place's score, in percent. Source: Zhong et al. 2022, "Exploiting the
Potential of Datasets"."""

CIFAR = ((32, 32, 3), 10)
"""Shape and number of classes of the contest's images."""


def contest_words(results: Results) -> str:
    """Return the contest's scores in a sentence where P is somebody's own and could be the contest's, else nothing."""
    about = results.record.get("about_suite") or {}
    shape, classes = about.get("shape"), about.get("classes")
    if results.evaluation.suite.path is None or (tuple(shape or ()), classes) != CIFAR:
        return ""
    scores = "; ".join(f"{stage} {before} → {after} %" for stage, (before, after) in CONTEST_SCORES.items())
    return (
        f"Published contest scores, baseline → optimized set (Zhong et al. 2022): {scores}. They compare with the "
        "micro average here, and only if this P is the contest's own test set."
    )


def over(results: Results, title: str, other: str, *, target: str | None = None) -> dict[str, Interval] | None:
    """Return what a set gains on another, figure by figure, over the trainings that both have; None without one."""
    mine, theirs = results.paired(title, other, target=target)
    return gain(mine, theirs) if mine else None


@dataclass(frozen=True)
class Leader:
    """The best recipe: its set; over_clean: its gain in R over clean images; rival: the best baseline, None: there is
    none; over_rival: its gain in R on that one; trainings: how many of the set are measured. Gains are None where the
    two have no training in common."""

    set: str
    over_clean: Interval | None
    rival: str | None
    over_rival: Interval | None
    trainings: int

    @property
    def verdict(self) -> str:
        """How it stands, in one plain sentence; empty while there is nothing to compare with."""
        compared = {"clean": self.over_clean} | ({self.rival: self.over_rival} if self.rival else {})
        words = [f"{_stands(found)} {_called(name)}" for name, found in compared.items() if found]
        sentence = "; ".join(words)
        return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def _called(name: str) -> str:
    return BASELINES[name].called if name in BASELINES else name


def _stands(found: Interval) -> str:
    if found.low > 0:
        return "better than"
    if found.high < 0:
        return "worse than"
    return "not clearly better than" if found.value > 0 else "not better than"


def leader(results: Results, table: pd.DataFrame, *, target: str | None = None) -> Leader | None:
    """Return who leads a leaderboard among the recipes, and how it stands; None while no recipe is measured."""
    measured = table[table["R"].notna()]
    recipes, others = measured[measured["role"] == "recipe"], measured[measured["role"] != "recipe"]
    if recipes.empty:
        return None
    best = str(recipes["set"].iloc[0])
    rival = str(others["set"].iloc[0]) if len(others) else None

    def gained(other: str) -> Interval | None:
        found = over(results, best, other, target=target)
        return None if found is None else found["R"]

    clean = gained("clean") if (others["set"] == "clean").any() else None
    return Leader(best, clean, rival, gained(rival) if rival else None, int(recipes["trainings"].iloc[0]))


def steps(results: Results, recipe: str, *, target: str | None = None) -> pd.DataFrame:
    """Return what each decision adds, from clean images to a recipe, and to it under other goal models.

    Sets that are not measured are left out, and their decisions are taken with the next. Recipes of the evaluation that
    differ from this one in their goal model only come last, each compared with it.

    Columns: set, step, takes (in words), R, over (the set before, "" for the first), gain, gain_low, gain_high (on it).
    """
    ladder = [(baseline.name, *baseline.decision) for baseline in BASELINES if baseline.decision]
    ladder.append((recipe, "offset", "The recipe: its offset, floor and strategy"))
    rows: list[dict[str, object]] = []
    decisions: list[str] = []

    def add(name: str, step: str, takes: str, over_: str) -> bool:
        tables = results.predictions(name, target=target) if name in results.sets else []
        if not tables:
            return False
        row: dict[str, object] = {"set": name, "step": step, "takes": takes, "over": over_}
        row["R"] = float(np.mean([robustness(table)["R"] for table in tables]))
        found = over(results, name, over_, target=target) if over_ else None
        value, low, high = found["R"] if found else (np.nan, np.nan, np.nan)
        rows.append({**row, "gain": value, "gain_low": low, "gain_high": high})
        return True

    for name, decision, takes in ladder:
        decisions.append(decision)
        *most, last = decisions
        step = f"{', '.join(most)} and {last}" if most else last
        step = f"+ {step}" if rows else step.capitalize()
        if add(name, step, takes, str(rows[-1]["set"]) if rows else ""):
            decisions = []
    if rows and rows[-1]["set"] == recipe:
        for name in guided_otherwise(results, recipe):
            words = name.removeprefix(f"{recipe}, ") if name.startswith(f"{recipe}, ") else f"of {name}"
            add(name, f"+ goal model {words}", "The recipe under another goal model", recipe)
    return pd.DataFrame(rows, columns=["set", "step", "takes", "R", "over", "gain", "gain_low", "gain_high"])


def guided_otherwise(results: Results, recipe: str) -> list[str]:
    """Return the recipes of an evaluation that differ from one of them in their goal model only."""
    mine = results.recipes[recipe]

    def of_goal_model(other: Recipe) -> bool:
        found = {path.split(".")[0] for path in recipe_differences(mine, other)} - {"name", "note"}
        return found == {"goal_model"}

    return [name for name, other in results.recipes.items() if of_goal_model(other)]


@dataclass(frozen=True)
class Cost:
    """trainings: how many; images: seen by all of them; seconds: of training, None where a target was never timed."""

    trainings: int
    images: int
    seconds: float | None


def cost(recipes: Mapping[str, Recipe], evaluation: Evaluation, workspace: Workspace) -> Cost:
    """Return what an evaluation would take at most, by the rates measured in this workspace."""
    first = next(iter(recipes.values()))
    sets = len(recipes) + len(baselines(first, evaluation.baselines))
    each = sum(evaluation.schedule.shown(first.selection.budget)) * evaluation.seeds * sets
    found = rates(workspace)
    known = all(target in found for target in evaluation.targets)
    seconds = sum(each / found[target] for target in evaluation.targets) if known else None
    return Cost(sets * len(evaluation.targets) * evaluation.seeds, each * len(evaluation.targets), seconds)


def rates(workspace: Workspace) -> dict[str, float]:
    """Return the images per second at which each architecture was trained as a target, in the newest evaluations."""
    found: dict[str, float] = {}
    for name in workspace.evaluations():
        results = Results(workspace, name)
        done = results.trials[results.trials["seconds"] > 0]
        for trial in done.itertuples():
            images = seen(results.sets[str(trial.set)], results.evaluation.schedule.epochs)
            found[str(trial.target)] = images / float(str(trial.seconds))
    return found
