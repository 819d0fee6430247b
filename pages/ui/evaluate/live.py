"""A running evaluation: the current training, its speed, remaining time and curve; and how to resume it."""

from __future__ import annotations

import streamlit as st

from curation import jobs
from curation.evaluation.results import Results
from curation.figures import curation as figures
from curation.storage.workspace import Workspace
from pages.ui import panel


def draw(found: Workspace, results: Results) -> None:
    """Draw how far an evaluation is; refreshes itself only while its job runs."""
    name = results.name
    job = panel.job_of(found, "evaluation", name)
    running = job is not None and job.active
    if not running:
        if not results.finished or (job is not None and job.state in ("failed", "lost", "cancelled")):
            _stopped(found, results, job)
        return
    before = _far(results)

    @st.fragment(key="evaluation-live", run_every=1.5)
    def watch() -> None:
        now = panel.job_of(found, "evaluation", name)
        fresh = Results(found, name)
        if now is None or not now.active or _far(fresh) != before:
            st.rerun()
        with st.container(border=True):
            _progress(found, now, fresh)

    watch()


def _far(results: Results) -> tuple[int, int, int]:
    """Return how many sets are made, how many trainings they need and how many are measured."""
    return len(results.sets), len(results.trials), int((results.trials["state"] == "measured").sum())


def _progress(found: Workspace, job: jobs.JobStatus, results: Results) -> None:
    _, _, done = _far(results)
    of = f"{done} of {len(results.trials)} trainings measured" if len(results.trials) else "preparing"
    left, right = st.columns([5, 1], vertical_alignment="center")
    with left:
        panel.job_progress(job, note=of)
    right.button(
        "Cancel",
        icon=":material/stop:",
        on_click=jobs.cancel,
        args=(found, job.id),
        key="evaluation-cancel",
        help="Everything finished is kept, also the epochs of the current training.",
        width="stretch",
    )
    at = results.trials[results.trials["state"] == "training"]
    if not len(at):
        return
    trial = at.iloc[-1]
    history = results.history(trial["key"])
    if history:
        st.caption(f"Training now: **{trial['set']}** · {trial['target']} · training {trial['number'] + 1}")
        st.plotly_chart(
            figures.training(history, height_px=180), config={"displayModeBar": False}, key="evaluation-curve"
        )


def _stopped(found: Workspace, results: Results, job: jobs.JobStatus | None) -> None:
    _, _, measured = _far(results)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if job is not None and job.state in ("failed", "lost", "cancelled"):
            panel.explain(found, job)
        if results.finished:
            return
        st.markdown(f"**{measured} of {len(results.trials)}** trainings are measured." if len(results.trials) else "")
        st.button(
            "Resume" if job is not None or len(results.trials) else "Start",
            type="primary",
            icon=":material/play_arrow:",
            on_click=start,
            args=(found, results.name),
            key="evaluation-resume",
            help="Runs in the background; finished parts are reused.",
        )


def start(found: Workspace, name: str) -> None:
    """Start, or go on with, a kept evaluation."""
    jobs.submit_kept(found, "evaluation", name)
