"""Tuning: start a search, watch it, see what R depends on, and take the recipe that it found."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import pandas as pd
import streamlit as st

from curation import evaluation_figures as charts
from curation import jobs
from curation.errors import CurationError
from curation.figures import FAMILY_COLOURS, FAMILY_WORDS
from curation.workspace import Workspace
from pages.ui import panel, state
from pages.ui.evaluate import chosen
from pages.ui.fields import kept

if TYPE_CHECKING:
    from curation.recipe import Recipe
    from curation.tuning.settings import Tuning
    from curation.tuning.study import Study


def draw(found: Workspace) -> None:
    """Draw the view."""
    from curation.tuning.study import studies

    names = studies(found)
    if st.session_state.get("tune-new") or not names:
        _begin(found, names)
        return
    if st.session_state.get("tuning") not in names:
        st.session_state.pop("tuning", None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = str(st.selectbox("Tuning", names, key="tuning", bind="query-params", width=280))
        st.button("New tuning", icon=":material/add:", on_click=_show, args=(True,), key="new-tuning")
    job = panel.job_of(found, "tuning", name)
    running = job is not None and job.active

    @st.fragment(key="live-tuning", run_every=1.5 if running else None)
    def watch() -> None:
        from curation.tuning.study import find_study

        now = panel.job_of(found, "tuning", name)
        if (now is not None and now.active) != running:
            st.rerun()
        study = find_study(found, name)
        if study is not None:
            _state(found, study, now)
            _results(study)

    watch()


def _show(new: bool) -> None:
    st.session_state["tune-new"] = new
    st.session_state.pop("tune-name", None)


def _state(found: Workspace, study: Study, job: jobs.JobStatus | None) -> None:
    """Draw how far the search is, and what goes on with it."""
    if job is not None and job.active:
        with st.container(border=True):
            panel.job_progress(job)
            st.button("Cancel", icon=":material/stop:", on_click=jobs.cancel, args=(found, job.id), key="cancel-tuning")
        return
    if job is not None and job.state in ("failed", "lost", "cancelled"):
        panel.explain(found, job)
    if not study.finished:
        st.button(
            "Resume",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_resume,
            args=(found, study.name),
            key="resume-tuning",
            help="The tries that are done are kept.",
        )


def _resume(found: Workspace, name: str) -> None:
    jobs.submit_kept(found, "tuning", name)


def _results(study: Study) -> None:
    table = study.table()
    done = table[table["state"] == "done"]
    if done.empty:
        st.caption("No try is done yet. The first are the recipe as it is, clean images only, and its mix at random.")
        return
    _best(study, done)
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
        st.plotly_chart(charts.mixes(shares, reached), config={"displayModeBar": False}, key="tuned-mix")
    st.subheader("R against the hardness offset")
    families = [family for family in FAMILY_WORDS if done[f"offset_{family}"].notna().any()]
    for column, family in zip(st.columns(max(1, len(families))), families, strict=False):
        known = done[done[f"offset_{family}"].notna()]
        with column:
            st.plotly_chart(
                charts.search(
                    known[f"offset_{family}"].to_numpy(float),
                    known["R"].to_numpy(float),
                    name=f"offset, {FAMILY_WORDS[family].lower()}",
                    colour=FAMILY_COLOURS[family],
                ),
                config={"displayModeBar": False},
                key=f"tuned-offset-{family}",
            )
    if not families:
        st.caption("No try so far has an offset: none of them takes a band.")
    with st.expander(f"All {len(table)} tries"):
        _table(table)


def _best(study: Study, done: pd.DataFrame) -> None:
    """Say what the search found and offer it."""
    best = study.best()
    top, start = done["R"].max(), done.loc[done["start"] == "recipe", "R"]
    gained = f", {charts.signed(100 * (top - start.iloc[0]))} points over the recipe as it is" if len(start) else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"The best of {len(done)} tries has R **{top:.1%}**{gained}.")
        st.button(
            "Take this recipe", type="primary", icon=":material/check:", on_click=_take, args=(best,), key="take-tuning"
        )
    st.caption(
        f"R on {study.settings.suite_samples} held-out test images and a short training of {study.settings.target}: "
        "cheap, and the winner was chosen by it. Measure the recipe in a new evaluation before you rely on it."
    )


def _take(recipe: Recipe) -> None:
    state.replace(recipe)
    st.toast(f"“{recipe.name}” is the working recipe now; undo takes it back.", icon=":material/check:")


def _table(table: pd.DataFrame) -> None:
    percent = ["R", "clean", "adversarial", "corruption"]
    shown = table.assign(**{name: 100 * table[name] for name in percent})
    column = st.column_config
    st.dataframe(
        shown.dropna(axis=1, how="all"),
        hide_index=True,
        placeholder="",
        key="tuned-table",
        column_config={
            "number": column.NumberColumn("Try", pinned=True),
            "R": column.NumberColumn("R, %", format="%.1f"),
            **{part: column.NumberColumn(f"{FAMILY_WORDS[part]}, %", format="%.1f") for part in percent[1:]},
            **{name: column.NumberColumn(format="%.3f") for name in table.columns if "_" in name},
            "seconds": column.NumberColumn("Seconds", format="%.0f"),
        },
    )


def _begin(found: Workspace, names: list[str]) -> None:
    """Draw the form that starts a search."""
    st.subheader("New tuning")
    st.caption(
        "Searches what people set by hand: the offset and the width of each family's band, the mix, the severities, "
        "the strategy. A try trains a small network shortly and measures it on a slice of P; nothing else is computed."
    )
    try:
        name, settings = _settings(found, names)
        with st.container(border=True):
            left, middle = st.columns(2)
            recipe = state.recipe()
            left.metric("Trainings, at most", f"{settings.trials * settings.seeds:,}")
            middle.metric(
                "Images seen",
                f"{settings.trials * settings.seeds * settings.schedule.epochs * recipe.selection.budget:,}",
            )
            _start(found, name, settings)
    except CurationError as error:
        st.error(str(error), icon=":material/error:")
    if names:
        st.button("Back", on_click=_show, args=(False,), type="tertiary", key="back-tuning")


def _settings(found: Workspace, names: list[str]) -> tuple[str, Tuning]:
    """Draw what is searched and how, and return the tuning's name and settings. Raises: UsageError."""
    from curation.models.architectures import ARCHITECTURES
    from curation.tuning.settings import Searched, Tuning

    usual = Tuning()
    free = next(name for name in ("tuning", *(f"tuning-{n}" for n in range(2, len(names) + 3))) if name not in names)
    left, right = st.columns(2, gap="large")
    names_of_targets = list(ARCHITECTURES)
    with left:
        search = kept(st.multiselect, "Search", get_args(Searched), default=list(usual.search), key="tune-search")
        suite = chosen.suite(found, "tune-suite")
        name = kept(st.text_input, "Name", default=free, key="tune-name")
    with right:
        target = kept(st.selectbox, "Target", names_of_targets, default=usual.target, key="tune-target")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            number = partial(kept, st.number_input, width=130)
            trials = number("Tries", 1, 10_000, default=usual.trials, key="tune-trials")
            epochs = number("Epochs", 1, 1000, default=usual.schedule.epochs, key="tune-epochs")
            seeds = number("Seeds", 1, 20, default=usual.seeds, key="tune-seeds")
            samples = number("Test images", 1, 100_000, default=usual.suite_samples, key="tune-samples")
        flip = kept(st.toggle, "Mirror images", default=state.recipe().goal_model.train.flip, key="tune-flip")
        pruning = kept(st.toggle, "Give tries up that lag behind", default=usual.pruning, key="tune-pruning")
    value: dict[str, Any] = {
        "trials": trials,
        "search": search,
        "target": target,
        "schedule": {"preset": "fast", "epochs": epochs, "flip": flip},
        "seeds": seeds,
        "suite_samples": samples,
        "pruning": pruning,
    }
    if suite is not None:
        value["suite"] = suite
    return name.strip(), Tuning.parse(value)


def _start(found: Workspace, name: str, settings: Tuning) -> None:
    """Draw what starts the search, or what differs from the kept one of that name. Raises: UsageError."""
    from curation.tuning.study import find_study
    from curation.tuning.tune import begin

    before = find_study(found, name)
    with st.container(horizontal=True):
        if before is not None and st.button("Go on with the kept one", icon=":material/play_arrow:", key="keep-tuning"):
            _go(found, name)
        words = "Forget it and start anew" if before is not None else "Start"
        if st.button(words, type="primary", icon=":material/play_arrow:", key="start-tuning"):
            begin(state.recipe(), settings, found, name=name, restart=before is not None)
            _go(found, name)
    if before is not None:
        st.caption(f"There is a tuning “{name}” already, with {len(before.table())} tries.")


def _go(found: Workspace, name: str) -> None:
    jobs.submit_kept(found, "tuning", name)
    _show(False)
    st.session_state["tuning"] = name
    st.rerun()
