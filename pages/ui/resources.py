"""What pages look at, opened once: pipelines, pools, selections, thumbnails. Keys are fingerprint strings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import streamlit as st

from curation.analysis.arrays import Array, Table
from curation.analysis.expected import Expected, choice, expected
from curation.analysis.tuning_cost import Beforehand, beforehand, measured
from curation.engine import choose
from curation.errors import CurationError
from curation.pipeline import Pipeline
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.plan import Plan
from curation.plugin import fingerprint
from curation.readers.files import stamp
from curation.readers.preview import Preview, inspect
from curation.recipe import Recipe, Source
from curation.selection.select import Selected
from curation.storage.workspace import Workspace
from curation.tuning.settings import Tuning
from pages.ui import state


def pipeline() -> Pipeline:
    """The working recipe's pipeline; kept while nothing expensive changes, so its samples are read once."""
    return pipeline_of(state.recipe())


def pipeline_of(recipe: Recipe) -> Pipeline:
    """Any recipe's pipeline on the session's workspace, kept likewise."""
    found = state.workspace()
    assert found is not None
    # The keys change when the source is read again, a goal model is made again or a file of weights is another.
    borrowed = [one for attack in recipe.variants.adversarial for one in getattr(attack, "surrogates", ())]
    goal, space = recipe.goal_model, recipe.space
    files = [goal.checkpoint, goal.start_from and goal.start_from.file, *(one.checkpoint for one in borrowed)]
    files += [space.vectors, space.file] if space else []
    keys = [Plan(recipe, found, device="cpu").samples_key, *found.models(), *(stamp(path) for path in files if path)]
    return _pipeline(str(found.root), fingerprint([recipe.candidates(), keys]), recipe).of(recipe)


@st.cache_resource(max_entries=8, show_spinner=False)
def _pipeline(root: str, key: str, _recipe: Recipe) -> Pipeline:
    opened = Pipeline(_recipe, Workspace(root))
    with suppress(CurationError):  # read once for all that share it, where they are there
        _ = opened.samples.labels, opened.samples.starts
    return opened


@st.cache_resource(max_entries=3, show_spinner="Opening the pool …")
def pool(pool_key: str, _pipeline: Pipeline) -> Table:
    """The table of all candidates; treat as read-only."""
    return _pipeline.pool()


@st.cache_resource(max_entries=32, show_spinner=False)
def _selected(key: str, _pipeline: Pipeline, _pool: Table) -> Selected:
    return _pipeline.select(_pool)


def selected(recipe: Recipe, opened: Pipeline, table: Table, pool_key: str) -> Selected:
    """What a recipe selects from a pool; while its strategy is not computed, what the boundary strategy would."""
    it = opened.of(recipe)
    try:
        unordered = it.unordered()
    except CurationError:  # copies for new labels are still to be made
        unordered = True
    if unordered:
        recipe = recipe.with_changes(**{"selection.strategy": "boundary", "selection.within": None})
        it = opened.of(recipe)
    return _selected(fingerprint([pool_key, recipe.fingerprint()]), it, table)


def features(of: Pipeline) -> Array:
    """Return where the clean samples lie in the recipe's space, float32 N×D, read-only. Raises: CurationError."""
    return _features(f"{of.plan.features().folder.name} {of.samples.digest}", of)


@st.cache_resource(max_entries=3, show_spinner=False)
def _features(key: str, _pipeline: Pipeline) -> Array:
    return _pipeline.plan.features().whole_array()


def preview(source: Mapping[str, Any], looks: int) -> Preview:
    """Return what the source of a recipe is, looked at again whenever ``looks`` is another. Raises: CurationError."""
    return _preview(fingerprint([dict(source), looks]), Source.parse(dict(source), where="source"))


@st.cache_resource(max_entries=8, show_spinner="Looking at the source …")
def _preview(key: str, _source: Source) -> Preview:
    return inspect(_source.reader)


def expected_of(source: Mapping[str, Any], looks: int) -> Expected:
    """Return what a first recipe takes on a source. Raises: CurationError: there can be none."""
    recipe = Recipe.parse({"source": dict(source), "selection": {"budget": 1}})
    return _expected(fingerprint([dict(source), looks]), recipe)


@st.cache_resource(max_entries=8, show_spinner="Measuring how long it takes …")
def _expected(key: str, _recipe: Recipe) -> Expected:
    return expected(_recipe, device=choose().device)


def tuning_cost_of(recipe: Recipe, settings: Tuning, workspace: Workspace) -> Beforehand:
    """Return what a tuning of a recipe takes. Raises: CurationError: the source cannot be read."""
    engine = choose()
    key = fingerprint([recipe.to_dict(), settings.goal_models, settings.target, engine.device])
    return beforehand(recipe, settings, workspace, _tuning_scale(key, recipe, settings, engine.device), engine=engine)


@st.cache_resource(max_entries=8, show_spinner="Measuring how long it takes …")
def _tuning_scale(key: str, _recipe: Recipe, _settings: Tuning, _device: str) -> Scale:
    return measured(_recipe, _settings, device=_device)


def choice_of(recipe: Recipe, opened: Pipeline, table: Table, pool_key: str) -> Expense:
    """Return what a recipe's coverage strategy takes to choose among the candidates of a pool."""
    return _choice(fingerprint([pool_key, recipe.selection.model_dump(mode="json")]), opened.of(recipe), table)


@st.cache_resource(max_entries=8, show_spinner="Measuring how long it takes …")
def _choice(key: str, _pipeline: Pipeline, _pool: Table) -> Expense:
    return choice(_pipeline, _pool)


@st.cache_resource(max_entries=64, show_spinner=False)
def thumbnails(key: str, _images: Callable[[], Array]) -> Array:
    """Pixels, uint8 M×H×W×C, computed once a key; treat as read-only."""
    images = _images()
    images.flags.writeable = False
    return images
