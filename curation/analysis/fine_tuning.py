"""Whether a goal model's checkpoint is of other classes than the data, and how training starts from it instead."""

from __future__ import annotations

from pathlib import Path

from curation.errors import CurationError
from curation.models.loading import OtherClasses, load_weights
from curation.pipeline.fitting import network_of
from curation.pipeline.plan import Plan
from curation.recipe import GoalModel, Recipe, StartFrom


def misfit(plan: Plan) -> str | None:
    """Return the sentence for a checkpoint whose head alone is of other classes; None: it fits, or misfits otherwise.

    Raises: CurationError: the samples are not read yet.
    """
    goal, samples = plan.recipe.goal_model, plan.samples
    if goal.checkpoint is None:
        return None
    try:
        network = network_of(goal.form, classes=len(samples.classes), shape=samples.shape, members=goal.members)
        load_weights(network, Path(goal.checkpoint))
    except OtherClasses as error:
        return str(error)
    except CurationError:
        return None
    return None


def fine_tuned(recipe: Recipe) -> GoalModel:
    """Return the goal model that starts from what is a recipe's checkpoint, with a new head, trained as it says."""
    goal = recipe.goal_model
    if goal.checkpoint is None:
        raise CurationError("the goal model has no checkpoint to start from")
    return goal.model_copy(update={"checkpoint": None, "start_from": StartFrom(weights=goal.checkpoint)})
