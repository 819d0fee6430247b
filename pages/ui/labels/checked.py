"""The finished label check of the working recipe, opened once."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from curation.analysis.suspects import Suspects
from curation.errors import CurationError
from curation.pipeline import Pipeline
from curation.pipeline.stages.labels import suspects_table
from curation.recipe import LabelErrors
from pages.ui import resources
from pages.ui.prepared import Prepared


@dataclass(frozen=True)
class Review(Prepared):
    """The working recipe, its samples, and what the label check found."""

    suspects: Suspects


def opened(prepared: Prepared) -> Review | None:
    """Return the finished label check of the working recipe, or None where there is none, or it is damaged."""
    check = prepared.recipe.label_errors
    if check is None:
        return None
    try:
        key = suspects_table(prepared.pipeline.plan, check).folder.name
        found = _suspects(key, prepared.pipeline, check)
    except CurationError:
        return None
    return Review(prepared.workspace, prepared.recipe, prepared.pipeline, found)


@st.cache_resource(max_entries=4, show_spinner="Opening the suspects …")
def _suspects(key: str, _pipeline: Pipeline, _check: LabelErrors) -> Suspects:
    return Suspects(_pipeline, _check, features=lambda: resources.features(_pipeline))
