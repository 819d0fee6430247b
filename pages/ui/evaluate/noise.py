"""Noise: what subtracting predicted noise does to a training, and how noisy the images of this workspace are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from curation.analysis import image_noise
from curation.analysis import noise_prediction as analysis
from curation.analysis.noise_prediction import Case, Experiment
from curation.errors import CurationError
from curation.figures import noise as figures
from curation.figures.curation import ACCENT, FAMILY_COLORS
from curation.figures.evaluation import GRAY
from curation.pipeline import Pipeline
from curation.plugin import fingerprint
from curation.storage.workspace import Workspace
from pages.ui import fields, resources, state

if TYPE_CHECKING:
    import pandas as pd

SEEDS = 8

NAMES = {
    "noisy": "nothing subtracted",
    "draw": "a draw subtracted",
    "mean": "the mean subtracted",
    "released": "trained on, a draw subtracted",
    "control": "trained on, nothing subtracted",
}
COLORS = {
    NAMES["noisy"]: GRAY,
    NAMES["draw"]: FAMILY_COLORS["corruption"],
    NAMES["mean"]: FAMILY_COLORS["clean"],
    NAMES["released"]: FAMILY_COLORS["adversarial"],
    NAMES["control"]: ACCENT,
}
COMPARED = {"fair": ("noisy", "draw", "mean"), "as released": ("noisy", "released", "control")}


def draw(found: Workspace) -> None:
    """Draw the view."""
    _images(found)
    _experiment()


def _images(found: Workspace) -> None:
    st.subheader("Noise in the images")
    try:
        of = resources.pipeline()
        key = fingerprint([of.samples.digest, of.plan.labels.tolist(), [one.key for one in of.plan.corrupted()]])
        table = _levels(f"{found.root} {key}", of)
    except CurationError as error:
        st.info(str(error), icon=":material/grain:")
        return
    picked = st.dataframe(
        table,
        hide_index=True,
        placeholder="cannot be told",
        height=280,
        key="noise-levels",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "name": st.column_config.TextColumn("Images", pinned=True),
            "images": st.column_config.NumberColumn("Looked at", format="localized"),
            "told": st.column_config.NumberColumn("Can be told of", format="localized"),
            "median": st.column_config.NumberColumn("Noise σ in 255ths, median", format="%.1f"),
            "low": st.column_config.NumberColumn("10 % are below", format="%.1f"),
            "high": st.column_config.NumberColumn("10 % are above", format="%.1f"),
            "self_supervised": st.column_config.NumberColumn(
                "By self-supervision",
                format="%.1f",
                help="Median by another way: how badly pixels are predicted from their neighbors (Batson & Royer "
                "2019, Noise2Self). What of the picture cannot be predicted counts as noise, so it is an upper bound.",
            ),
        },
    )["selection"]["rows"]
    st.caption(
        "Standard deviation of white noise, estimated in each image from the finest details of its smoothest parts. "
        "Fine texture counts as noise too, so low levels come out too high; noise smoothed by a blur or JPEG comes out "
        "too low. It cannot be told of images that are black or white nearly everywhere. Self-supervision looks at all "
        "parts and comes out higher."
    )
    at = min(picked[0] if picked else 0, len(table) - 1)
    level = table["median"].iloc[at]
    if level == level:  # else it cannot be told
        st.button(
            f"Train the goal model with noise of {level:.1f}/255",
            icon=":material/grain:",
            key="match-noise",
            on_click=_match,
            args=(float(level) / 255,),
            help=f"As in {table['name'].iloc[at]}; select another row to match that. It sets goal_model.train.noise; "
            "Undo reverts it.",
        )
    now = state.recipe().goal_model.train.noise
    if now:
        st.caption(f"The goal model is trained with noise of {255 * now:.1f}/255.")


@st.cache_resource(max_entries=4, show_spinner="Looking at the noise in the images …")
def _levels(key: str, _pipeline: Pipeline) -> pd.DataFrame:
    return image_noise.by_set(_pipeline.plan)


def _match(level: float) -> None:
    if fields.set_field("goal_model.train.noise", round(level, 4)):
        st.toast("It is in the recipe now; pages offer to train the goal model again.")


def _experiment() -> None:
    st.subheader("Does subtracting predicted noise help?")
    st.caption(
        "A small network learns a cubic of x = 1 … 15 from noisy x. A survey proposes to predict the noise and to "
        "subtract a draw of what was predicted, and reports that the loss then falls faster."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        case = st.selectbox(
            "Noise, and what was predicted", analysis.CASES, format_func=_words, key="noise-case", width=360
        )
        way = st.segmented_control(
            "Comparison",
            list(COMPARED),
            default="fair",
            required=True,
            key="noise-way",
            help="Fair: every network starts from the same weights. As released: the network that had already learned "
            "the noisy x is trained on.",
        )
    it = _computed(case, SEEDS)
    names = COMPARED[str(way)]
    for column, losses, words in zip(
        st.columns(2, gap="large"),
        (it.training, it.test),
        ("Loss on the x that it is trained on", "Loss on x without noise"),
        strict=True,
    ):
        with column:
            st.markdown(f"**{words}**")
            st.plotly_chart(
                figures.losses({NAMES[name]: analysis.over_seeds(losses[name]) for name in names}, COLORS),
                config={"displayModeBar": False},
                key=f"noise-{words}",
            )
    st.caption(
        f"Mean squared error in variances of y: geometric means of {SEEDS} seeds with their 95 % intervals, on a "
        "logarithmic axis."
    )
    _told(case, str(way), it)


@st.cache_resource(max_entries=8, show_spinner="Training the small networks …")
def _computed(case: Case, seeds: int) -> Experiment:
    return analysis.experiment(case, seeds=seeds)


def _words(case: Case) -> str:
    return f"N({case.mean:g}, {case.sd:g}), predicted as N({case.learned_mean:g}, {case.learned_sd:g})"


def _told(case: Case, way: str, it: Experiment) -> None:
    """Say what the curves show."""
    errors = analysis.expected_errors(case)
    st.markdown(
        f"**The error of x** is {errors.noisy:.2f} with the noise, **{errors.draw:.2f}** after a draw is subtracted "
        f"and **{errors.mean:.2f}** after the mean alone: a fresh draw does not know the noise that is there, "
        "and adds its own."
    )
    if way == "fair":
        st.markdown(
            "**From the same first weights**, compared with nothing subtracted, the loss over all steps is "
            f"{_times(it, 'draw')} as large with a draw subtracted, and {_times(it, 'mean')} with the mean."
        )
    else:
        st.markdown(
            "**Trained on**, compared with a new network, the loss over all steps is "
            f"{_times(it, 'released')} as large with a draw subtracted, and {_times(it, 'control')} with nothing "
            "subtracted: what looks like a gain is the head start of a network that has already been trained."
        )


def _times(it: Experiment, name: str) -> str:
    value, low, high = analysis.ratio(it.training, name)
    return f"{value:.2f} times ({low:.2f}–{high:.2f})"
