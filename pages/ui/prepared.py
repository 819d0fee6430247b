"""What a page works on: the working recipe with its samples and goal model, and with what it selects."""

from __future__ import annotations

from dataclasses import dataclass

from curation.analysis.arrays import Table
from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.selection.select import Selected
from curation.storage.workspace import Workspace


@dataclass(frozen=True)
class Prepared:
    """The working recipe on its samples, with a goal model that is ready."""

    workspace: Workspace
    recipe: Recipe
    pipeline: Pipeline


@dataclass(frozen=True)
class Opened(Prepared):
    """The working recipe, its candidates and what it selects from them."""

    pool_key: str
    pool: Table
    selected: Selected
    provisional: bool
    """Shown is what the boundary strategy chooses, while the recipe's own is not computed."""
