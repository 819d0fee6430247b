"""The presentation of a workspace: as it is kept, changed, and told."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation.analysis.arrays import Table
from curation.errors import CurationError, UsageError
from curation.pipeline import Pipeline
from curation.plugin import fingerprint
from curation.presentation.settings import Presentation
from curation.presentation.story import Story, story
from curation.presentation.subject import Subject
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from pages.ui import resources, state
from pages.ui.opened import empty


def settings(found: Workspace) -> Presentation:
    """Return how the workspace's result is presented."""
    return Presentation.parse(found.presentation() or {}, where="presentation")


def write(found: Workspace, value: Presentation) -> None:
    """Keep a presentation; it opens again as it is left."""
    found.write_presentation(value.model_dump(mode="json"))


def change(found: Workspace, **fields: Any) -> None:
    """Change fields of the presentation; what is not allowed is refused in a sentence."""
    try:
        write(found, Presentation.parse({**settings(found).model_dump(), **fields}, where="presentation"))
    except UsageError as error:
        st.toast(str(error), icon=":material/error:")


def recipe(found: Workspace, chosen: Presentation) -> Recipe:
    """Return the recipe that is told of: the working one, or the revision at which the presentation is frozen."""
    if chosen.revision is None:
        return state.recipe()
    if chosen.revision not in found.revisions():
        raise CurationError(f"there is no revision {chosen.revision} any more; choose another one under Arrange")
    return state.read(found.revision(chosen.revision), where=f"revision {chosen.revision}")[0]


def told(found: Workspace, chosen: Presentation) -> tuple[Subject, Story]:
    """Return the story and what it is of; once the samples are read, every step says what it lacks by itself."""
    it = recipe(found, chosen)
    pipeline = resources.pipeline_of(it)
    try:
        content = pipeline.samples.digest
    except CurationError:
        empty("Nothing to present yet", "Read the images first; every step of the story says what else it needs.")
    pool_key, pool = "", None
    try:
        pool_key = pipeline.pool_key
        pool = resources.pool(pool_key, pipeline)
        stable = found.stability(pipeline.plan.selection_key)
    except CurationError:
        stable = None
    measured = [found.evaluations(), len(found.kept("predictions")), stable]
    key = fingerprint([it.to_dict(defaults=True), chosen.model_dump(mode="json"), content, pool_key, measured])
    return _told(key, pipeline, pool, chosen)


@st.cache_resource(max_entries=8, show_spinner="Writing the story …")
def _told(key: str, _pipeline: Pipeline, _pool: Table | None, _chosen: Presentation) -> tuple[Subject, Story]:
    subject = Subject(_pipeline, _chosen, pool=_pool)
    return subject, story(subject)
