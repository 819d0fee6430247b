"""Baselines: other ways to spend the same budget on the same candidates, one file each, and the list of all of them."""

from __future__ import annotations

from collections.abc import Sequence

from curation.evaluation.baselines.base import Baseline
from curation.evaluation.baselines.clean import Clean
from curation.evaluation.baselines.hardest import Hardest
from curation.evaluation.baselines.random_mix import RandomMix
from curation.evaluation.baselines.random_split import RandomSplit
from curation.evaluation.baselines.self_correction import SelfCorrection
from curation.plugin import Registry
from curation.recipe import Recipe

BASELINES: Registry[Baseline] = Registry("baseline", (Clean, RandomMix, RandomSplit, Hardest, SelfCorrection))


def baselines(recipe: Recipe, names: Sequence[str]) -> dict[str, Recipe]:
    """Return the recipes of some baselines, by name, without those whose families the recipe has no copies of."""
    chosen = [BASELINES.build(name) for name in names]
    return {baseline.name: baseline.recipe(recipe) for baseline in chosen if baseline.fits(recipe)}


__all__ = ["BASELINES", "Baseline", "baselines"]
