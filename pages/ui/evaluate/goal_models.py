"""Goal models side by side: how strong each is, what it finds hard, how far their choices agree; pick one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from curation import jobs
from curation.errors import CurationError
from curation.figures import curation as figures
from curation.figures import evaluation as charts
from curation.figures.curation import FAMILY_WORDS
from curation.plugin import fingerprint
from curation.storage.workspace import Workspace
from pages.ui import panel, resources, state
from pages.ui.evaluate import chosen

if TYPE_CHECKING:
    from curation.analysis.goal_model_comparison import Comparison
    from curation.recipe import Recipe

MOST = 6


def draw(found: Workspace) -> None:
    """Draw the view."""
    from curation.analysis.goal_model_comparison import candidates

    _training(found)
    table = _offered(candidates(found))
    if table.empty:
        st.info(
            "No goal model yet: run the first two stages on the Workspace page, or train some below.",
            icon=":material/psychology:",
        )
    else:
        st.caption(
            "A goal model guides the curation: what it is unsure of is hard. It should be better trained than the "
            "budget allows, and moderately robust. Tick two or more to compare what they choose."
        )
        names = [_name(row) for row in table.to_dict("records")]
        used = _used(table)
        picked = _table(table, names, used)
        _curve(found, table, names, picked[0] if picked else used or 0, expanded=bool(picked))
        _pick(found, table, names, [index for index in picked if index != used])
        if len(picked) > 1:
            _compare(found, table, names, picked)
    _more(found)


def _offered(table: pd.DataFrame) -> pd.DataFrame:
    """Draw whether earlier epochs are shown too, and return the candidates."""
    earlier = (table["epoch"] != table["epochs"]).fillna(value=False).to_numpy(bool)
    if earlier.any() and not st.toggle("Earlier epochs too", key="goal-epochs"):
        table = table[~earlier]
    return table.reset_index(drop=True)


def _name(row: Mapping[Any, Any]) -> str:
    """Return what people call a goal model: unlike any other's."""
    words = [row["architecture"], "" if row["method"] == "plain" else row["method"]]
    if not np.isnan(row["epsilon"]):
        words.append(f"{row['epsilon'] * 255:.3g}/255")
    if not pd.isna(row["epoch"]):
        words.append(f"epoch {row['epoch']}" + ("" if row["epoch"] == row["epochs"] else f" of {row['epochs']}"))
    return " ".join(word for word in words if word) + f" · {row['key'][:5]}"


def _used(table: pd.DataFrame) -> int | None:
    """Return the row of the goal model that the working recipe has, where it is among them."""
    epoch = state.recipe().goal_model.epoch
    try:
        key = resources.pipeline().plan.model_key
    except CurationError:  # the images are not read yet
        return None
    last = (table["epoch"].isna() | (table["epoch"] == table["epochs"])).fillna(value=True)
    at = last if epoch is None else (table["epoch"] == epoch).fillna(value=False)
    rows = np.flatnonzero((table["key"] == key).to_numpy(bool) & at.to_numpy(bool))
    return int(rows[0]) if len(rows) else None


def _table(table: pd.DataFrame, names: list[str], used: int | None) -> list[int]:
    """Draw the candidates, the one in use marked, and return those that are ticked."""
    percent = 100 * table[["train_accuracy", "test_accuracy"]]
    marked = [f"{name} (in use)" if index == used else name for index, name in enumerate(names)]
    shown = pd.concat([pd.Series(marked, name="name"), percent, table["seconds"]], axis=1)
    column = st.column_config
    event = st.dataframe(
        shown,
        hide_index=True,
        placeholder="",
        key="goal-models",
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "name": column.TextColumn("Goal model", pinned=True),
            "train_accuracy": column.NumberColumn(
                "Accuracy on its training images, %", format="%.1f", help="Clean, the ones that are curated."
            ),
            "test_accuracy": column.NumberColumn(
                "Accuracy on the test split, %", format="%.1f", help="Clean, never trained on."
            ),
            "seconds": column.NumberColumn("Training, s", format="%.0f", help="Up to that epoch."),
        },
    )
    return [row for row in event["selection"]["rows"] if row < len(table)][:MOST]


def _curve(found: Workspace, table: pd.DataFrame, names: list[str], index: int, *, expanded: bool) -> None:
    """Draw the training of one candidate, the epoch that it is of marked."""
    history = found.model(str(table["key"].iloc[index])).history()
    if len(history) > 1:
        with st.expander(f"Training curve: {names[index]}", expanded=expanded):
            figure, epoch = figures.training(history), table["epoch"].iloc[index]
            if not pd.isna(epoch):
                figure.add_vline(x=int(epoch), line={"color": charts.GRAY, "width": 1.5, "dash": "dot"})
            st.plotly_chart(figure, config={"displayModeBar": False}, key="goal-curve")
            st.caption("Accuracy and loss on the images as it was trained on them; the dotted line is its epoch.")


def _pick(found: Workspace, table: pd.DataFrame, names: list[str], picked: list[int]) -> None:
    with st.container(horizontal=True):
        for index in picked:
            st.button(
                f"Use {names[index]}",
                icon=":material/check:",
                key=f"goal-{index}-use",
                on_click=_use,
                args=(_recipe(found, table, index),),
                help="It becomes the working recipe's goal model; undo takes it back.",
            )


def _recipe(found: Workspace, table: pd.DataFrame, index: int) -> Recipe:
    """Return the working recipe with one of the candidates."""
    from curation.analysis.goal_model_comparison import goal_model_of, with_goal_model

    row = table.iloc[index]
    last = pd.isna(row["epoch"]) or row["epoch"] == row["epochs"]
    settings = goal_model_of(found, str(row["key"]), epoch=None if last else int(row["epoch"]))
    return with_goal_model(state.recipe(), settings)


def _use(recipe: Recipe) -> None:
    state.replace(recipe)
    st.toast("It is the recipe's goal model now; what is not computed for it yet is offered where it is needed.")


def _compare(found: Workspace, table: pd.DataFrame, names: list[str], picked: list[int]) -> None:
    recipes = {names[index]: _recipe(found, table, index) for index in picked}
    st.subheader("What they choose")
    lacking = {name: words for name, recipe in recipes.items() if (words := resources.pipeline_of(recipe).undone())}
    if lacking:
        for name, words in lacking.items():
            st.markdown(
                f":orange[:material/hourglass_empty:] For **{name}** this is not computed yet: {', '.join(words)}."
            )
        if panel.active_job(found) is None:  # a job that runs is drawn above
            st.button(
                "Compute what is missing",
                type="primary",
                icon=":material/play_arrow:",
                on_click=_compute,
                args=(found, [recipes[name] for name in lacking]),
                key="goal-compute",
                help="Adversarial copies are made against each goal model; in the background, one after the other.",
            )
            panel.job_strip(found)
        recipes = {name: recipe for name, recipe in recipes.items() if name not in lacking}
        if len(recipes) < 2:
            return
    try:
        keys = [resources.pipeline_of(recipe).pool_key for recipe in recipes.values()]
        key = fingerprint([keys, list(recipes), state.recipe().selection.model_dump(mode="json")])
        _compared(_comparison(key, recipes))
    except CurationError as error:
        st.error(str(error), icon=":material/error:")


@st.cache_resource(max_entries=8, show_spinner="Comparing what they choose …")
def _comparison(key: str, _recipes: dict[str, Recipe]) -> Comparison:
    from curation.analysis.goal_model_comparison import compare

    return compare({name: resources.pipeline_of(recipe) for name, recipe in _recipes.items()})


def _compared(found: Comparison) -> None:
    wide = found.table.pivot_table(index="recipe", columns="family", values="accuracy").reindex(list(found.chosen))
    shown = 100 * wide[[family for family in FAMILY_WORDS if family in wide]]
    st.dataframe(
        shown.reset_index(),
        hide_index=True,
        placeholder="",
        key="goal-accuracies",
        column_config={
            "recipe": st.column_config.TextColumn("Goal model", pinned=True),
            **{
                family: st.column_config.NumberColumn(f"{words}, %", format="%.1f")
                for family, words in FAMILY_WORDS.items()
            },
        },
    )
    letters = {name: chr(65 + index) for index, name in enumerate(found.chosen)}
    listed = " · ".join(f"**{letter}** {name}" for name, letter in letters.items())
    st.caption(
        "Accuracy on the recipe's own images and copies; the adversarial copies were made against each model itself. "
        f"Below: {listed}."
    )
    there = set(found.table.loc[found.table["candidates"] > 0, "family"])
    families = [family for family in FAMILY_WORDS if family in there]
    for column, family in zip(st.columns(len(families)), families, strict=True):
        with column:
            st.markdown(f"**How unsure, {FAMILY_WORDS[family].lower()}**")
            counts = {letters[name]: histograms[family] for name, histograms in found.histograms.items()}
            st.plotly_chart(
                charts.histograms(counts, found.edges), config={"displayModeBar": False}, key=f"goal-entropy-{family}"
            )
    st.markdown("**How far the chosen sets agree**")
    grids = {"all": found.overlap, **{FAMILY_WORDS[f].lower(): found.sample_overlap[f] for f in families}}
    for column, (words, overlap) in zip(st.columns(len(grids)), grids.items(), strict=True):
        with column:
            st.caption("All, copy by copy" if words == "all" else f"{words.capitalize()}, whichever copy")
            st.plotly_chart(
                charts.shares(overlap.to_numpy(float), list(letters.values()), ink=chosen.ink()),
                config={"displayModeBar": False},
                key=f"goal-{words}",
            )
    st.caption(
        "In %: what both choose, of what either does. Copy by copy: the same image with the same corruption or attack; "
        "whichever copy: the same image in that family."
    )


def _compute(found: Workspace, recipes: list[Recipe]) -> None:
    from curation.pipeline import FOR_SELECTION

    for recipe in recipes:
        jobs.submit(found, recipe, FOR_SELECTION)


def _training(found: Workspace) -> None:
    """Draw the goal model that is trained now; refreshes itself only while a job runs."""
    if panel.active_job(found) is None:
        return

    @st.fragment(key="goal-training", run_every=1.5)
    def watch() -> None:
        job = panel.active_job(found)
        if job is None:
            st.rerun()
        with st.container(border=True):
            panel.job_progress(job)
            st.button("Cancel", icon=":material/stop:", on_click=jobs.cancel, args=(found, job.id), key="goal-cancel")
            if job.progress is None or job.progress.stage != "goal_model":
                return
            unfinished = [found.model(key) for key in found.kept("models") if found.model(key).about is None]
            history = max((kept.history() for kept in unfinished), key=len, default=[])
            if history:
                st.plotly_chart(
                    figures.training(history, height_px=180), config={"displayModeBar": False}, key="goal-live"
                )

    watch()


def _more(found: Workspace) -> None:
    """Draw what trains goal models of other strengths than the recipe's."""
    from curation.analysis.goal_model_comparison import strengths
    from curation.models.architectures import ARCHITECTURES

    with st.expander("Train others, to compare", icon=":material/add:"):
        left, right = st.columns(2)
        levels = left.multiselect(
            "Adversarial training, ε in 255ths",
            [0, 1, 2, 4, 8, 16, 25],
            format_func=lambda level: f"{level}/255" if level else "0: plain",
            accept_new_options=False,
            key="goal-levels",
        )
        names = right.multiselect("Architectures", list(ARCHITECTURES), key="goal-architectures")
        try:
            made = strengths(state.recipe(), epsilons=[level / 255 for level in levels], architectures=names)
        except CurationError as error:
            st.error(str(error), icon=":material/error:")
            return
        wanted = {name: recipe for name, recipe in made.items() if name != "base"}
        st.caption("One thing is varied at a time; everything else is as in the working recipe.")
        st.button(
            f"Train {len(wanted)}" if wanted else "Train",
            icon=":material/play_arrow:",
            disabled=not wanted,
            on_click=_train,
            args=(found, list(wanted.values())),
            key="goal-train",
        )


def _train(found: Workspace, recipes: list[Recipe]) -> None:
    for recipe in recipes:
        jobs.submit(found, recipe, ("ingest", "goal_model"))
