"""What a tuning found: its best try in words and beside the recipe as it is, and what R depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from curation.figures import tuning as charts
from curation.figures.curation import FAMILY_COLORS, FAMILY_WORDS
from curation.recipe import Recipe, recipe_differences
from curation.storage.workspace import Workspace
from pages.ui import state
from pages.ui.evaluate import begin

if TYPE_CHECKING:
    from curation.tuning.study import Study

STARTS = {
    "recipe": "the recipe as it is",
    "clean": "clean images only, at random",
    "random_mix": "the recipe's mix, at random",
}
"""The known points that a search begins with."""


def draw(found: Workspace, study: Study) -> None:
    """Draw the best try and the charts of all."""
    table = study.table()
    done = table[table["state"] == "done"].reset_index(drop=True)
    if done.empty:
        st.caption("No try is done yet. The first are the recipe as it is, clean images only, and its mix at random.")
        return
    top = int(done["R"].argmax())
    _best(found, study, done, top)
    reached = done["R"].to_numpy(float)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("R of each try")
        st.plotly_chart(
            charts.progress(done["number"].to_numpy(), reached, height_px=320),
            config={"displayModeBar": False},
            key="tuned-progress",
        )
    with right:
        st.subheader("R by mix")
        shares = done[[f"mix_{family}" for family in ("clean", "corruption", "adversarial")]].to_numpy(float)
        marked = {"The best": top}
        if (done["start"] == "recipe").any():
            marked["The recipe as it is"] = int((done["start"] == "recipe").argmax())
        st.plotly_chart(charts.mixes(shares, reached, marked=marked), config={"displayModeBar": False}, key="tuned-mix")
    families = [family for family in FAMILY_WORDS if done[f"offset_{family}"].notna().any()]
    if families:
        st.subheader("R by offset: how much of the hardest is passed over")
        _offsets(study, done, families)
    else:
        st.caption("No try so far has an offset: none of them takes a band.")
    with st.expander(f"All {len(table)} tries"):
        _table(study, table)


def _best(found: Workspace, study: Study, done: pd.DataFrame, top: int) -> None:
    """Say what the best try is, what it is worth, and offer what follows."""
    best, start = study.best(), str(done["start"][top])
    known = done.loc[done["start"] == "recipe", "R"]
    gained = 100 * (done["R"][top] - known.iloc[0]) if len(known) and start != "recipe" else 0.0
    words = f"The best of {len(done)} tries has R **{done['R'][top]:.1%}**"
    if gained:
        words += f", {abs(gained):.1f} points above the recipe as it is"
    with st.container(border=True):
        if start:
            st.markdown(f"{words}. It is a point to begin with, **{STARTS[start]}**: the search found nothing better.")
        else:
            st.markdown(f"{words}. It was found by the search.")
        if start != "recipe":
            there = _described(study.recipe)
            rows = [
                f"| {name} | {there[name]} | {value if value == there[name] else f'**{value}**'} |"
                for name, value in _described(best).items()
            ]
            st.markdown("\n".join(["| | The recipe as it is | The best try |", "|---|---|---|", *rows]))
        st.caption(
            f"Chosen by R on {study.settings.suite_samples} test images after a short training of "
            f"{study.settings.target}; the best of many tries looks better than it is. Measure it again before you "
            "rely on it."
        )
        if start != "recipe":
            _offer(found, best, primary=not start)


def _offer(found: Workspace, best: Recipe, *, primary: bool) -> None:
    """Draw what takes the recipe and what measures it."""
    taken = not recipe_differences(state.recipe(), best)
    with st.container(horizontal=True, vertical_alignment="center"):
        if taken:
            st.markdown(":green[:material/check_circle:] It is the working recipe now; undo takes it back.")
        else:
            st.button(
                "Take this recipe",
                type="primary" if primary else "secondary",
                icon=":material/check:",
                on_click=state.replace,
                args=(best,),
                key="take-tuning",
                help="It becomes the working recipe; undo takes it back.",
            )
        st.button(
            "Measure it in a new evaluation",
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
    st.session_state[f"begin-recipes-{found.name}"] = [begin.WORKING]
    st.session_state["evaluate-go"] = "Leaderboard"


def _described(recipe: Recipe) -> dict[str, str]:
    """Return what a search may change of a recipe, in words."""
    selection, corruption = recipe.selection, recipe.variants.corruption
    total = sum(selection.mix.of(family) for family in FAMILY_WORDS)
    shares = {family: selection.mix.of(family) / total for family in FAMILY_WORDS}
    there = [family for family in FAMILY_WORDS if shares[family]]
    words = {
        "Strategy": selection.strategy.replace("_", " "),
        "Mix": ", ".join(f"{shares[family]:.0%} {FAMILY_WORDS[family].lower()}" for family in there),
    }
    form = "{:.1%}" if selection.offset_by == "rank" else "{:.3g}"
    banded = any(selection.within_of(family) == "boundary" for family in there)
    for name, edges in (("Offset", selection.offset), ("Floor", selection.floor)):
        known = {family: edges.of(family) for family in there} if banded else {}
        listed = [f"{FAMILY_WORDS[at].lower()} {form.format(v)}" for at, v in known.items() if v is not None]
        words[name] = ", ".join(listed) or "none"
    taken = corruption is not None and shares["corruption"] > 0
    words["Severities"] = ", ".join(map(str, corruption.severities)) if corruption and taken else "none"
    return words


def _offsets(study: Study, done: pd.DataFrame, families: list[str]) -> None:
    for column, family in zip(st.columns(len(families)), families, strict=True):
        known = done[done[f"offset_{family}"].notna()]
        with column:
            st.plotly_chart(
                charts.search(
                    known[f"offset_{family}"].to_numpy(float),
                    known["R"].to_numpy(float),
                    name=f"offset, {FAMILY_WORDS[family].lower()}",
                    color=FAMILY_COLORS[family],
                    share=study.recipe.selection.offset_by == "rank",
                ),
                config={"displayModeBar": False},
                key=f"tuned-offset-{family}",
            )


def _table(study: Study, table: pd.DataFrame) -> None:
    """Draw every try, in the words that the rest of the page has."""
    ranked = study.recipe.selection.offset_by == "rank"
    share = ["R", *FAMILY_WORDS, *(f"mix_{family}" for family in FAMILY_WORDS)]
    edges = [f"{name}_{family}" for name in ("offset", "floor") for family in FAMILY_WORDS]
    share += edges if ranked else []
    shown = table.assign(
        start=table["start"].map(STARTS).fillna(""), **{name: 100 * table[name].astype(float) for name in share}
    )
    unit = ", %" if ranked else ""
    column = st.column_config
    st.dataframe(
        shown.dropna(axis=1, how="all"),
        hide_index=True,
        placeholder="",
        key="tuned-table",
        column_config={
            "number": column.NumberColumn("Try", pinned=True),
            "state": "State",
            "start": "Point to begin with",
            "R": column.NumberColumn("R, %", format="%.1f"),
            **{part: column.NumberColumn(f"{words}, %", format="%.1f") for part, words in FAMILY_WORDS.items()},
            "strategy": "Strategy",
            "severities": "Severities",
            "seconds": column.NumberColumn("Seconds", format="%.0f"),
            "error": "What went wrong",
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
