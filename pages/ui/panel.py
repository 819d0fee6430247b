"""The job panel: every stage as a row of state, progress with rate and time left, run, cancel and resume."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from curation import jobs
from curation.analysis.expected import size
from curation.pipeline import FOR_SELECTION, STAGES, titles
from curation.progress import WORDS, Progress, duration
from curation.storage.disk import Part, parts
from curation.storage.workspace import Workspace
from pages.ui import resources, session, state, trust

_BADGES = {
    "done": (":material/check_circle:", "green", "done"),
    "partial": (":material/hourglass_bottom:", "orange", "partly done"),
    "missing": (":material/radio_button_unchecked:", "gray", "not computed"),
    "stale": (":material/history:", "orange", "settings changed"),
    "waiting": (":material/more_horiz:", "gray", "needs the previous stage"),
    "off": (":material/block:", "gray", "not in the recipe"),
    "running": (":material/play_circle:", "blue", "running"),
}


def progress_text(progress: Progress) -> str:
    """Return counts, rate and time left."""
    parts = [f"{progress.done:,} of {progress.total:,} {progress.unit}"]
    if progress.done >= progress.total:
        return " · ".join([*parts, progress.note or "finishing …"])
    if progress.speed:
        parts.append(progress.speed)
    if progress.eta_s is not None:
        parts.append(f"{duration(progress.eta_s)} left")
    return " · ".join([*parts, *([progress.note] if progress.note else [])])


def active_job(found: Workspace) -> jobs.JobStatus | None:
    """Return the workspace's job that works or waits now, if any."""
    return next((job for job in jobs.jobs(found) if job.active), None)


def job_of(found: Workspace, does: jobs.Does, subject: str) -> jobs.JobStatus | None:
    """Return the last job of an evaluation or a tuning, if there was one."""
    return next((job for job in jobs.jobs(found) if (job.does, job.subject) == (does, subject)), None)


def job_words(job: jobs.JobStatus) -> str:
    """Return what a job does now: the stage's words, after whose it is unless it computes stages of a recipe."""
    if job.state == "queued":
        now = "waits for another job on this device"
    else:
        now = {**titles(), **WORDS}.get(job.progress.stage, "Working") if job.progress else "Starting"
    return now if job.does == "stages" else f"{job.does.capitalize()} “{job.subject}”: {now}"


def job_progress(job: jobs.JobStatus, *, note: str = "") -> None:
    """Draw what a job does, and how far and how fast; note: said behind it in gray."""
    st.markdown(f"**{job_words(job)}** :gray[{note}]" if note else f"**{job_words(job)}**")
    at = job.progress
    if at is None:
        st.progress(0.0, text="Loading takes a few seconds …")
    else:
        st.progress(min(1.0, at.done / max(at.total, 1)), text=progress_text(at))


def stages_panel(found: Workspace) -> None:
    """Draw the stages; while a job runs, and only then, the panel refreshes itself every second."""
    running = active_job(found)

    @st.fragment(key="stages", run_every=1.0 if running else None)
    def draw() -> None:
        job = active_job(found)
        if (job is None) != (running is None):
            st.rerun()
        _rows(found, job)

    draw()


def _rows(found: Workspace, job: jobs.JobStatus | None) -> None:
    statuses = [
        status for status in resources.pipeline().status() if not (STAGES[status.stage].rare and status.state == "off")
    ]
    words_of = titles()
    at = job.progress if job else None
    current = at.stage if at else None
    with st.container(border=True, gap="small"):
        for status in statuses:
            working = job is not None and current == status.stage
            icon, color, words = _BADGES["running" if working else status.state]
            left, middle, right = st.columns([3, 5, 2], vertical_alignment="center")
            left.markdown(f":{color}[{icon}] **{words_of[status.stage]}**")
            if working and at is not None:
                middle.progress(min(1.0, at.done / max(at.total, 1)), text=progress_text(at))
            else:
                count = f"{status.done:,} of {status.total:,} {status.unit}" if status.total else ""
                middle.caption(" · ".join(part for part in (words, count, status.note) if part))
            if status.state in ("missing", "stale", "partial") and job is None:
                wanted = tuple(stage for stage in words_of if stage in (*FOR_SELECTION, status.stage))
                upto = wanted[: wanted.index(status.stage) + 1]
                right.button(
                    "Resume" if status.state == "partial" else "Run",
                    key=f"run-{status.stage}",
                    on_click=start,
                    args=(upto,),
                    width="stretch",
                    help=f"Compute everything up to “{words_of[status.stage]}”; finished parts are reused.",
                )
    if job is not None and job.does != "stages":
        job_progress(job)
    undone = [status.stage for status in statuses if status.state not in ("done", "off")]
    with st.container(horizontal=True, vertical_alignment="center"):
        if job is not None:
            st.button("Cancel", icon=":material/stop:", on_click=jobs.cancel, args=(found, job.id), key="cancel-job")
            waits = (
                "waits for another job on this device" if job.state == "queued" else "continues if you close this page"
            )
            st.caption(f"Job {job.id} {waits}.")
        elif undone:
            st.button("Run everything", type="primary", on_click=start, args=(tuple(words_of),), key="run-all")
        last = next(iter(jobs.jobs(found)), None)
        if job is None and last is not None and last.state in ("failed", "lost", "cancelled"):
            explain(found, last)


def disk(found: Workspace) -> None:
    """Draw what each part of the workspace takes on disk."""
    every = _parts(str(found.root))
    total = size(sum(part.bytes for part in every))
    with st.expander(f"On disk: {total}", icon=":material/hard_drive:"):
        for part in every:
            again = " · freed by `curation clean`, made again where needed" if part.made_again else ""
            st.markdown(f"{part.name.capitalize()}: **{size(part.bytes)}** :gray[{part.files:,} files{again}]")


@st.cache_data(ttl=30, max_entries=8, show_spinner=False)
def _parts(root: str) -> list[Part]:
    return parts(Workspace(root))


def explain(found: Workspace, last: jobs.JobStatus) -> None:
    """Draw how a job that did not finish ended, with its log where it broke."""
    words = {
        "failed": f":red[:material/error:] The last job failed: {last.error}",
        "lost": ":orange[:material/warning:] The last job's process was killed; run again to resume.",
        "cancelled": ":material/stop: The last job was cancelled; all finished parts are kept.",
    }
    st.markdown(words[last.state])
    if last.state in ("failed", "lost"):
        with st.popover("Log"):
            st.code(jobs.log(found, last.id) or "(empty)", language=None)


def start(stages: Sequence[str]) -> None:
    """Start computing some stages of the working recipe in the background; with a doubtful goal model, ask first."""
    found = state.workspace()
    assert found is not None
    if trust.asks(stages):
        return
    jobs.submit(found, state.recipe(), stages)


def offer(found: Workspace, stages: Sequence[str], words: str, *, key: str, help: str) -> None:
    """Draw a button that computes some stages in the background, unless a job runs already."""
    if active_job(found) is None:
        st.button(
            words,
            type="primary",
            icon=":material/play_arrow:",
            on_click=start,
            args=(stages,),
            key=key,
            help=f"Runs in the background, also after you close this page; {help}.",
        )


def job_strip(found: Workspace, *, done: bool = True) -> None:
    """Draw the progress of the job that runs, and how the last one ended; refreshes itself only while one runs.

    Args: done: also say that the last one was done; not beside what is missing, which it did not compute.
    """
    running = active_job(found)

    @st.fragment(key="job-strip", run_every=1.0 if running else None)
    def draw() -> None:
        job = active_job(found)
        if (job is None) != (running is None):
            st.rerun()
        if job is None:
            last = next(iter(jobs.jobs(found)), None)
            if last is not None and last.state in ("failed", "lost", "cancelled"):
                explain(found, last)
            elif done and last is not None and last.state == "done" and session.JOB_WATCHED.get() == last.id:
                st.markdown(f":green[:material/check_circle:] Done in {duration(sum(last.seconds.values()))}.")
            return
        session.JOB_WATCHED.set(job.id)
        at = job.progress
        job_progress(
            job, note=f"{job.stages.index(at.stage) + 1} of {len(job.stages)}" if at and at.stage in job.stages else ""
        )
        st.button("Cancel", icon=":material/stop:", on_click=jobs.cancel, args=(found, job.id), key="cancel-strip")

    draw()
