"""Which set trains the best targets: the table, gains with intervals, and the trainings while they run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from curation import evaluation_figures as figures
from curation.evaluation_figures import signed
from curation.workspace import Workspace
from pages.ui.evaluate import begin, chosen, live
from pages.ui.evaluate.chosen import Chosen

SHOWN = ("R", "clean", "adversarial", "corruption", "held_out", "white_box")
WORDS = {
    "clean": "Clean",
    "adversarial": "Adversarial",
    "corruption": "Corrupted",
    "held_out": "Held-out corruptions",
    "white_box": "Attacked itself",
}
SHORT = {**WORDS, "held_out": "Held out", "white_box": "White box"}
"""Of the table's heads."""


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
    chosen.explain(it.results)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Gain over clean images of the same budget")
        if table["gain"].notna().any():
            st.plotly_chart(figures.gains(table), config={"displayModeBar": False}, key="gains")
            st.caption("In points of R. The recipes are in colour, the baselines grey; whiskers are 95 % intervals.")
        else:
            st.caption("Known once the baseline of clean images and another set are measured.")
    with right:
        st.subheader("R and the accuracy on each part")
        known = table[table["R"].notna()]
        there = [name for name in SHOWN if name in known and known[name].notna().any()]
        st.plotly_chart(figures.parts(known, there), config={"displayModeBar": False}, key="parts")
        st.caption(
            "Held-out corruptions, and attacks on the target itself (white box), are told beside R, not part of it."
        )


def _headline(it: Chosen, table: pd.DataFrame) -> None:
    """Say in a sentence who leads and how surely."""
    lead = _leader(it.key, it.target, it)
    if lead is None:
        return
    row = table[table["set"] == lead.set].iloc[0]
    words = [f"**{lead.set}** reaches R **{row['R']:.1%}**"]
    if lead.over_clean:
        value, low, high = (100 * part for part in lead.over_clean)
        words.append(
            f"**{signed(value)} points** over clean images of the same budget ({signed(low)} to {signed(high)})"
        )
    if lead.rival and lead.rival != "clean" and lead.over_rival:
        value, low, high = (100 * part for part in lead.over_rival)
        sure = "surely" if low > 0 or high < 0 else "not surely"
        verb = "ahead of" if value > 0 else "behind"
        words.append(
            f"{abs(value):.1f} points {verb} the best baseline, {lead.rival} ({sure}: {signed(low)} to {signed(high)})"
        )
    st.markdown("; ".join(words) + ".")
    done, of = int(table["trainings"].sum()), int(table["of"].sum())
    if done < of:
        st.caption(f":orange[:material/hourglass_bottom:] Partial: {done} of {of} trainings are measured.")


@st.cache_resource(max_entries=32, show_spinner=False)
def _leader(key: str, target: str | None, _it: Chosen):  # type: ignore[no-untyped-def]
    from curation.evaluation.comparison import leader

    return leader(_it.results, _it.results.leaderboard(target=target), target=target)


def _table(table: pd.DataFrame) -> None:
    shown = pd.DataFrame({"Set": np.where(table["role"] == "recipe", "★ ", "") + table["set"], "R": 100 * table["R"]})
    if "R_low" in table:
        shown["95 %"] = _between(table, "R")
    shown["Gain"] = 100 * table["gain"]
    shown["Gain, 95 %"] = _between(table, "gain", words=signed)
    for name, words in WORDS.items():
        if name in table and table[name].notna().any():
            shown[words] = 100 * table[name]
    if "R_spread" in table and table["R_spread"].notna().any():
        shown["Spread"] = 100 * table["R_spread"]
    if table["mce"].notna().any():
        shown["mCE"] = table["mce"]
    shown["Trainings"] = [f"{done} of {of}" for done, of in zip(table["trainings"], table["of"], strict=True)]
    shown["Curation, s"], shown["Training, s"] = table["curation_s"], table["training_s"]
    shown["Images"], shown["What"] = table["images"], table["title"]
    column = st.column_config
    st.dataframe(
        shown,
        hide_index=True,
        placeholder="",
        key="leaderboard",
        column_config={
            "Set": column.TextColumn("Set", pinned=True, help="★ a recipe; the others are baselines of its budget."),
            "R": column.NumberColumn("R, %", format="%.1f"),
            "95 %": column.TextColumn(width=105, help="Over test images."),
            "Gain, 95 %": column.TextColumn(width=115, help="Over test images, paired."),
            "Gain": column.NumberColumn("Gain", format="%+.1f", help="Points of R over the clean baseline, paired."),
            **{
                words: column.NumberColumn(SHORT[name], format="%.1f", help=f"Accuracy: {words.lower()}; beside R.")
                if name in ("held_out", "white_box")
                else column.NumberColumn(SHORT[name], format="%.1f", help="Accuracy; R is the mean of these three.")
                for name, words in WORDS.items()
            },
            "Spread": column.NumberColumn("± trainings", format="%.1f", help="Standard deviation of R, in points."),
            "mCE": column.NumberColumn("mCE", format="%.2f", help="Corruption error; 1: as the clean baseline's."),
            "Curation, s": column.NumberColumn(format="%.0f", help="Seconds of computing to make the set."),
            "Training, s": column.NumberColumn(format="%.0f", help="Seconds of one training, on average."),
            "Images": column.NumberColumn(format="localized"),
        },
    )


def _between(table: pd.DataFrame, name: str, *, words: Callable[[float], str] = "{:.1f}".format) -> list[str]:
    return [
        "" if np.isnan(low) else f"{words(100 * low)} to {words(100 * high)}"
        for low, high in zip(table[f"{name}_low"].astype(float), table[f"{name}_high"].astype(float), strict=True)
    ]
