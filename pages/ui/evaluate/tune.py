"""Tuning: start a search, follow its progress, and resume it."""

from __future__ import annotations

from functools import partial
from typing import Any, get_args

import streamlit as st

from curation import jobs
from curation.analysis.evaluations import free_name
from curation.errors import CurationError
from curation.models.architectures import ARCHITECTURES
from curation.storage.workspace import Workspace
from curation.tuning.settings import Searched, Tuning
from curation.tuning.study import Study, find_study, studies
from pages.ui import panel, resources, session, state
from pages.ui.evaluate import chosen, strengths, tuned
from pages.ui.fields import kept


def draw(found: Workspace) -> None:
    """Draw the view."""
    names = studies(found)
    if session.NEW_TUNING.get() or not names:
        _begin(found, names)
        return
    session.offered(session.TUNING.key, names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = str(st.selectbox("Tuning", names, key=session.TUNING.key, bind="query-params", width=280))
        st.button("New tuning", icon=":material/add:", on_click=_show, args=(True,), key="new-tuning")
    job = panel.job_of(found, "tuning", name)
    running = job is not None and job.active
    study = find_study(found, name)
    if study is None:
        return
    ended = _ended(study)

    @st.fragment(key="live-tuning", run_every=1.5 if running else None)
    def watch() -> None:
        now = panel.job_of(found, "tuning", name)
        fresh = find_study(found, name)
        if fresh is None or (now is not None and now.active) != running or _ended(fresh) != ended:
            st.rerun()
        _state(found, fresh, now)

    watch()
    tuned.draw(found, study)


def _ended(study: Study) -> int:
    return int((study.table()["state"] != "running").sum())


def _show(new: bool) -> None:
    session.NEW_TUNING.set(new)
    session.NEW_TUNING_NAME.pop()


def _state(found: Workspace, study: Study, job: jobs.JobStatus | None) -> None:
    """Draw how far the search is, and what goes on with it."""
    if job is not None and job.active:
        with st.container(border=True):
            panel.job_progress(job)
            st.button("Cancel", icon=":material/stop:", on_click=jobs.cancel, args=(found, job.id), key="cancel-tuning")
        return
    if job is not None and job.state in ("failed", "lost", "cancelled"):
        panel.explain(found, job)
    if study.left_out:
        st.caption(
            f"{study.left_out:,} kept trials are left out: they were measured on other candidates or test images, or "
            "by an older version."
        )
    if not study.finished:
        st.button(
            "Resume",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_resume,
            args=(found, study.name),
            key="resume-tuning",
            help="Finished trials are kept.",
        )


def _resume(found: Workspace, name: str) -> None:
    jobs.submit_kept(found, "tuning", name)


def _begin(found: Workspace, names: list[str]) -> None:
    """Draw the form that starts a search."""
    st.subheader("New tuning")
    st.caption(
        "Searches for the offset and width of each family's band, the mix, the severities, the strategy and the goal "
        "model. A trial trains a small network briefly and measures it on part of the test suite P; copies and scores "
        "are computed once for each goal model."
    )
    try:
        name, settings = _settings(found, names)
        with st.container(border=True):
            left, middle = st.columns(2)
            recipe = state.recipe()
            left.metric("Trainings, at most", f"{settings.trials * settings.seeds:,}")
            middle.metric(
                "Images seen, at most",
                f"{settings.trials * settings.seeds * sum(settings.schedule.shown(recipe.selection.budget)):,}",
            )
            if settings.goal_models:
                st.caption(f"{resources.tuning_cost_of(recipe, settings, found).sentence}.")
            _start(found, name, settings)
    except CurationError as error:
        st.error(str(error), icon=":material/error:")
    if names:
        st.button("Back", on_click=_show, args=(False,), type="tertiary", key="back-tuning")


def _settings(found: Workspace, names: list[str]) -> tuple[str, Tuning]:
    """Draw what is searched and how, and return the tuning's name and settings. Raises: UsageError."""
    usual = Tuning()
    free = free_name("tuning", names)
    left, right = st.columns(2, gap="large")
    names_of_targets = list(ARCHITECTURES)
    with left:
        search = kept(
            st.multiselect, "Search", get_args(Searched), default=list(usual.search), key="tune-search", wrap=True
        )
        goal = state.recipe().goal_model
        goal_models = strengths.choose(
            "Goal models beside the recipe's", goal, key="tune-goal-models", instead="None: it is not searched"
        )
        suite = chosen.suite(found, "tune-suite")
        name = kept(st.text_input, "Name", default=free, key=session.NEW_TUNING_NAME.key)
    with right:
        target = kept(st.selectbox, "Target", names_of_targets, default=usual.target, key="tune-target")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            number = partial(kept, st.number_input, width=130)
            trials = number("Trials", 1, 10_000, default=usual.trials, key="tune-trials")
            epochs = number("Epochs", 1, 1000, default=usual.schedule.epochs, key="tune-epochs")
            seeds = number("Seeds", 1, 20, default=usual.seeds, key="tune-seeds")
            samples = number("Test images", 1, 100_000, default=usual.suite_samples, key="tune-samples")
        flip = kept(st.toggle, "Horizontal flips", default=state.recipe().goal_model.train.flip, key="tune-flip")
        pruning = kept(st.toggle, "Stop trials that lag behind", default=usual.pruning, key="tune-pruning")
    value: dict[str, Any] = {
        "trials": trials,
        "search": search,
        "goal_models": goal_models,
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
    from curation.tuning.tune import begin  # it loads optuna, which the shell has not

    before = find_study(found, name)
    with st.container(horizontal=True):
        if before is not None and st.button(
            "Continue with its settings", icon=":material/play_arrow:", key="keep-tuning"
        ):
            _go(found, name)
        words = "Discard it and start over" if before is not None else "Start"
        if st.button(words, type="primary", icon=":material/play_arrow:", key="start-tuning"):
            begin(state.recipe(), settings, found, name=name, restart=before is not None)
            _go(found, name)
    if before is not None:
        st.caption(f"There is a tuning “{name}” already, with {len(before.table())} trials.")


def _go(found: Workspace, name: str) -> None:
    jobs.submit_kept(found, "tuning", name)
    _show(False)
    session.TUNING.set(name)
    st.rerun()
