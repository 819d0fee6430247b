"""One image of P in detail: its perturbation, what a target predicts, and the training images like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from curation.analysis.inspection import largest_change, likeliest, magnified, side_by_side, visible_factor
from curation.analysis.mistakes import nearest_samples, original, pixels, says
from curation.engine import best_device
from curation.errors import CurationError
from curation.evaluation.suite import Suite
from curation.evaluation.trials import load_target
from curation.figures.evaluation import PART_WORDS
from curation.plugin import fingerprint, plain_name
from curation.recipe import space_in_words
from curation.storage.workspace import Workspace
from pages.ui import resources, session
from pages.ui.components import gallery
from pages.ui.evaluate.looked import Looked

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

NEAREST = 8
TOP = 4
MAGNIFIED = 8


def draw(found: Workspace, it: Looked, suite: Suite, table: pd.DataFrame, row: int, classes: list[str]) -> None:
    """Draw the image in one row of the verdicts."""
    said = table.iloc[row]
    label, kind, severity = int(said["label"]), str(said["kind"]), int(said["severity"])
    image = resources.thumbnails(fingerprint(["P", suite.key, [row]]), lambda: pixels(suite, [row]))[0]
    clean = original(suite, row)
    words = " ".join(part for part in (plain_name(kind), str(severity or "")) if part)
    with st.container(border=True):
        st.markdown(f"**Test image {int(said['sample_id'])}** :gray[{PART_WORDS[str(said['part'])]}]")
        if clean is None or said["part"] == "clean":
            st.image(side_by_side([image], side_px=280), caption="As it is in P", width="stretch")
        else:
            factor = visible_factor(largest_change(clean, image), most=MAGNIFIED)
            three = (clean, image, magnified(clean, image, factor=factor))
            st.image(
                side_by_side(three, side_px=200),
                caption=f"Original · {words} · perturbation × {factor} (gray: none)",
                width="stretch",
            )
        wrong = round((1 - float(said["right"])) * len(it.tables))
        answer, of = classes[int(said["prediction"])], len(it.tables)
        if not wrong:
            verdict = ":green[correct]" if of == 1 else f":green[correct in all {of} trainings]"
        elif of == 1:
            verdict = f"predicted as **{answer}**"
        else:
            verdict = f"wrong in {wrong} of {of} trainings, mostly predicted as **{answer}**"
        st.markdown(f"Label **{classes[label]}**, {verdict}")
        _probabilities(found, it, image, label, classes)
        _nearest(it, image)


def _probabilities(found: Workspace, it: Looked, image: np.ndarray, label: int, classes: list[str]) -> None:
    trials = it.trials.reset_index(drop=True)
    at = 0
    if len(trials) > 1:
        at = st.selectbox(
            "Prediction of",
            range(len(trials)),
            format_func=lambda i: f"{trials['target'][i]}, training {trials['number'][i] + 1}",
            key="example-training",
        )
    else:
        st.caption(f"Prediction of {trials['target'][0]}")
    try:
        network = _target(str(trials["key"][at]), str(found.root))
        probabilities = _said(fingerprint([trials["key"][at], image.tobytes().hex()]), network, image)
    except CurationError as error:
        st.caption(f"{error}")
        return
    for index, probability in likeliest(probabilities, count=TOP, label=label):
        mark = " :green[(label)]" if index == label else ""
        st.progress(probability, text=f"{classes[index]}{mark} · {probability:.1%}")


@st.cache_resource(max_entries=8, show_spinner="Loading the target …")
def _target(key: str, root: str) -> Any:
    return load_target(Workspace(root).target(key)).to(best_device())


@st.cache_resource(max_entries=256, show_spinner=False)
def _said(key: str, _network: Any, _image: np.ndarray) -> np.ndarray:
    return says(_network, _image, device=best_device())


def _nearest(it: Looked, image: np.ndarray) -> None:
    """Draw the training images that are most like it in the recipe's space, with a way to their variants."""
    recipe = next(iter(it.results.recipes.values()))
    pipeline = resources.pipeline_of(recipe)
    try:
        seen = pipeline.plan.features().folder.name
        rows, cosines = _found(fingerprint([seen, image.tobytes().hex()]), pipeline, image)
    except CurationError as error:
        st.caption(f"No nearest training images: {error}.")
        return
    samples = pipeline.samples
    st.caption(
        f"Nearest training images in {space_in_words(recipe.space)} (cosine similarity); click one to see its variants"
    )
    opened = gallery(
        resources.thumbnails(f"nearest-{samples.digest}-{rows.tolist()}", lambda: samples.images(rows)),
        key="nearest",
        ids=samples.sample_ids[rows],
        labels=pipeline.plan.labels[rows],
        class_names=samples.classes,
        notes=[f"{cosine:.2f}" for cosine in cosines],
        editable=False,
    ).opened
    if opened is not None:
        session.SAMPLE.set(opened)
        session.VARIANTS_GO.set("One sample")
        st.switch_page("variants.py", query_params={"sample": str(opened)})


@st.cache_resource(max_entries=256, show_spinner=False)
def _found(key: str, _pipeline: Any, _image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return nearest_samples(_pipeline, _image, count=NEAREST)
