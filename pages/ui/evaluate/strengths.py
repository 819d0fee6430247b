"""Goal models beside a recipe's own, chosen among usual strengths or written as short words."""

from __future__ import annotations

import streamlit as st

from curation.recipe import GoalModel, kept_epochs
from curation.recipe.strength import FORM
from curation.training.settings import PRESETS

USUAL = ("plain", "2/255", "4/255", "8/255")
"""Trainings that are offered, from plain to strongly adversarial; others can be written."""


def choose(label: str, goal: GoalModel, *, key: str, instead: str) -> list[str]:
    """Draw the choice and return the words; nothing where the goal model is somebody's weights: it has no training.

    Args: instead: what stands there while none is chosen.
    """
    if goal.checkpoint is not None:
        return []
    epochs = [str(epoch) for epoch in kept_epochs(goal.train.epochs) if epoch not in (goal.epoch, goal.train.epochs)]
    words = st.multiselect(
        label,
        [*USUAL, *epochs, *PRESETS],
        accept_new_options=True,
        placeholder=instead,
        key=key,
        wrap=True,
        help=f"Choose, or write {FORM}.",
    )
    return [str(one) for one in words]
