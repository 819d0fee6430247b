"""How much a curated set depends on the one training of its goal model: what would other trainings choose?"""

from __future__ import annotations

import numpy as np

from curation.errors import UsageError
from curation.pipeline import FOR_SELECTION, Pipeline, run_together
from curation.progress import Report, ignore
from curation.recipe import Recipe
from curation.selection.agreement import Stability, agreement


def stability(pipeline: Pipeline, *, trainings: int = 2, report: Report = ignore) -> Stability:
    """Estimate how many of a recipe's chosen images would be chosen again by another training of its goal model.

    The goal model is trained with other seeds, the candidates are scored by each (attacked again, corrupted once for
    all), and every two selections are compared. A copy is the same candidate where sample, kind and severity are the
    same: attacks on another goal model give other pixels. Everything computed is kept, and so is the result: the
    Boundary page and the datasheets of exports show it (see ``curation.pipeline.stability_of``).

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
    pipelines = [
        Pipeline(with_training(recipe, number), pipeline.workspace, engine=pipeline.engine)
        for number in range(trainings)
    ]
    if not pipelines[0].undone():
        pipelines[0].select().require()  # before anything is trained
    run_together(pipelines, FOR_SELECTION, report=report)
    found = [other.select() for other in pipelines]
    for selected in found:
        selected.require()
    result = Stability(trainings, agreement(found))
    pipeline.workspace.write_stability(pipelines[0].plan.selection_key, result.to_dict())
    return result


def with_training(recipe: Recipe, number: int) -> Recipe:
    """Return the recipe with another training of its goal model, by its number; 0: its own."""
    if number == 0:
        return recipe
    own = recipe.goal_model.train.seed
    seed = np.random.SeedSequence([recipe.seed if own is None else own, 1, number]).generate_state(1)[0] >> 1
    return recipe.with_changes(**{"goal_model.train.seed": int(seed)})
