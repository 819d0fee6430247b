"""Two recipes or exports side by side: what their sets share, how hard these are, how they were evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from curation.analysis.changes import Changes, Chosen, changes
from curation.analysis.leaderboard import in_words
from curation.errors import CurationError
from curation.evaluation.metrics import gain
from curation.evaluation.results import Results
from curation.exporters.again import read_again
from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.selection.pool import FAMILIES
from curation.storage.workspace import Workspace

BINS = 40
COPY = ("sample_id", "kind", "severity")


@dataclass(frozen=True)
class Side:
    """One of two that are compared.

    images: sample_id, family, kind and severity of each image of its set, None where that is not known; why: what is
    missing then; chosen: the set in a workspace, where it comes from one.
    """

    title: str
    recipe: Recipe
    images: pd.DataFrame | None = None
    why: str = ""
    chosen: Chosen | None = None


def of_recipe(title: str, recipe: Recipe, workspace: Workspace) -> Side:
    """Return a recipe with the set that it selects, where all that this takes is computed in a workspace."""
    try:
        pipeline = Pipeline(recipe, workspace, device="cpu")
        if pipeline.unordered():
            return Side(title, recipe, why=f"the strategy {recipe.selection.strategy} has not chosen yet")
        pool = pipeline.pool()
        chosen = Chosen(pipeline, pool, pipeline.select(pool))
    except CurationError as error:
        return Side(title, recipe, why=str(error))
    return Side(title, recipe, pool.iloc[chosen.selected.pool_rows], chosen=chosen)


def of_export(title: str, folder: Path) -> Side:
    """Return the recipe and the set of an export. Raises: CurationError: it is none, or damaged."""
    manifest = read_again(folder, check=False).manifest
    return Side(title, Recipe.load(folder / "recipe.yaml"), manifest)


def shared(before: Side, after: Side) -> tuple[pd.DataFrame, str]:
    """Return how many images two sets share, as ``overlap``, and in a sentence how they were matched.

    Two sets of one workspace are matched by what made the pixels, or by the pixels (see ``changes``); an export by
    sample, kind and severity alone.
    Raises: CurationError: a set is not known, or the sources differ.
    """
    for side in (before, after):
        if side.images is None:
            raise CurationError(f"the set of {side.title} is not known: {side.why}")
    if before.recipe.source != after.recipe.source:
        raise CurationError("the sources differ, so that no image of one is an image of the other")
    if before.chosen and after.chosen:
        found = overlap_of_sets(before.chosen, after.chosen, changes(before.chosen, after.chosen))
        return found, "An image is the same where its pixels are."
    assert before.images is not None
    assert after.images is not None
    told = "Images are matched by sample, kind and severity; their pixels are not compared."
    return overlap_of_manifests(before.images, after.images), told


def evaluated(workspace: Workspace, before: Recipe, after: Recipe) -> list[str]:
    """Return what each evaluation of a workspace that has both recipes says of B against A, a sentence each."""
    told = []
    for name in workspace.evaluations():
        results = Results(workspace, name)
        titles = [_title(results, recipe) for recipe in (before, after)]
        if None in titles or titles[0] == titles[1]:
            continue
        theirs, mine = results.paired(str(titles[0]), str(titles[1]))
        if mine:
            found = gain(mine, theirs)["R"]
            sure = found.low > 0 or found.high < 0
            doubt = "" if sure else "; no difference is shown"
            told.append(f"Evaluation “{name}”: the R of B is {in_words(found, 'that of A')}{doubt}.")
    return told


def _title(results: Results, recipe: Recipe) -> str | None:
    same = (title for title, other in results.recipes.items() if other.fingerprint() == recipe.fingerprint())
    return next(same, None)


def overlap(families: Mapping[str, tuple[int, int, int]]) -> pd.DataFrame:
    """Return a row a family and one of all: only_a, both, only_b, and shared, the share of both in either, in [0, 1].

    Args: families: by name, images only in A, in both, only in B.
    """
    named = [name for name in FAMILIES if any(families.get(name, ()))]
    counts = np.array([families[name] for name in named], dtype=np.int64).reshape(-1, 3)
    counts = np.vstack([counts, counts.sum(0)])
    table = pd.DataFrame(counts, columns=["only_a", "both", "only_b"])
    table.insert(0, "family", [*named, "all"])
    either = counts.sum(1)
    table["shared"] = np.where(either > 0, counts[:, 1] / np.maximum(either, 1), 1.0)
    return table


def overlap_of_sets(a: Chosen, b: Chosen, found: Changes) -> pd.DataFrame:
    """Return ``overlap`` of two sets. Args: found: what changes from a to b."""

    def counts(it: Chosen, rows: np.ndarray) -> dict[str, int]:
        names, numbers = np.unique(it.pool["family"].to_numpy()[rows].astype(str), return_counts=True)
        return dict(zip(names.tolist(), numbers.tolist(), strict=True))

    leave, enter, whole = counts(a, found.leave), counts(b, found.enter), counts(a, a.selected.pool_rows)
    return overlap(
        {name: (leave.get(name, 0), whole.get(name, 0) - leave.get(name, 0), enter.get(name, 0)) for name in FAMILIES}
    )


def overlap_of_manifests(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return ``overlap`` of two exports' manifests: an image is the same where it is the same copy of a sample."""
    found = {}
    for family in FAMILIES:
        mine, theirs = (
            set(one.loc[one["family"] == family, list(COPY)].itertuples(index=False, name=None)) for one in (a, b)
        )
        found[family] = len(mine - theirs), len(mine & theirs), len(theirs - mine)
    return overlap(found)


def histogram(pool: pd.DataFrame, rows: np.ndarray, classes: int) -> np.ndarray:
    """Return the share of some rows of a pool by entropy, float64 ``BINS``, from 0 to ln K."""
    shares = np.clip(pool["entropy"].to_numpy()[rows] / np.log(classes), 0, 1)
    found: np.ndarray = np.histogram(shares, BINS, (0, 1))[0] / max(1, len(rows))
    return found
