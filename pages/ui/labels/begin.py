"""Before there are suspects: settings, cost, and the button that starts the search."""

from __future__ import annotations

import streamlit as st

from curation.analysis.label_search import label_search
from curation.errors import UsageError, some_of
from curation.models.architectures import ARCHITECTURES
from curation.progress import duration
from curation.recipe import LabelErrors
from pages.ui import panel, state
from pages.ui.fields import kept
from pages.ui.prepared import Prepared

STAGES = ("embed", "labels")

SHOWN = 5
"""Classes named in one sentence."""


def draw(prepared: Prepared) -> None:
    """Draw the settings, the cost, the button, and the job once it runs."""
    running = panel.active_job(prepared.workspace)
    with st.container(border=True):
        st.subheader("Find suspicious labels")
        st.write(
            "Small networks are trained on parts of the set (cross-validation) and predict the samples that they were "
            "not trained on. Labels that disagree with these predictions, with the most similar samples and with the "
            "training dynamics come first in a list, which you then review by keyboard. Nothing changes until you "
            "decide, and every decision can be undone."
        )
        if prepared.workspace.kept("labels"):
            st.markdown(
                ":orange[:material/history:] The labels were checked before, but with another source, goal model, seed "
                "or other settings: undo that change, or search again. Results that still apply are reused."
            )
        check = _settings(prepared)
        if check is not None:
            _start(prepared, check, busy=running is not None)
        panel.job_strip(prepared.workspace)


def _settings(prepared: Prepared) -> LabelErrors | None:
    """Draw the settings and return them; None: they are wrong, which is said."""
    recipe = prepared.recipe
    usual = recipe.label_errors or LabelErrors()
    flip = recipe.label_errors.train.flip if recipe.label_errors else recipe.source.reader.name.startswith("cifar")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        folds = kept(
            st.number_input,
            "Folds",
            2,
            20,
            key="labels-folds",
            default=usual.folds,
            width=120,
            help="One training each; every sample is held out of one of them. More folds: better networks, more time.",
        )
        architecture = kept(
            st.selectbox,
            "Network",
            list(ARCHITECTURES),
            key="labels-architecture",
            default=usual.architecture,
            accept_new_options=True,
            width=200,
        )
        epochs = kept(st.number_input, "Epochs", 1, 1000, key="labels-epochs", default=usual.train.epochs, width=120)
        mirror = kept(
            st.toggle,
            "Horizontal flips",
            key="labels-flip",
            default=flip,
            help="Random, during training. Not for digits and letters.",
        )
    train = usual.train.model_dump(mode="json") | {"epochs": epochs, "flip": mirror}
    try:
        asked = {"folds": folds, "architecture": architecture, "train": train, "neighbors": usual.neighbors}
        return LabelErrors.parse(asked, where="label_errors")
    except UsageError as error:
        st.error(str(error), icon=":material/error:")
        return None


def _start(prepared: Prepared, check: LabelErrors, *, busy: bool) -> None:
    """Draw the cost and the button; where there are too few samples for the folds, say so instead."""
    search = label_search(prepared.pipeline, check)
    left, middle, right = st.columns(3)
    left.metric("Trainings", search.folds)
    middle.metric("Images seen", f"{search.images:,}", help="Samples × epochs × (folds − 1).")
    right.metric(
        f"Estimated time on {prepared.pipeline.device}",
        "not measured yet" if search.seconds is None else duration(search.seconds),
        help="From the rate at which this network was trained here before.",
    )
    if search.alone:
        st.info(
            f"{_classes(search.alone)}, whose label cannot be checked: a network that did not train on it would not "
            "know its class. All others are checked.",
            icon=":material/info:",
        )
    if search.too_few is not None:
        st.error(
            f"{search.too_few} samples are of a class with others, too few for {check.folds} folds; use fewer folds, "
            "or a set with more samples of each class.",
            icon=":material/error:",
        )
    if not busy:
        st.button(
            "Resume" if search.done else "Find suspicious labels",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_search,
            args=(check,),
            disabled=search.too_few is not None,
            key="labels-find",
            help="Runs in the background, also after you close this page; every finished fold is kept.",
        )
        if search.done:
            st.caption(f"{search.done} of {search.folds} folds are done.")


def _classes(names: list[str]) -> str:
    """Return the first of some classes as a subject, and how many more there are."""
    if len(names) == 1:
        return f"Class {names[0]} has one sample"
    return f"Classes {some_of(names, SHOWN)} have one sample each"


def _search(check: LabelErrors) -> None:
    if state.change(label_errors=check.model_dump(mode="json")):
        panel.start(STAGES)
