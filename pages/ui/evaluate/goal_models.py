"""Goal models side by side: accuracy, entropy, and the overlap of what they choose; pick one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from curation import jobs
from curation.analysis import goal_model_comparison as analysis
from curation.analysis.goal_model_comparison import Comparison
from curation.errors import CurationError
from curation.figures import curation as figures
from curation.figures import evaluation as charts
from curation.figures.curation import FAMILY_WORDS
from curation.models.architectures import ARCHITECTURES
from curation.pipeline import FOR_SELECTION
from curation.plugin import fingerprint
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from pages.ui import panel, resources, state
from pages.ui.evaluate import chosen

if TYPE_CHECKING:
    import pandas as pd

MOST = 6


def draw(found: Workspace) -> None:
    """Draw the view."""
    _training(found)
    table = _offered(analysis.candidates(found))
    if table.empty:
        st.info(
            "No goal model yet: run the first two stages on the Workspace page, or train some below.",
            icon=":material/psychology:",
        )
    else:
        st.caption(
            "A goal model guides the curation: images that it is uncertain about are hard. It should be better trained "
            "than the budget allows, and moderately robust. Select two or more to compare what they choose."
        )
        names = analysis.named(table)
        used = _used(table)
        picked = _table(table, names, used)
        _curve(found, table, names, picked[0] if picked else used or 0, expanded=bool(picked))
        _pick(found, table, names, [index for index in picked if index != used])
        if len(picked) > 1:
            _compare(found, table, names, picked)
    _more(found)


def _offered(table: pd.DataFrame) -> pd.DataFrame:
    """Draw whether earlier epochs are shown too, and return the candidates."""
    earlier = analysis.any_earlier(table) and st.toggle("Show earlier epochs", key="goal-epochs")
    return analysis.offered(table, earlier=earlier)


def _used(table: pd.DataFrame) -> int | None:
    """Return the row of the goal model that the working recipe has, where it is among them."""
    try:
        key = resources.pipeline().plan.model_key
    except CurationError:  # the images are not read yet
        return None
    return analysis.in_use(table, key, state.recipe().goal_model.epoch)


def _table(table: pd.DataFrame, names: list[str], used: int | None) -> list[int]:
    """Draw the candidates, the one in use marked, and return those that are ticked."""
    marked = [f"{name} (in use)" if index == used else name for index, name in enumerate(names)]
    column = st.column_config
    event = st.dataframe(
        analysis.shown(table, marked),
        hide_index=True,
        placeholder="",
        key="goal-models",
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "name": column.TextColumn("Goal model", pinned=True),
            "train_accuracy": column.NumberColumn(
                "Accuracy on its training images, %", format="%.1f", help="The clean images that are curated."
            ),
            "test_accuracy": column.NumberColumn(
                "Accuracy on the test split, %", format="%.1f", help="Clean images that are not trained on."
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
            figure, epoch = figures.training(history), analysis.epoch_of(table, index)
            if epoch is not None:
                figure.add_vline(x=epoch, line={"color": charts.GRAY, "width": 1.5, "dash": "dot"})
            st.plotly_chart(figure, config={"displayModeBar": False}, key="goal-curve")
            st.caption(
                "Accuracy and loss on the training images as augmented or attacked; the dotted line is its epoch."
            )


def _pick(found: Workspace, table: pd.DataFrame, names: list[str], picked: list[int]) -> None:
    with st.container(horizontal=True):
        for index in picked:
            st.button(
                f"Use {names[index]}",
                icon=":material/check:",
                key=f"goal-{index}-use",
                on_click=_use,
                args=(analysis.recipe_of(found, table, index, state.recipe()),),
                help="It becomes the working recipe's goal model; Undo reverts it.",
            )


def _use(recipe: Recipe) -> None:
    state.replace(recipe)
    st.toast("It is the recipe's goal model now; pages offer to compute what is missing for it.")


def _compare(found: Workspace, table: pd.DataFrame, names: list[str], picked: list[int]) -> None:
    recipes = {names[index]: analysis.recipe_of(found, table, index, state.recipe()) for index in picked}
    st.subheader("What they choose")
    lacking = {name: words for name, recipe in recipes.items() if (words := resources.pipeline_of(recipe).undone())}
    if lacking:
        for name, words in lacking.items():
            st.markdown(f":orange[:material/hourglass_empty:] Not computed yet for **{name}**: {', '.join(words)}.")
        if panel.active_job(found) is None:  # a job that runs is drawn above
            st.button(
                "Compute what is missing",
                type="primary",
                icon=":material/play_arrow:",
                on_click=_compute,
                args=(found, [recipes[name] for name in lacking]),
                key="goal-compute",
                help="Adversarial copies are made against each goal model; they are computed in the background.",
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
    return analysis.compare({name: resources.pipeline_of(recipe) for name, recipe in _recipes.items()})


def _compared(found: Comparison) -> None:
    st.dataframe(
        found.accuracies,
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
    families = found.families
    for column, family in zip(st.columns(len(families)), families, strict=True):
        with column:
            st.markdown(f"**Entropy, {FAMILY_WORDS[family].lower()}**")
            counts = {letters[name]: histograms[family] for name, histograms in found.histograms.items()}
            st.plotly_chart(
                charts.histograms(counts, found.edges), config={"displayModeBar": False}, key=f"goal-entropy-{family}"
            )
    st.markdown("**Overlap of the chosen sets**")
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
        "In %: images chosen by both, of those chosen by either. Copy by copy: the same image with the same "
        "corruption or attack; whichever copy: the same image in that family."
    )


def _compute(found: Workspace, recipes: list[Recipe]) -> None:
    jobs.submit(found, recipes[0], FOR_SELECTION, others=recipes[1:])


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
    """Draw the form that trains goal models of other strengths than the recipe's."""
    with st.expander("Train more, to compare", icon=":material/add:"):
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
            made = analysis.strengths(state.recipe(), epsilons=[level / 255 for level in levels], architectures=names)
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
