"""Goal models side by side: which ones there are, how strong each is, and how far their choices agree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from curation.errors import CurationError, UsageError
from curation.pipeline import Pipeline
from curation.plugin import PixelFloat, explain
from curation.recipe import GoalModel, Recipe
from curation.selection.pool import FAMILIES
from curation.storage.workspace import Workspace
from curation.training.methods import METHODS

BINS = 40
"""Bars of a histogram of entropies."""

_EPSILON = TypeAdapter[float](PixelFloat)


def candidates(workspace: Workspace) -> pd.DataFrame:
    """Return one row a goal model that is kept: every finished one, and each of its earlier epochs.

    Columns: key (of its training), epoch and epochs (Int64, <NA> for somebody's weights), architecture, method (how it
    was trained; loaded: somebody's weights), epsilon (NaN where it was trained plainly), test_accuracy, train_accuracy
    (NaN: not measured; of earlier epochs on fewer images), seconds (of training, up to that epoch), checkpoint (the
    file loaded, or None), start_from (the weights that its training started from, or None), samples (the digest of
    those it was trained on, or None).
    """
    rows: list[dict[str, Any]] = []
    for key, about in workspace.models().items():
        kept, settings = workspace.model(key), about["settings"]
        training, loaded = settings["train"], settings["checkpoint"] is not None
        perturbs = not loaded and training["method"] in METHODS and METHODS[training["method"]].perturbs
        shared = {
            "key": key,
            "architecture": about["architecture"],
            "epochs": None if loaded else training["epochs"],
            "method": "loaded" if loaded else training["method"],
            "epsilon": _EPSILON.validate_python(training["epsilon"]) if perturbs else math.nan,
            "checkpoint": settings["checkpoint"],
            "start_from": (settings.get("start_from") or {}).get("weights"),
            "samples": about.get("samples"),
        }
        history = about["history"] or [{}]
        seconds = np.cumsum([row.get("seconds", 0.0) for row in history])
        for index, row in enumerate(history):
            last = index == len(history) - 1
            if (last or "digest" in row) and kept.ready(None if last else row["epoch"]):
                measured = about if last else row
                accuracies = {name: measured[name] for name in ("test_accuracy", "train_accuracy")}
                rows.append({**shared, "epoch": row.get("epoch"), **accuracies, "seconds": float(seconds[index])})
    columns = ["key", "architecture", "epoch", "method", "epsilon", "epochs", "test_accuracy", "train_accuracy"]
    table = pd.DataFrame(rows, columns=[*columns, "seconds", "checkpoint", "start_from", "samples"])
    types: dict[str, Any] = {"epoch": "Int64", "epochs": "Int64", "test_accuracy": float, "train_accuracy": float}
    return table.astype({**types, "epsilon": float, "seconds": float})


def offered(table: pd.DataFrame, *, earlier: bool) -> pd.DataFrame:
    """Return the candidates, those of earlier epochs only where asked for."""
    return table if earlier else table[_last(table)].reset_index(drop=True)


def any_earlier(table: pd.DataFrame) -> bool:
    """Return whether earlier epochs are among the candidates."""
    return not _last(table).all()


def _last(table: pd.DataFrame) -> np.ndarray:
    """Return which candidates are whole trainings or somebody's weights, bool N."""
    return (table["epoch"].isna() | (table["epoch"] == table["epochs"])).fillna(value=True).to_numpy(bool)


def named(table: pd.DataFrame) -> list[str]:
    """Return what people call each candidate: unlike any other's."""
    names = []
    for row in table.to_dict("records"):
        start = "fine-tuned" if isinstance(row["start_from"], str) and row["method"] != "loaded" else ""
        words = [row["architecture"], start, "" if row["method"] == "plain" else row["method"]]
        if not math.isnan(row["epsilon"]):
            words.append(f"{row['epsilon'] * 255:.3g}/255")
        if not pd.isna(row["epoch"]):
            words.append(f"epoch {row['epoch']}" + ("" if row["epoch"] == row["epochs"] else f" of {row['epochs']}"))
        names.append(" ".join(str(word) for word in words if word) + f" · {row['key'][:5]}")
    return names


def in_use(table: pd.DataFrame, key: str, epoch: int | None) -> int | None:
    """Return the row of a training's key and epoch (None: its last), where it is among the candidates."""
    at = _last(table) if epoch is None else (table["epoch"] == epoch).fillna(value=False).to_numpy(bool)
    rows = np.flatnonzero((table["key"] == key).to_numpy(bool) & at)
    return int(rows[0]) if len(rows) else None


def shown(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return name, train_accuracy and test_accuracy (in %) and seconds of each candidate."""
    percent = 100 * table[["train_accuracy", "test_accuracy"]]
    return pd.concat([pd.Series(names, name="name", dtype=str), percent, table["seconds"]], axis=1)


def epoch_of(table: pd.DataFrame, index: int) -> int | None:
    """Return the epoch of a candidate, None for somebody's weights."""
    epoch = table["epoch"].iloc[index]
    return None if pd.isna(epoch) else int(epoch)


def recipe_of(workspace: Workspace, table: pd.DataFrame, index: int, recipe: Recipe) -> Recipe:
    """Return a recipe guided by one of the candidates. Raises: UsageError as ``goal_model_of``."""
    epoch = None if _last(table)[index] else epoch_of(table, index)
    return with_goal_model(recipe, goal_model_of(workspace, str(table["key"].iloc[index]), epoch=epoch))


def goal_model_of(workspace: Workspace, key: str, *, epoch: int | None = None) -> GoalModel:
    """Return the block of a recipe that names a kept goal model; on the same samples nothing is trained for it.

    Raises: UsageError: there is no such goal model, or its settings are of another version.
    """
    about = workspace.model(key).about
    if about is None:
        known = ", ".join(workspace.models()) or "none"
        raise UsageError(f"there is no finished goal model {key!r} in {workspace.root}; known: {known}")
    settings = about["settings"]
    if settings["checkpoint"] is None:
        settings = {**settings, "train": {**settings["train"], "seed": about["seed"]}}
    try:
        return GoalModel(**settings | {"epoch": epoch})
    except ValidationError as error:
        raise UsageError(explain(error, GoalModel, f"goal model {key}")) from None


def with_goal_model(recipe: Recipe, goal_model: GoalModel) -> Recipe:
    """Return a recipe guided by another goal model, and otherwise the same. Raises: UsageError as ``Recipe.parse``."""
    return recipe.with_changes(goal_model=goal_model)


def strengths(
    recipe: Recipe,
    *,
    epsilons: Iterable[float] = (),
    epochs: Iterable[int] = (),
    architectures: Iterable[str] = (),
    kept_epochs: Iterable[int] = (),
) -> dict[str, Recipe]:
    """Return a recipe and variations of its goal model, by name, the recipe itself first as "base".

    One thing is varied at a time, never two together: n values give at most n variations, without those that equal the
    recipe. Each value is of one training more, but for ``kept_epochs``.

    Args:
        epsilons: L∞ radii of adversarial training, pixels in [0, 1]; 0: trained plainly. The recipe's own method is
            kept where it is an adversarial one.
        epochs: lengths of the training, with the weights after the last one.
        architectures: names.
        kept_epochs: epochs of the recipe's own training, with the weights as they were after each.

    Raises: UsageError: a value that a recipe may not have, or a recipe whose goal model is somebody's weights.
    """
    goal = recipe.goal_model
    if goal.checkpoint is not None:
        raise UsageError(
            "goal_model.checkpoint names somebody's weights, which have no training to vary; leave checkpoint out"
        )
    method = goal.train.method if METHODS[goal.train.method].perturbs else "adversarial"
    found = {"base": recipe}

    def add(name: str, **parts: Any) -> None:
        one = recipe.with_changes(**{f"goal_model.{path}": part for path, part in parts.items()})
        if one.goal_model not in [other.goal_model for other in found.values()]:
            written = one.goal_model.train.model_dump(mode="json")["epsilon"]
            found[name.format(epsilon=written)] = one

    for epsilon in epsilons:
        if epsilon:
            add("epsilon {epsilon}", **{"train.method": method, "train.epsilon": epsilon})
        else:
            add("plain", **{"train.method": "plain"})
    for count in epochs:
        add(f"{count} epochs", **{"train.epochs": count, "epoch": None})
    for architecture in architectures:
        add(architecture, architecture=architecture)
    for epoch in kept_epochs:
        add(f"after epoch {epoch}", epoch=epoch)
    return found


@dataclass(frozen=True)
class Comparison:
    """What several goal models make of the same samples.

    table: a row a recipe and family: recipe, family, candidates, accuracy (of the goal model on them), entropy (mean,
    nats), chosen (images of the curated set); edges: float64 B + 1 over [0, ln K]; histograms: recipe → family → int64
    B, the candidates' entropies; chosen: recipe → int64, rising candidate_ids of its set; overlap: recipes × recipes,
    the Jaccard index of the sets' candidate_ids; sample_overlap: family → the same of the sample_ids that its chosen
    images are of (NaN: neither set has any).

    An adversarial copy is made against each goal model: under one candidate_id it is another image for each. Overlap
    counts such as one and the same candidate: it says whether the same sample under the same kind and severity is
    wanted.
    """

    table: pd.DataFrame
    edges: np.ndarray
    histograms: dict[str, dict[str, np.ndarray]]
    chosen: dict[str, np.ndarray]
    overlap: pd.DataFrame
    sample_overlap: dict[str, pd.DataFrame]

    @property
    def families(self) -> list[str]:
        """The families that have candidates."""
        there = set(self.table.loc[self.table["candidates"] > 0, "family"])
        return [family for family in FAMILIES if family in there]

    @property
    def accuracies(self) -> pd.DataFrame:
        """One row a recipe: recipe, and its goal model's accuracy on each family of candidates in %."""
        wide = self.table.pivot_table(index="recipe", columns="family", values="accuracy").reindex(list(self.chosen))
        return (100 * wide[[family for family in FAMILIES if family in wide]]).reset_index()


def compare(pipelines: Mapping[str, Pipeline]) -> Comparison:
    """Compare the goal models of recipes, by name, that differ in nothing else and are computed up to their pools.

    Raises: UsageError: none given, or they differ in more than the goal model. CurationError: which of them lacks what.
    """
    _check(pipelines)
    classes = len(next(iter(pipelines.values())).samples.classes)
    edges = np.linspace(0, math.log(classes), BINS + 1)
    rows: list[dict[str, Any]] = []
    histograms: dict[str, dict[str, np.ndarray]] = {}
    chosen: dict[str, np.ndarray] = {}
    samples: dict[str, dict[str, np.ndarray]] = {family: {} for family in FAMILIES}
    for name, pipeline in pipelines.items():
        pool = pipeline.pool()
        selected = pipeline.select(pool)
        picked = pool.iloc[selected.pool_rows]
        chosen[name] = np.sort(selected.candidate_ids)
        histograms[name] = {}
        for family in FAMILIES:
            part = pool[pool["family"] == family]
            mine = picked.loc[picked["family"] == family, "sample_id"].to_numpy()
            samples[family][name] = mine
            # Rounded to float32, the entropy of an undecided sample may lie a hair above ln K.
            entropy = part["entropy"].to_numpy(np.float64).clip(0, edges[-1])
            histograms[name][family] = np.histogram(entropy, edges)[0]
            rows.append(
                {
                    "recipe": name,
                    "family": family,
                    "candidates": len(part),
                    "accuracy": float((part["prediction"] == part["label"]).mean()),
                    "entropy": float(entropy.mean()) if len(part) else math.nan,
                    "chosen": len(mine),
                }
            )
    return Comparison(
        table=pd.DataFrame(rows),
        edges=edges,
        histograms=histograms,
        chosen=chosen,
        overlap=_overlaps(chosen),
        sample_overlap={family: _overlaps(sets) for family, sets in samples.items()},
    )


def _check(pipelines: Mapping[str, Pipeline]) -> None:
    if not pipelines:
        raise UsageError("no goal models to compare; give at least one recipe")
    lacking = {name: pipeline.undone() for name, pipeline in pipelines.items()}
    if any(lacking.values()):
        words = "; ".join(f"{name} lacks {', '.join(stages)}" for name, stages in lacking.items() if stages)
        raise CurationError(f"not computed yet: {words}; run each of these recipes first")
    first, *others = pipelines
    for name in others:
        for part in ("source", "seed", "variants", "selection"):
            mine, theirs = (getattr(pipelines[it].recipe, part) for it in (first, name))
            if mine != theirs:
                raise UsageError(f"{name} and {first} differ in {part}; compare recipes that differ in goal_model only")
        if pipelines[name].samples.digest != pipelines[first].samples.digest:
            raise UsageError(f"{name} and {first} are of different samples; read the source again for one of them")


def _overlaps(sets: Mapping[str, np.ndarray]) -> pd.DataFrame:
    names = list(sets)
    values = [[_jaccard(sets[one], sets[other]) for other in names] for one in names]
    return pd.DataFrame(values, index=names, columns=names)


def _jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """Return |A ∩ B| / |A ∪ B| of two sets given as arrays, NaN where both are empty."""
    union = len(np.union1d(one, other))
    return len(np.intersect1d(one, other)) / union if union else math.nan
