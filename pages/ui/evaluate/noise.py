"""Noise: what subtracting predicted noise does to a training, and how noisy the images of this workspace are."""

from __future__ import annotations

import streamlit as st

from curation.analysis import noise_prediction as analysis
from curation.analysis.noise_prediction import Case, Experiment
from curation.figures import noise as figures
from curation.figures.curation import ACCENT, FAMILY_COLORS
from curation.figures.evaluation import GRAY
from curation.storage.workspace import Workspace

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
    _experiment()


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
        told = [f"{_times(it, 'draw')} after a draw is subtracted", f"{_times(it, 'mean')} after the mean is"]
        st.markdown(f"**From the same first weights**, the loss trained on is {' and '.join(told)}.")
    else:
        told = [
            f"{_times(it, 'released')} after a draw is subtracted",
            f"{_times(it, 'control')} with nothing subtracted",
        ]
        st.markdown(
            f"**Trained on**, the loss is {' and '.join(told)}: what looks like a gain is the head start of a network "
            "that has already been trained."
        )


def _times(it: Experiment, name: str) -> str:
    value, low, high = analysis.ratio(it.training, name)
    return f"{value:.2f} times ({low:.2f}–{high:.2f})"
