"""What an export carries so that it can be reproduced on any machine: the goal model's weights, and its provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.exporters.environment import environment
from curation.exporters.export import provenance
from curation.pipeline.plan import Plan
from curation.recipe import Recipe
from curation.selection.agreement import Stability

WEIGHTS = "goal_model.safetensors"
"""The goal model's weights in an export."""


def carries_weights(recipe: Recipe) -> bool:
    """Whether one file of weights is all that a recipe needs: coverage and errors may be of earlier epochs too."""
    return not (recipe.selection.coverage.epochs or recipe.goal_model.early_epochs)


def carried_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe as an export has it: with the goal model that lies beside it instead of one to be trained.

    The settings of its training are kept for information; nothing is trained with them. Which copies were kept as files
    is no matter of the set.
    """
    recipe = recipe.keeping_none()
    return recipe.with_checkpoint(WEIGHTS) if carries_weights(recipe) else recipe


def carried(plan: Plan) -> dict[str, Any]:
    """Return the fields ``files``, ``provenance`` and ``environment`` of a ``CuratedSet``.

    Raises: CurationError when the goal model is not ready.
    """
    recipe, kept, goal = plan.recipe, plan.workspace.model(plan.model_key), plan.recipe.goal_model
    travels, stable = carries_weights(recipe), stability_of(plan)
    return {
        "files": {WEIGHTS: kept.weights_at(plan.epoch)} if travels else {},
        "provenance": {
            "samples": {"digest": plan.samples.content, "count": len(plan.samples)},
            "goal_model": {
                "architecture": goal.architecture,
                "digest": plan.model_digest,
                "file": WEIGHTS if travels else None,
            },
            **({"stability": {"key": plan.selection_key, **stable.to_dict()}} if stable else {}),
        },
        "environment": environment(plan.device, None if goal.checkpoint else goal.train),
    }


def stability_of(plan: Plan) -> Stability | None:
    """Return how many of the chosen images another training would choose again, or None where it was not measured.

    It was measured in this workspace, or before the export from which the goal model comes, so that a set that is
    reproduced from an export has the same datasheet. Raises: CurationError when candidates are missing.
    """
    key, checkpoint = plan.selection_key, plan.recipe.goal_model.checkpoint
    found = plan.workspace.stability(key)
    if found is None and checkpoint is not None:
        carried = provenance(Path(checkpoint).parent).get("stability", {})
        found = carried if carried.get("key") == key else None
    return Stability.from_dict(found) if found else None
