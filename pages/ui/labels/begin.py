"""Before there are suspects: what the search does, what it costs, and the button that starts it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.errors import UsageError
from curation.models.architectures import ARCHITECTURES
from curation.progress import duration
from curation.recipe import LabelCheck
from pages.ui import panel, state
from pages.ui.fields import kept
from pages.ui.opened import Prepared

STAGES = ("embed", "labels")


def draw(prepared: Prepared) -> None:
    """Draw the settings, the cost, the button, and the job once it runs."""
    running = panel.active_job(prepared.workspace)
    with st.container(border=True):
        st.subheader("Find suspicious labels")
        st.write(
            "Small networks are trained on parts of the set and asked about the samples that they did not learn. Where "
            "they, the most similar samples and the course of the training speak against a label, it comes first in a "
            "list that you then go through by keyboard. Nothing changes until you decide it, and each decision can be "
            "undone."
        )
        if prepared.workspace.kept("labels"):
            st.markdown(
                ":orange[:material/history:] The labels were checked before, but for another source, goal model, seed "
                "or other settings: undo that change, or search again. What still fits is reused."
            )
        check = _settings(prepared)
        if check is not None:
            _start(prepared, check, busy=running is not None)
        panel.job_strip(prepared.workspace)


def _settings(prepared: Prepared) -> LabelCheck | None:
    """Draw the settings and return them, or say in what they are wrong."""
    recipe = prepared.recipe
    usual = recipe.label_check or LabelCheck()
    flip = recipe.label_check.train.flip if recipe.label_check else recipe.source.reader.name.startswith("cifar")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        folds = kept(
            st.number_input,
            "Folds",
            2,
            20,
            key="labels-folds",
            default=usual.folds,
            width=120,
            help="Trainings; each sample is held out of one of them. More: better networks, and more time.",
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
            "Mirror images",
            key="labels-flip",
            default=flip,
            help="At random while training. Not for digits and letters.",
        )
    train = usual.train.model_dump(mode="json") | {"epochs": epochs, "flip": mirror}
    try:
        asked = {"folds": folds, "architecture": architecture, "train": train, "neighbors": usual.neighbors}
        return LabelCheck.parse(asked, where="label_check")
    except UsageError as error:
        st.error(str(error), icon=":material/error:")
        return None


def _start(prepared: Prepared, check: LabelCheck, *, busy: bool) -> None:
    """Draw the cost and the button; where a class is too small for the folds, say so instead."""
    samples, classes = prepared.pipeline.samples, prepared.pipeline.samples.classes
    counts = np.bincount(samples.labels, minlength=len(classes))
    few = [label for label in np.flatnonzero(counts) if counts[label] < check.folds]
    images = len(samples) * check.train.epochs * (check.folds - 1)
    rate = _rate(prepared, check)
    left, middle, right = st.columns(3)
    left.metric("Trainings", check.folds)
    middle.metric("Images seen", f"{images:,}", help="Samples × epochs × (folds − 1).")
    right.metric(
        f"Time on {prepared.pipeline.device}, about",
        "not known yet" if rate is None else duration(images / rate),
        help="From the rate at which this network was trained here before.",
    )
    if few:
        label = min(few, key=lambda one: int(counts[one]))
        st.error(
            f"Class {classes[label]} has {counts[label]} of the samples, too few for {check.folds} folds; use "
            f"{'fewer folds' if counts[label] > 1 else 'a set where every class has 2 samples or more'}.",
            icon=":material/error:",
        )
    missing = prepared.pipeline.folds(check).missing() if not few else []
    partly = not few and len(missing) < check.folds
    if not busy:
        st.button(
            "Resume" if partly else "Find suspicious labels",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_search,
            args=(check,),
            disabled=bool(few),
            key="labels-find",
            help="In the background; it goes on if you close this page, and every finished fold is kept.",
        )
        if partly:
            st.caption(f"{check.folds - len(missing)} of {check.folds} folds are there.")


def _search(check: LabelCheck) -> None:
    if state.change(label_check=check.model_dump(mode="json")):
        panel.start(STAGES)


def _rate(prepared: Prepared, check: LabelCheck) -> float | None:
    """Return the images a second at which the network was trained here: as the goal model, or as a target."""
    from curation.evaluation.comparison import rates

    pipeline, goal = prepared.pipeline, prepared.recipe.goal_model
    history = pipeline.workspace.model(pipeline.model_key).history()
    seconds = [row["seconds"] for row in history if row.get("seconds")]
    if goal.architecture == check.architecture and goal.train.how() == check.train.how() and seconds:
        return len(pipeline.samples) / float(np.mean(seconds))
    return rates(prepared.workspace).get(check.architecture)
