"""How much of a curated set is owed to the one training of its goal model: what would others choose?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from curation.errors import UsageError
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.progress import Report, ignore
from curation.recipe import Recipe
from curation.selection.select import Selected


@dataclass(frozen=True)
class Agreement:
    """Of two trainings' choices. chosen: images in a set (or in a family of it); again: how many of them both trainings
    choose, the mean over all pairs of trainings; by_chance: how many two random choices of that size would share."""

    chosen: int
    again: float
    by_chance: float

    @property
    def share(self) -> float:
        """Of the chosen, in [0, 1]: how many another training chooses again."""
        return self.again / max(self.chosen, 1)


@dataclass(frozen=True)
class Stability:
    """trainings: how many were compared; families: by name, those that have images in the set."""

    trainings: int
    families: Mapping[str, Agreement]

    @property
    def whole(self) -> Agreement:
        """All families together."""
        every = self.families.values()
        return Agreement(
            sum(part.chosen for part in every), sum(part.again for part in every), sum(part.by_chance for part in every)
        )

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        whole = self.whole
        return (
            f"Of the {whole.chosen:,} chosen images, about {whole.again:,.0f} ({whole.share:.0%}) would be chosen "
            f"again by another training of the same goal model; a choice at random would share "
            f"{whole.by_chance:,.0f} ({whole.by_chance / max(whole.chosen, 1):.0%})."
        )


def stability(pipeline: Pipeline, *, trainings: int = 2, report: Report = ignore) -> Stability:
    """Estimate how many of a recipe's chosen images would be chosen again by another training of its goal model.

    The goal model is trained with other seeds, the candidates are made and scored anew by each, and what is chosen is
    compared, every two trainings with each other. A copy is the same candidate where sample, kind and severity are the
    same: attacks on another goal model give other pixels. Everything computed is kept.

    Args: pipeline: of the recipe; its own training is the first; trainings: 2 or more, each costs what the first did.
    Raises: UsageError: fewer than 2, or a recipe whose goal model is a checkpoint. CurationError: as ``run``, or a set
        that falls short of its budget.
    """
    if trainings < 2:
        raise UsageError(f"trainings are compared with each other; use 2 or more, got {trainings}")
    recipe = pipeline.recipe
    if recipe.goal_model.checkpoint is not None:
        raise UsageError(
            "the recipe's goal model is a checkpoint, which is not trained here; leave goal_model.checkpoint out to "
            "see what other trainings would choose"
        )
    found = []
    for number in range(trainings):
        other = Pipeline(with_training(recipe, number), pipeline.workspace, device=pipeline.device)
        other.run(FOR_SELECTION, report=report)
        selected = other.select()
        selected.require()
        found.append(selected)
    return Stability(trainings, agreement(found))


def with_training(recipe: Recipe, number: int) -> Recipe:
    """Return the recipe with another training of its goal model, by its number; 0: its own."""
    if number == 0:
        return recipe
    own = recipe.goal_model.train.seed
    seed = np.random.SeedSequence([recipe.seed if own is None else own, 1, number]).generate_state(1)[0] >> 1
    return recipe.with_changes(**{"goal_model.train.seed": int(seed)})


def agreement(found: Sequence[Selected]) -> dict[str, Agreement]:
    """Return how much every two of some selections of one recipe agree, by family. Args: found: 2 or more."""
    agreed: dict[str, Agreement] = {}
    families = found[0].families
    ids = [dict(zip(families, _parts(selected), strict=True)) for selected in found]
    for name, family in families.items():
        if family.chosen:
            both = [len(np.intersect1d(one[name], other[name])) for one, other in combinations(ids, 2)]
            chance = family.chosen**2 / max(family.candidates, family.chosen)
            agreed[name] = Agreement(family.chosen, float(np.mean(both)), chance)
    return agreed


def _parts(selected: Selected) -> list[np.ndarray]:
    """Return the candidate ids of each family."""
    return np.split(selected.candidate_ids, np.cumsum([family.chosen for family in selected.families.values()])[:-1])
