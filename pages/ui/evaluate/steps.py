"""What each decision adds: clean images, a random mix, the hardest images, the recipe's offset, another goal model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from curation.analysis.leaderboard import added_to, shown_steps
from curation.evaluation.comparison import PUBLISHED, guided_otherwise, steps
from curation.figures import evaluation as figures
from curation.storage.workspace import Workspace
from pages.ui.evaluate import chosen
from pages.ui.evaluate.chosen import Chosen

if TYPE_CHECKING:
    import pandas as pd


def draw(found: Workspace) -> None:
    """Draw the view."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        it = chosen.choose(found)
        titles = [title for title, about in it.results.sets.items() if about["role"] == "recipe"]
        if not titles:
            st.caption("No set of this evaluation has been made yet.")
            return
        key = f"steps-recipe-{it.results.name}"
        recipe = str(st.selectbox("Recipe", titles, key=key, width=280) if len(titles) > 1 else titles[0])
    table = _steps(it.key, recipe, it.target, it)
    if len(table) < 2:
        st.info(
            "This needs the recipe and a baseline measured; see the Leaderboard view.",
            icon=":material/stairs:",
        )
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Here: R, step by step, at one budget")
        st.plotly_chart(
            figures.steps(
                table["step"].tolist(),
                *(table[name].to_numpy(float) for name in ("R", "gain_low", "gain_high")),
                over=added_to(table),
            ),
            config={"displayModeBar": False},
            key="steps",
        )
        st.caption(
            "The axis does not start at 0. Error bars are 95 % intervals; a step is gray where its interval includes 0."
        )
    with right:
        st.subheader("Published: the contest's winner")
        names, points = [name for name, _ in PUBLISHED], [gain for _, gain in PUBLISHED]
        st.plotly_chart(
            figures.published([_wrapped(name) for name in names], points),
            config={"displayModeBar": False},
            key="published",
        )
    st.dataframe(
        shown_steps(table),
        hide_index=True,
        placeholder="",
        key="steps-table",
        column_config={
            "step": "Step",
            "takes": "Images chosen",
            "R": st.column_config.NumberColumn("R, %", format="%.1f"),
            "gain": st.column_config.TextColumn("Gain, points", alignment="right"),
            "between": "95 %",
            "over": st.column_config.TextColumn("Compared with"),
        },
    )
    if table["set"].iloc[-1] == recipe and titles[0] != recipe:
        st.caption(f"The baselines have the mix of {titles[0]}, from which they were derived.")
    if not guided_otherwise(it.results, recipe):
        st.caption(
            "The fourth published step, another goal model, is drawn where the evaluation has the recipe under one: "
            "choose some in the form of a new evaluation (*The first recipe under other goal models*)."
        )
    chosen.explain(it)
    st.caption(
        "The published gains (Wang & Fang 2022, table 1) are points of the contest's score on its own P, whose hidden "
        "tests were made of images that contestants could train on; compare their order, not their size."
    )


def _wrapped(name: str) -> str:
    """Return a name on two lines."""
    words = name.split()
    return f"{' '.join(words[:2])}<br>{' '.join(words[2:])}"


@st.cache_resource(max_entries=32, show_spinner="Comparing the sets …")
def _steps(key: str, recipe: str, target: str | None, _it: Chosen) -> pd.DataFrame:
    return steps(_it.results, recipe, target=target)
