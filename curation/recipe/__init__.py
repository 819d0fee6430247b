"""The recipe: one whole curation as a document that the dashboard, the command line and Python share."""

from curation.recipe.annotations import Annotations, View
from curation.recipe.diff import differences, in_words, recipe_differences, value_in_words
from curation.recipe.first import first_recipe
from curation.recipe.goal_model import Dropout, GoalModel, kept_epochs, member_seed
from curation.recipe.label_errors import LabelErrors
from curation.recipe.labels import Labels
from curation.recipe.map import MapSettings, Slice
from curation.recipe.recipe import LONGEST_NAME, Recipe
from curation.recipe.source import LabelNoise, Source
from curation.recipe.space import Space, space_in_words
from curation.recipe.start_from import StartFrom
from curation.recipe.strength import guided, guides
from curation.recipe.variants import CorruptedCopies, CorruptionSet, Variants

__all__ = [
    "LONGEST_NAME",
    "Annotations",
    "CorruptedCopies",
    "CorruptionSet",
    "Dropout",
    "GoalModel",
    "LabelErrors",
    "LabelNoise",
    "Labels",
    "MapSettings",
    "Recipe",
    "Slice",
    "Source",
    "Space",
    "StartFrom",
    "Variants",
    "View",
    "differences",
    "first_recipe",
    "guided",
    "guides",
    "in_words",
    "kept_epochs",
    "member_seed",
    "recipe_differences",
    "space_in_words",
    "value_in_words",
]
