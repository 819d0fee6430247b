"""What a tuning found: its best trial beside the recipe as it is, and what R depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from curation.analysis import tuned as analysis
from curation.analysis.tuned import Found, Guided
from curation.figures import tuning as charts
from curation.figures.curation import FAMILY_COLORS, FAMILY_WORDS
from curation.recipe import Recipe, recipe_differences
from curation.storage.workspace import Workspace
from pages.ui import session, state
from pages.ui.evaluate import begin

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

    from curation.tuning.study import Study


def draw(found: Workspace, study: Study) -> None:
    """Draw the best trial and the charts of all."""
    table = study.table()
    done = analysis.found(table)
    if done is None:
        st.caption("No trial is done yet. The first are the recipe as it is, clean images only, and its mix at random.")
        return
    _best(found, study, done)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("R of each trial")
        st.plotly_chart(
            charts.progress(done.table["number"].to_numpy(), done.R, height_px=320),
            config={"displayModeBar": False},
            key="tuned-progress",
        )
    with right:
        st.subheader("R by mix")
        marked = {"Best": done.top}
        if done.recipe is not None:
            marked["Recipe as it is"] = done.recipe
        st.plotly_chart(
            charts.mixes(done.shares, done.R, marked=marked), config={"displayModeBar": False}, key="tuned-mix"
        )
    guided = done.goal_models()
    if guided:
        st.subheader("R by goal model")
        _goal_models(guided)
    offsets = done.offsets()
    if offsets:
        st.subheader("R by offset: the share of the hardest candidates that is skipped")
        _offsets(study, offsets)
    else:
        st.caption("No trial so far uses a hardness band, so there is no offset to show.")
    with st.expander(f"All {len(table)} trials"):
        _table(study, table)


def _goal_models(guided: Mapping[str, Guided]) -> None:
    """Draw what another goal model gives: the recipe otherwise as it is, and with what the search found for it."""
    as_it_is = {name: one.as_it_is for name, one in guided.items() if one.as_it_is is not None}
    left, right = st.columns([3, 2], gap="large")
    left.plotly_chart(
        charts.goal_models({name: one.R for name, one in guided.items()}, as_it_is),
        config={"displayModeBar": False},
        key="tuned-goal-models",
    )
    own, column = as_it_is.get(analysis.OWN_GOAL_MODEL), st.column_config
    rows = [
        {
            "goal": name,
            "trials": len(one.R),
            "as_it_is": None if one.as_it_is is None else 100 * one.as_it_is,
            "gain": None
            if one.as_it_is is None or own is None or name == analysis.OWN_GOAL_MODEL
            else 100 * (one.as_it_is - own),
            "best": 100 * one.best,
        }
        for name, one in guided.items()
    ]
    right.dataframe(
        rows,
        hide_index=True,
        placeholder="",
        key="tuned-goal-models-table",
        column_config={
            "goal": column.TextColumn("Goal model", pinned=True),
            "trials": "Trials",
            "as_it_is": column.NumberColumn("R as it is, %", format="%.1f", help="The recipe, guided by it."),
            "gain": column.NumberColumn("Gain, points", format="%+.1f", help="On the recipe with its own."),
            "best": column.NumberColumn("Best R, %", format="%.1f", help="Of all trials with it."),
        },
    )
    right.caption("The search looks more often where R was high, so the best of many trials is flattered most.")


def _best(found: Workspace, study: Study, done: Found) -> None:
    """Show the best trial and its gain, and offer the next steps."""
    best, start = study.best(), done.start
    words = f"The best of {len(done.table)} finished trials has R **{done.R[done.top]:.1%}**"
    if done.gain:
        words += f", {abs(100 * done.gain):.1f} points above the recipe as it is"
    with st.container(border=True):
        if start:
            point = analysis.start_in_words(start)
            st.markdown(f"{words}. It is a starting point, **{point}**: the search found nothing better.")
        else:
            st.markdown(f"{words}. It was found by the search.")
        if start != "recipe":
            there, found_words = analysis.in_words(study.recipe), analysis.in_words(best)
            if study.settings.goal_models:
                there["Goal model"] = analysis.OWN_GOAL_MODEL
                found_words["Goal model"] = analysis.goal_model_in_words(str(done.table["goal_model"][done.top]))
            rows = [
                f"| {name} | {there[name]} | {value if value == there[name] else f'**{value}**'} |"
                for name, value in found_words.items()
            ]
            st.markdown("\n".join(["| | Recipe as it is | Best trial |", "|---|---|---|", *rows]))
        st.caption(
            f"Chosen by R on {study.settings.suite_samples} test images after a short training of "
            f"{study.settings.target}; the best of many trials looks better than it is. Evaluate it again before you "
            "rely on it."
        )
        if start != "recipe":
            _offer(found, best, primary=not start)


def _offer(found: Workspace, best: Recipe, *, primary: bool) -> None:
    """Draw what takes the recipe and what measures it."""
    taken = not recipe_differences(state.recipe(), best)
    with st.container(horizontal=True, vertical_alignment="center"):
        if taken:
            st.markdown(":green[:material/check_circle:] It is the working recipe now; Undo reverts it.")
        else:
            st.button(
                "Use this recipe",
                type="primary" if primary else "secondary",
                icon=":material/check:",
                on_click=state.replace,
                args=(best,),
                key="take-tuning",
                help="It becomes the working recipe; Undo reverts it.",
            )
        st.button(
            "Evaluate it",
            type="primary" if primary and taken else "secondary",
            icon=":material/leaderboard:",
            on_click=_measure,
            args=(found, best),
            key="measure-tuning",
            help="It becomes the working recipe, and the form of a new evaluation opens with it.",
        )


def _measure(found: Workspace, best: Recipe) -> None:
    state.replace(best)
    begin.show()
    session.new_evaluation_recipes(found.name).set([begin.WORKING])
    session.EVALUATE_GO.set("Leaderboard")


def _offsets(study: Study, offsets: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for column, (family, (values, reached)) in zip(st.columns(len(offsets)), offsets.items(), strict=True):
        with column:
            st.plotly_chart(
                charts.search(
                    values,
                    reached,
                    name=f"offset, {FAMILY_WORDS[family].lower()}",
                    color=FAMILY_COLORS[family],
                    share=study.recipe.selection.offset_by == "rank",
                ),
                config={"displayModeBar": False},
                key=f"tuned-offset-{family}",
            )


def _table(study: Study, table: pd.DataFrame) -> None:
    """Draw every trial, in the words that the rest of the page has."""
    ranked = study.recipe.selection.offset_by == "rank"
    unit = ", %" if ranked else ""
    column = st.column_config
    st.dataframe(
        analysis.shown(table, ranked=ranked),
        hide_index=True,
        placeholder="",
        key="tuned-table",
        column_config={
            "number": column.NumberColumn("Trial", pinned=True),
            "state": "State",
            "start": "Starting point",
            "R": column.NumberColumn("R, %", format="%.1f"),
            **{part: column.NumberColumn(f"{words}, %", format="%.1f") for part, words in FAMILY_WORDS.items()},
            "goal_model": "Goal model",
            "strategy": "Strategy",
            "severities": "Severities",
            "seconds": column.NumberColumn("Seconds", format="%.0f"),
            "error": "Error",
            **{
                f"mix_{family}": column.NumberColumn(f"Mix: {words.lower()}, %", format="%.0f")
                for family, words in FAMILY_WORDS.items()
            },
            **{
                f"{name}_{family}": column.NumberColumn(
                    f"{name.capitalize()}: {words.lower()}{unit}", format="%.1f" if ranked else "%.3f"
                )
                for name in ("offset", "floor")
                for family, words in FAMILY_WORDS.items()
            },
        },
    )
