"""Which set trains the best targets: the table, gains with intervals, and the trainings while they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from curation.figures import evaluation as figures
from curation.figures.evaluation import PART_SHORT, signed
from curation.storage.workspace import Workspace
from pages.ui.evaluate import begin, chosen, live
from pages.ui.evaluate.chosen import Chosen

if TYPE_CHECKING:
    from curation.evaluation.metrics import Interval

SHOWN = ("R", "clean", "adversarial", "corruption", "held_out", "white_box")


def draw(found: Workspace) -> None:
    """Draw the view."""
    if st.session_state.get("begin") or not found.evaluations():
        begin.draw(found)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        it = chosen.choose(found)
        st.button("New evaluation", icon=":material/add:", on_click=begin.show, key="evaluation-new")
    live.draw(found, it.results)
    if not it.results.sets:
        st.caption("Nothing is measured yet: the test suite P and the sets come first.")
        return
    table = chosen.leaderboard(it.key, it.target, it.results)
    if table["R"].isna().all():
        st.caption("No training is measured yet; the first figures come with the first one.")
        return
    _headline(it, table)
    _table(table)
    chosen.explain(it)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Gain over clean images of the same budget")
        if table["gain"].notna().any():
            st.plotly_chart(figures.gains(table), config={"displayModeBar": False}, key="gains")
            st.caption("The recipes are in color, the baselines gray; whiskers are 95 % intervals.")
        else:
            st.caption("Known once the baseline of clean images and another set are measured.")
    with right:
        st.subheader("R and the accuracy on each part")
        known = table[table["R"].notna()]
        there = [name for name in SHOWN if name in known and known[name].notna().any()]
        st.plotly_chart(figures.parts(known, there), config={"displayModeBar": False}, key="parts")
        st.caption(
            "Accuracy, from the lowest that is shown. Held-out corruptions and the white box are beside R, not part of "
            "it; the white box has an axis of its own."
        )


def _headline(it: Chosen, table: pd.DataFrame) -> None:
    """Say plainly how the best recipe stands, then by how much, and what that is worth."""
    lead = _leader(it.key, it.target, it)
    if lead is None:
        return
    if lead.verdict:
        st.subheader(lead.verdict)
    words = f"**{lead.set}** reaches R **{table.loc[table['set'] == lead.set, 'R'].iloc[0]:.1%}**"
    compared = [(lead.over_clean, "clean images of the same budget")]
    if lead.rival != "clean":
        compared.append((lead.over_rival, f"the best baseline, {lead.rival}"))
    told = [_apart(found, what) for found, what in compared if found]
    few = " One training each: other seeds may differ by more." if told and lead.trainings == 1 else ""
    st.markdown(f"{words}: {'; '.join(told)}.{few}" if told else f"{words}.")
    done, of = int(table["trainings"].sum()), int(table["of"].sum())
    if done < of:
        st.caption(f":orange[:material/hourglass_bottom:] Partial: {done} of {of} trainings are measured.")


def _apart(found: Interval, what: str) -> str:
    """Return how far above or below something a set is, and whether that is told from nothing."""
    value, low, high = (100 * part for part in found)
    zero = "excludes" if low > 0 or high < 0 else "includes"
    return (
        f"**{abs(value):.1f} points {'above' if value > 0 else 'below'}** {what} "
        f"(95 % interval {signed(low)} to {signed(high)}, {zero} 0)"
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _leader(key: str, target: str | None, _it: Chosen):  # type: ignore[no-untyped-def]
    from curation.evaluation.comparison import leader

    return leader(_it.results, _it.results.leaderboard(target=target), target=target)


def _table(table: pd.DataFrame) -> None:
    """Draw one row a set, what decides first."""
    shown = pd.DataFrame({"Set": np.where(table["role"] == "recipe", "★ ", "") + table["set"], "R": 100 * table["R"]})
    if "R_low" in table:
        shown["95 %"] = _between(table, "R")
    shown["Gain"] = ["" if np.isnan(value) else signed(100 * value) for value in table["gain"].astype(float)]
    shown["Gain, 95 %"] = _between(table, "gain", words=signed)
    shown["Trainings"] = [f"{done} of {of}" for done, of in zip(table["trainings"], table["of"], strict=True)]
    if "R_spread" in table and table["R_spread"].notna().any():
        shown["Spread"] = 100 * table["R_spread"]
    shown["Images"], shown["Training, s"] = table["images"], table["training_s"]
    there = [name for name in SHOWN[1:] if name in table and table[name].notna().any()]
    for name in there:
        shown[name] = 100 * table[name]
    if table["mce"].notna().any():
        shown["mCE"] = table["mce"]
    shown["Curation, s"], shown["What"] = table["curation_s"], table["title"]
    column = st.column_config
    helps = {
        "held_out": "Accuracy on corruptions that no recipe should train on; beside R.",
        "white_box": "Accuracy where each target itself is attacked; beside R.",
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
            "Trainings": column.TextColumn(width=80, help="Measured, of those asked for."),
            "Spread": column.NumberColumn(
                "± trainings", format="%.1f", width=90, help="Standard deviation of R over trainings, in points."
            ),
            "Images": column.NumberColumn(format="localized", width=70, help="In the training set."),
            "Training, s": column.NumberColumn(format="%.0f", width=90, help="Seconds of one training, on average."),
            **{
                name: column.NumberColumn(
                    PART_SHORT[name],
                    format="%.1f",
                    width=80,
                    help=helps.get(name, "Accuracy in %; R is the mean of clean, adversarial and corrupted."),
                )
                for name in there
            },
            "mCE": column.NumberColumn(
                "mCE", format="%.2f", width=60, help="Corruption error; 1: as the clean baseline's, less is better."
            ),
            "Curation, s": column.NumberColumn(format="%.0f", width=90, help="Seconds of computing to make the set."),
        },
    )


def _between(table: pd.DataFrame, name: str, *, words: Callable[[float], str] = "{:.1f}".format) -> list[str]:
    return [
        "" if np.isnan(low) else f"{words(100 * low)} to {words(100 * high)}"
        for low, high in zip(table[f"{name}_low"].astype(float), table[f"{name}_high"].astype(float), strict=True)
    ]
