"""What an export carries so that it can be made again on any machine: the goal model's weights, and whence it came."""

from __future__ import annotations

from typing import Any

from curation.exporters.environment import environment
from curation.pipeline.plan import Plan
from curation.recipe import Recipe

WEIGHTS = "goal_model.safetensors"
"""The goal model's weights in an export."""


def carries_weights(recipe: Recipe) -> bool:
    """Whether one file of weights is all that a recipe needs: coverage may be measured after earlier epochs too."""
    return not recipe.selection.coverage.epochs


def carried_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe as an export has it: with the goal model that lies beside it instead of one to be trained.

    How that one was trained is still told; nothing is trained by it.
    """
    return recipe.with_checkpoint(WEIGHTS) if carries_weights(recipe) else recipe


def carried(plan: Plan) -> dict[str, Any]:
    """Return the fields ``files``, ``provenance`` and ``environment`` of a ``CuratedSet``.

    Raises: CurationError when the goal model is not ready.
    """
    recipe, kept, goal = plan.recipe, plan.workspace.model(plan.model_key), plan.recipe.goal_model
    travels = carries_weights(recipe)
    return {
        "files": {WEIGHTS: kept.weights_at(plan.epoch)} if travels else {},
        "provenance": {
            "samples": {"digest": plan.samples.content, "count": len(plan.samples)},
            "goal_model": {
                "architecture": goal.architecture,
                "digest": plan.model_digest,
                "file": WEIGHTS if travels else None,
            },
        },
        "environment": environment(plan.device, None if goal.checkpoint else goal.train),
    }
