"""What a tuning found: its best trial, what that is worth, and its recipe in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.figures.curation import FAMILY_WORDS
from curation.recipe import Recipe
from curation.recipe.strength import OWN
from curation.selection.pool import FAMILIES
from curation.tuning.study import OF_GOAL_MODEL

STARTS = {
    "recipe": "the recipe as it is",
    "clean": "clean images only, at random",
    "random_mix": "the recipe's mix, at random",
}
"""The known points that a search begins with, besides the recipe under each other goal model."""

OWN_GOAL_MODEL = "the recipe's"


def start_in_words(start: str) -> str:
    """Return a known point of ``Study.table`` as people call it; of none nothing."""
    if start.startswith(OF_GOAL_MODEL):
        return f"the recipe with the goal model {goal_model_in_words(start.removeprefix(OF_GOAL_MODEL))}"
    return STARTS.get(start, "")


def goal_model_in_words(name: str) -> str:
    """Return a goal model of ``Study.table`` as people call it."""
    return OWN_GOAL_MODEL if name == OWN else f"epoch {name}" if name.isdigit() else name


@dataclass(frozen=True)
class Guided:
    """The finished trials under one goal model: R of each, float64; as_it_is: of the recipe otherwise as it is, None:
    no such trial; best: their highest R."""

    R: np.ndarray
    as_it_is: float | None

    @property
    def best(self) -> float:
        """The highest."""
        return float(self.R.max())


@dataclass(frozen=True)
class Found:
    """The finished trials of a tuning, at least one.

    table: as ``Study.table`` has them, those that are done; top: row of the best; recipe: that of the recipe as it is,
    None: no trial of it.
    """

    table: pd.DataFrame
    top: int
    recipe: int | None

    @property
    def R(self) -> np.ndarray:
        """R of each, float64."""
        return self.table["R"].to_numpy(float)

    @property
    def start(self) -> str:
        """The known point that the best is (see ``start_in_words``); empty where the search found it."""
        return str(self.table["start"][self.top])

    @property
    def gain(self) -> float | None:
        """R of the best above that of the recipe; None: the best is the recipe, or there is no trial of that."""
        if self.recipe is None or self.start == "recipe":
            return None
        return float(self.R[self.top] - self.R[self.recipe])

    @property
    def shares(self) -> np.ndarray:
        """The mix of each, float64 T×3, by family."""
        return self.table[[f"mix_{family}" for family in FAMILIES]].to_numpy(float)

    def goal_models(self) -> dict[str, Guided]:
        """Return the trials by the goal model that they had, in words, its own first; empty where none are compared."""
        found = {}
        for name in [one for one in self.table["goal_model"].unique() if one]:
            mine = self.table[self.table["goal_model"] == name]
            start = mine[mine["start"].isin(["recipe", f"{OF_GOAL_MODEL}{name}"])]
            as_it_is = float(start["R"].iloc[0]) if len(start) else None
            found[goal_model_in_words(str(name))] = Guided(mine["R"].to_numpy(float), as_it_is)
        return found

    def offsets(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the trials' offsets and the R of each, float64, by family; those without one are left out."""
        found = {}
        for family in FAMILIES:
            known = self.table[self.table[f"offset_{family}"].notna()]
            if len(known):
                found[family] = known[f"offset_{family}"].to_numpy(float), known["R"].to_numpy(float)
        return found


def found(table: pd.DataFrame) -> Found | None:
    """Return the finished trials of ``Study.table``; None where there is none."""
    done = table[table["state"] == "done"].reset_index(drop=True)
    if done.empty:
        return None
    recipe = np.flatnonzero((done["start"] == "recipe").to_numpy(bool))
    return Found(done, int(done["R"].argmax()), int(recipe[0]) if len(recipe) else None)


def in_words(recipe: Recipe) -> dict[str, str]:
    """Return what a search may change of a recipe, in words: Strategy, Mix, Offset, Floor, Severities."""
    selection, corruption = recipe.selection, recipe.variants.corruption
    total = sum(selection.mix.of(family) for family in FAMILIES)
    shares = {family: selection.mix.of(family) / total for family in FAMILIES}
    there = [family for family in FAMILIES if shares[family]]
    words = {
        "Strategy": selection.strategy.replace("_", " "),
        "Mix": ", ".join(f"{shares[family]:.0%} {FAMILY_WORDS[family].lower()}" for family in there),
    }
    form = "{:.1%}" if selection.offset_by == "rank" else "{:.3g}"
    banded = any(selection.within_of(family) == "boundary" for family in there)
    for name, edges in (("Offset", selection.offset), ("Floor", selection.floor)):
        known = {family: edges.of(family) for family in there} if banded else {}
        listed = [f"{FAMILY_WORDS[at].lower()} {form.format(v)}" for at, v in known.items() if v is not None]
        words[name] = ", ".join(listed) or "none"
    taken = corruption is not None and shares["corruption"] > 0
    words["Severities"] = ", ".join(map(str, corruption.severities)) if corruption and taken else "none"
    return words


def shown(table: pd.DataFrame, *, ranked: bool) -> pd.DataFrame:
    """Return every trial with shares in %, offsets and floors too where they are ranks; empty columns are left out."""
    share = ["R", *FAMILIES, *(f"mix_{family}" for family in FAMILIES)]
    edges = [f"{name}_{family}" for name in ("offset", "floor") for family in FAMILIES]
    share += edges if ranked else []
    percent = {name: 100 * table[name].astype(float) for name in share}
    words = {"start": table["start"].map(start_in_words), "goal_model": table["goal_model"].map(goal_model_in_words)}
    empty = [] if table["goal_model"].any() else ["goal_model"]
    return table.assign(**words, **percent).drop(columns=empty).dropna(axis=1, how="all")
