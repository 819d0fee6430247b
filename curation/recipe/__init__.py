"""The recipe: one whole curation as a document that the dashboard, the command line and Python share."""

from curation.recipe.recipe import (
    CorruptionSet,
    Dropout,
    GoalModel,
    LabelNoise,
    Labels,
    MapSettings,
    Recipe,
    Slice,
    Source,
    Variants,
    kept_epochs,
)

__all__ = [
    "CorruptionSet",
    "Dropout",
    "GoalModel",
    "LabelNoise",
    "Labels",
    "MapSettings",
    "Recipe",
    "Slice",
    "Source",
    "Variants",
    "kept_epochs",
]
