"""Baselines: other ways to spend the same budget on the same candidates."""

from __future__ import annotations

from collections.abc import Sequence

from curation.evaluation.settings import BaselineName
from curation.recipe import Recipe

TITLES: dict[BaselineName, str] = {
    "clean": "Clean images only, at random",
    "random_mix": "The recipe's mix, at random",
    "random_split": "0 : 4 : 1 at random, each image once",
    "hardest": "The hardest of each family, no offset",
    "self_correction": "Self-correction (data boosting)",
}


def baselines(recipe: Recipe, names: Sequence[BaselineName]) -> dict[BaselineName, Recipe]:
    """Return the recipes of some baselines: the budget, the candidates and the labels of ``recipe``, chosen otherwise.

    Left out are those whose families the recipe has no variants of. Edits by hand are not taken over: a baseline is
    what a rule alone would choose.
    Sources: random_split: Zhong et al. 2022, table 3 (0 : 1 : 4 clean : adversarial : corruption); the others: the
    comparisons of Wang & Fang 2022.
    """
    mix = recipe.selection.mix.model_dump()
    plain: dict[str, object] = {
        "selection.edits": {},
        "selection.within": None,
        "weights": {},
        "selection.offset_by": "rank",
        "selection.offset": 0,
        "selection.floor": None,
        "selection.variants_per_sample": "all",
    }
    changes: dict[BaselineName, dict[str, object]] = {
        "clean": {"selection.strategy": "random", "selection.mix": [1, 0, 0]},
        "random_mix": {"selection.strategy": "random", "selection.mix": mix},
        "random_split": {
            "selection.strategy": "random",
            "selection.mix": [0, 4, 1],
            "selection.variants_per_sample": "one",
        },
        "hardest": {"selection.strategy": "boundary", "selection.mix": mix},
        "self_correction": {"selection.strategy": "self_correction", "selection.mix": mix},
    }
    made = recipe.variants.corruption is not None, bool(recipe.variants.adversarial)
    return {
        name: recipe.with_changes(**{"name": name, "note": TITLES[name], **plain, **changes[name]})
        for name in names
        if name != "random_split" or all(made)
    }
