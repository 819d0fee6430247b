"""One image of P in detail: what was done to it, what a target says of it, and the training images like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from curation.analysis.inspection import enlarged, magnified
from curation.engine import best_device
from curation.errors import CurationError
from curation.figures.evaluation import PART_WORDS
from curation.plugin import fingerprint
from curation.storage.workspace import Workspace
from pages.ui import resources
from pages.ui.components import gallery

if TYPE_CHECKING:
    import pandas as pd

    from curation.evaluation.suite import Suite
    from pages.ui.evaluate.mistakes import Looked

NEAREST = 8
TOP = 4
MAGNIFIED = 8


def draw(found: Workspace, it: Looked, suite: Suite, table: pd.DataFrame, row: int, classes: list[str]) -> None:
    """Draw the image in one row of the verdicts."""
    from curation.evaluation.mistakes import original, pixels

    said = table.iloc[row]
    label, kind, severity = int(said["label"]), str(said["kind"]), int(said["severity"])
    image = resources.thumbnails(fingerprint(["P", suite.key, [row]]), lambda: pixels(suite, np.array([row])))[0]
    clean = original(suite, row)
    words = " ".join(part for part in (kind.replace("_", " "), str(severity or "")) if part)
    with st.container(border=True):
        st.markdown(f"**Test image {int(said['sample_id'])}** :gray[{PART_WORDS[str(said['part'])]}]")
        if clean is None or said["part"] == "clean":
            st.image(enlarged(image, side_px=280), caption="As it is in P", width="stretch")
        else:
            most = int(np.abs(image.astype(int) - clean.astype(int)).max())
            factor = min(MAGNIFIED, max(1, 127 // max(most, 1)))
            three = (clean, image, magnified(clean, image, factor=factor))
            st.image(
                np.concatenate([enlarged(part, side_px=200) for part in three], axis=1),
                caption=f"Original · {words} · the change × {factor} (gray: none)",
                width="stretch",
            )
        wrong = round((1 - float(said["right"])) * len(it.tables))
        answer, of = classes[int(said["prediction"])], len(it.tables)
        if not wrong:
            verdict = ":green[right]" if of == 1 else f":green[right in all {of} trainings]"
        elif of == 1:
            verdict = f"taken for **{answer}**"
        else:
            verdict = f"wrong in {wrong} of {of} trainings, mostly taken for **{answer}**"
        st.markdown(f"Label **{classes[label]}**, {verdict}")
        _probabilities(found, it, image, label, classes)
        _nearest(it, image)


def _probabilities(found: Workspace, it: Looked, image: np.ndarray, label: int, classes: list[str]) -> None:
    trials = it.trials.reset_index(drop=True)
    at = 0
    if len(trials) > 1:
        at = st.selectbox(
            "What a target says",
            range(len(trials)),
            format_func=lambda i: f"{trials['target'][i]}, training {trials['number'][i] + 1}",
            key="example-training",
        )
    else:
        st.caption(f"What {trials['target'][0]} says")
    try:
        network = _target(str(trials["key"][at]), str(found.root))
        probabilities = _said(fingerprint([trials["key"][at], image.tobytes().hex()]), network, image)
    except CurationError as error:
        st.caption(f"{error}")
        return
    shown = list(np.argsort(-probabilities)[:TOP])
    for index in shown if label in shown else [*shown[:-1], label]:
        mark = " :green[(label)]" if index == label else ""
        st.progress(float(probabilities[index]), text=f"{classes[index]}{mark} · {probabilities[index]:.1%}")


@st.cache_resource(max_entries=8, show_spinner="Loading the target …")
def _target(key: str, root: str) -> Any:
    from curation.evaluation.trials import load_target

    return load_target(Workspace(root).target(key)).to(best_device())


@st.cache_resource(max_entries=256, show_spinner=False)
def _said(key: str, _network: Any, _image: np.ndarray) -> np.ndarray:
    from curation.evaluation.mistakes import says

    return says(_network, _image, device=best_device())


def _nearest(it: Looked, image: np.ndarray) -> None:
    """Draw the training images that the goal model sees as most like it, with a way to their variants."""
    recipe = next(iter(it.results.recipes.values()))
    pipeline = resources.pipeline_of(recipe)
    try:
        rows, cosines = _found(fingerprint([pipeline.plan.model_digest, image.tobytes().hex()]), pipeline, image)
    except CurationError as error:
        st.caption(f"The nearest training images are not known: {error}.")
        return
    samples = pipeline.samples
    st.caption(
        "The training images nearest to it, as the goal model sees them (1.00 alike: no difference); click one for its "
        "variants"
    )
    opened = gallery(
        resources.thumbnails(f"nearest-{samples.digest}-{rows.tolist()}", lambda: samples.images(rows)),
        key="nearest",
        ids=samples.sample_ids[rows],
        labels=samples.labels[rows],
        class_names=samples.classes,
        notes=[f"{cosine:.2f} alike" for cosine in cosines],
        editable=False,
    ).opened
    if opened is not None:
        st.session_state["sample"] = opened
        st.session_state["variants-go"] = "One sample"
        st.switch_page("variants.py", query_params={"sample": str(opened)})


@st.cache_resource(max_entries=256, show_spinner=False)
def _found(key: str, _pipeline: Any, _image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from curation.evaluation.mistakes import nearest_samples

    return nearest_samples(_pipeline, _image, count=NEAREST)
