"""Which set trains the best targets: the table, gains with intervals, and the trainings while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from curation.analysis import leaderboard as analysis
from curation.evaluation.comparison import Leader, leader
from curation.figures import evaluation as figures
from curation.figures.evaluation import PART_SHORT
from curation.storage.workspace import Workspace
from pages.ui import session
from pages.ui.evaluate import begin, chosen, live
from pages.ui.evaluate.chosen import Chosen

if TYPE_CHECKING:
    import pandas as pd


def draw(found: Workspace) -> None:
    """Draw the view."""
    if session.NEW_EVALUATION.get() or not found.evaluations():
        begin.draw(found)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        it = chosen.choose(found)
        st.button("New evaluation", icon=":material/add:", on_click=begin.show, key="evaluation-new")
    live.draw(found, it.results)
    if not it.results.sets:
        st.caption("No results yet: the test suite P and the training sets are made first.")
        return
    table = chosen.leaderboard(it.key, it.target, it.results)
    if table["R"].isna().all():
        st.caption("No results yet; they appear with the first finished training.")
        return
    _headline(it, table)
    _table(table)
    chosen.explain(it)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Gain over clean images of the same budget")
        if table["gain"].notna().any():
            st.plotly_chart(figures.gains(table), config={"displayModeBar": False}, key="gains")
            st.caption("The recipes are in color, the baselines gray; error bars are 95 % intervals.")
        else:
            st.caption("Available once the clean baseline and another set are measured.")
    with right:
        st.subheader("R and the accuracy on each part")
        st.plotly_chart(figures.parts(*analysis.measured(table)), config={"displayModeBar": False}, key="parts")
        st.caption(
            "The axis does not start at 0. Held-out corruptions and the white box are not part of R; the white box has "
            "its own axis."
        )
    _curves(it)


def _curves(it: Chosen) -> None:
    """Draw the test accuracy by epoch, where it was measured."""
    if not it.results.evaluation.curve:
        return
    table = it.results.curves(target=it.target)
    st.subheader("Clean test accuracy by epoch")
    if table.empty:
        st.caption("Measured after each epoch of a training; those that were finished before it was asked have none.")
        return
    top5 = (
        "test_top5" in table
        and st.segmented_control(
            "Counted as right", ["Top 1", "Top 5"], default="Top 1", required=True, key="curve-top"
        )
        == "Top 5"
    )
    shown = "test_top5" if top5 else "test_accuracy"
    st.plotly_chart(figures.curves_by_epoch(table, shown), config={"displayModeBar": False}, key="test-curves")
    st.caption("Means over trainings. Dotted: baselines. The epoch is not chosen by it: the last one counts.")


def _headline(it: Chosen, table: pd.DataFrame) -> None:
    """Say plainly how the best recipe stands, then by how much, and what that is worth."""
    lead = _leader(it.key, it.target, it)
    if lead is None:
        return
    if lead.verdict:
        st.subheader(lead.verdict)
    words = f"**{lead.set}** reaches robustness R **{table.loc[table['set'] == lead.set, 'R'].iloc[0]:.1%}**"
    compared = [(lead.over_clean, "clean images of the same budget")]
    if lead.rival != "clean":
        compared.append((lead.over_rival, f"the best baseline, {lead.rival}"))
    told = [analysis.in_words(found, what) for found, what in compared if found]
    few = " One training each: other seeds may differ by more." if told and lead.trainings == 1 else ""
    st.markdown(f"{words}: {'; '.join(told)}.{few}" if told else f"{words}.")
    done, of = int(table["trainings"].sum()), int(table["of"].sum())
    if done < of:
        st.caption(f":orange[:material/hourglass_bottom:] Partial: {done} of {of} trainings are measured.")


@st.cache_resource(max_entries=32, show_spinner=False)
def _leader(key: str, target: str | None, _it: Chosen) -> Leader | None:
    return leader(_it.results, _it.results.leaderboard(target=target), target=target)


def _table(table: pd.DataFrame) -> None:
    """Draw one row a set, what decides first."""
    shown = analysis.shown(table)
    column = st.column_config
    helps = {
        "held_out": "Accuracy on corruptions that no recipe should train on; not part of R.",
        "white_box": "Accuracy where each target itself is attacked; not part of R.",
    }
    st.dataframe(
        shown,
        hide_index=True,
        placeholder="",
        key="leaderboard",
        column_config={
            "Set": column.TextColumn("Set", pinned=True, help="★ a recipe; the others are baselines of its budget."),
            "R": column.NumberColumn("R, %", format="%.1f", width=60),
            "95 %": column.TextColumn(width=105, help="Interval of R."),
            "Gain": column.TextColumn(
                "Gain", width=60, alignment="right", help="Points of R over the clean baseline, paired."
            ),
            "Gain, 95 %": column.TextColumn(width=115, help="Interval of the gain, paired."),
            "Trainings": column.TextColumn(width=80, help="Measured, out of those requested."),
            "Spread": column.NumberColumn(
                "± trainings", format="%.1f", width=90, help="Standard deviation of R over trainings, in points."
            ),
            "Images": column.NumberColumn(format="localized", width=70, help="In the training set."),
            "Training, s": column.NumberColumn(format="%.0f", width=90, help="Mean seconds of one training."),
            **{
                name: column.NumberColumn(
                    PART_SHORT[name],
                    format="%.1f",
                    width=80,
                    help=helps.get(name, "Accuracy in %; R is the mean of clean, adversarial and corrupted."),
                )
                for name in analysis.SHOWN[1:]
            },
            "Micro": column.NumberColumn(
                "Micro, %",
                format="%.1f",
                width=70,
                help="Accuracy over all images of P alike, however many each part has; R weighs the three parts alike.",
            ),
            "mCE": column.NumberColumn(
                "mCE",
                format="%.2f",
                width=60,
                help="Mean corruption error relative to the clean baseline (1); lower is better.",
            ),
            "Curation, s": column.NumberColumn(format="%.0f", width=90, help="Seconds to compute the set."),
        },
    )
