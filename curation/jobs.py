"""Background jobs: detached processes that survive the page, the tab and the server, and go on where they stopped.

A job is a ``storage.jobs.JobFolder`` in the workspace. Its id is the fingerprint of what it computes, so a second click
attaches to the first. It runs on the engine that the workspace has when it is started (``Workspace.engine``).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psutil
from filelock import FileLock, Timeout

from curation.errors import CurationError, notes_told
from curation.plugin import fingerprint
from curation.progress import Cancelled, Meter, Progress
from curation.storage.addresses import refusal
from curation.storage.jobs import JobFolder, job_names
from curation.storage.workspace import Workspace

if TYPE_CHECKING:
    from curation.engine import Engine
    from curation.recipe import Recipe

HEARTBEAT_S = 1.0
START_S = 30.0
HOST = socket.gethostname()
State = Literal["starting", "queued", "running", "done", "failed", "cancelled", "lost"]
Does = Literal["stages", "evaluation", "tuning"]


@dataclass(frozen=True)
class JobStatus:
    """What ``status.json`` says, checked against the process table.

    does: computes stages of a recipe, an evaluation or a tuning; subject: the evaluation's or tuning's name.
    ``lost``: the process died without a word (killed, or the machine restarted); submit again to go on.
    """

    id: str
    state: State
    does: Does = "stages"
    subject: str = ""
    stages: list[str] = field(default_factory=list)
    destination: str | None = None
    progress: Progress | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def active(self) -> bool:
        """Whether the job still works or waits for its turn."""
        return self.state in ("starting", "queued", "running")


def job_id(recipe: Recipe, stages: Sequence[str], destination: str | None = None, others: Sequence[Recipe] = ()) -> str:
    """Return the id of computing some stages of a recipe and of others, or of exporting it to ``destination``.

    What only selects and exports does not matter to the stages.
    """
    beside = [[other.computed() for other in others]] if others else []
    return fingerprint([recipe.to_dict() if destination else recipe.computed(), list(stages), destination, *beside])


def submit(
    workspace: Workspace,
    recipe: Recipe,
    stages: Sequence[str],
    *,
    destination: str | None = None,
    accept_doubts: bool = False,
    others: Sequence[Recipe] = (),
) -> str:
    """Start a job, or attach to it when the same one is active; return its id.

    Args:
        stages: names of ``pipeline.STAGES``, in order.
        destination: when given, the curated set is exported there at the end, replacing an earlier export.
        accept_doubts: go on though the goal model turns out to be no better than guessing; otherwise the job fails
            there, with a sentence.
        others: recipes that differ from it in their goal models only; the stages are computed for each, in one pass
            where they can be (``pipeline.run_together``).

    Raises: CurationError when the folder cannot be written.
    """
    about = {
        "does": "stages",
        "stages": list(stages),
        "destination": destination,
        "recipes": [one.to_dict() for one in (recipe, *others)],
        "accept_doubts": accept_doubts,
    }
    return _start(workspace, job_id(recipe, stages, destination, others), about)


def submit_kept(workspace: Workspace, does: Does, subject: str) -> str:
    """Start, or go on with, a kept evaluation or tuning by its name, or attach to its job; return the job's id."""
    return _start(workspace, fingerprint([does, subject]), {"does": does, "subject": subject})


def _start(workspace: Workspace, name: str, about: dict[str, Any]) -> str:
    folder = JobFolder(workspace, name)
    with workspace.lock(f"job-{name}"):
        if status(workspace, name).active:
            return name
        folder.begin({**about, "engine": workspace.engine})
        with folder.open_log() as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "curation.jobs", str(workspace.root), name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie
    return name


def cancel(workspace: Workspace, name: str) -> None:
    """Ask a job to stop after the shard in flight."""
    JobFolder(workspace, name).ask_to_stop()


def status(workspace: Workspace, name: str) -> JobStatus:
    """Return a job's state; an unknown job is ``lost``."""
    folder = JobFolder(workspace, name)
    found, about = folder.status, folder.about
    state: State = found.get("state", "lost")
    starting = state == "starting" and time.time() - about.get("started", 0.0) < START_S
    if state in ("starting", "queued", "running") and not starting and not _alive(found):
        state = "lost"
    progress = found.get("progress")
    return JobStatus(
        id=name,
        state=state,
        does=about.get("does", "stages"),
        subject=about.get("subject", ""),
        stages=about.get("stages", []),
        destination=about.get("destination"),
        progress=Progress(**progress) if progress else None,
        seconds=found.get("seconds", {}),
        error=found.get("error", ""),
    )


def jobs(workspace: Workspace) -> list[JobStatus]:
    """Return all jobs of a workspace, the newest first."""
    return [status(workspace, name) for name in job_names(workspace)]


def log(workspace: Workspace, name: str) -> str:
    """Return the last 20,000 characters that a job printed."""
    return JobFolder(workspace, name).log(20_000)


def _alive(found: dict[str, Any]) -> bool:
    if found.get("host", HOST) != HOST:  # on another machine, which writes into the same workspace
        return time.time() - float(found.get("heartbeat", 0.0)) < START_S
    try:
        process = psutil.Process(int(found["pid"]))
        return process.status() != psutil.STATUS_ZOMBIE and "curation.jobs" in process.cmdline()
    except psutil.Error:
        return False


class _Worker:
    """The process of one job: computes, tells how far it is, and listens for the cancel flag."""

    def __init__(self, root: str, name: str) -> None:
        self.workspace = Workspace(root)
        self.folder = JobFolder(self.workspace, name)
        self._state: dict[str, Any] = {"state": "starting", "pid": os.getpid(), "host": HOST, "seconds": {}}
        self._guard = threading.Lock()
        self._meter = Meter()
        self._written = 0.0

    def tell(self, **parts: Any) -> None:
        """Change parts of the status and write it."""
        with self._guard:
            self._state.update(parts, heartbeat=time.time())
            self.folder.write_status(self._state)
            self._written = time.monotonic()

    def report(self, progress: Progress) -> None:
        """Take the pipeline's progress. Raises: Cancelled."""
        if self.folder.asked_to_stop:
            raise Cancelled
        measured = self._meter(progress)
        if time.monotonic() - self._written > 0.25 or progress.done == progress.total:
            self.tell(progress=asdict(measured))

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT_S)
            if time.monotonic() - self._written > HEARTBEAT_S and self._state["state"] in (
                "starting",
                "queued",
                "running",
            ):
                self.tell()

    def run(self) -> None:
        """Do the job; every outcome ends in ``status.json``."""
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            self.tell()
            from curation.engine import best_device, choose

            about = self.folder.about
            runs = about.get("engine", {})
            with self._device(fingerprint(runs["address"]) if runs.get("address") else best_device()):
                self.tell(state="running")
                {"stages": self._stages, "evaluation": self._evaluation, "tuning": self._tuning}[about["does"]](
                    about, choose(**runs)
                )
            self.tell(state="done")
        except Cancelled:
            self.tell(state="cancelled")
        except CurationError as error:
            self.tell(state="failed", error=str(error))
        except Exception as error:
            from curation.memory import out_of_memory

            words = refusal(error)
            if out_of_memory(error):
                words = "memory ran out; close other programs, or use a smaller set (source.limit)"
            if words is not None:
                self.tell(state="failed", error=words)
                return
            self.tell(state="failed", error=f"an unexpected error ({type(error).__name__}: {error}); see the job's log")
            raise

    def _stages(self, about: dict[str, Any], engine: Engine) -> None:
        from curation.pipeline import Pipeline, run_together
        from curation.pipeline.trust import require_trust
        from curation.recipe import Recipe

        pipelines = [Pipeline(Recipe.parse(one), self.workspace, engine=engine) for one in about["recipes"]]
        stages, seconds, stopped = list(about["stages"]), dict[str, float](), list[CurationError]()
        if "goal_model" in stages and not about.get("accept_doubts"):
            first = stages[: stages.index("goal_model") + 1]
            stages = stages[len(first) :]
            seconds = run_together(pipelines, first, report=self.report)
            for pipeline in list(pipelines) if stages else ():
                try:
                    require_trust(pipeline.plan)
                except CurationError as error:
                    stopped.append(error)
                    pipelines.remove(pipeline)
        if pipelines:
            seconds |= run_together(pipelines, stages, report=self.report)
        self.tell(seconds=seconds)
        if stopped:
            raise stopped[0]
        if about["destination"]:
            pipelines[0].export(about["destination"], overwrite=True, report=self.report)

    def _evaluation(self, about: dict[str, Any], engine: Engine) -> None:
        from curation.evaluation.evaluate import resume

        resume(self.workspace, about["subject"], engine=engine, report=self.report)

    def _tuning(self, about: dict[str, Any], engine: Engine) -> None:
        from curation.tuning.tune import resume

        resume(self.workspace, about["subject"], engine=engine, report=self.report)

    def _device(self, device: str) -> FileLock:
        """One job at a time on a device or a cluster: the others wait, and can be cancelled while they do."""
        lock = FileLock(str(Path(tempfile.gettempdir()) / f"curation-{os.getuid()}-{device}.lock"))
        while True:
            try:
                lock.acquire(timeout=0.5)
                return lock
            except Timeout:
                if self.folder.asked_to_stop:
                    raise Cancelled from None
                if self._state["state"] != "queued":
                    self.tell(state="queued")


if __name__ == "__main__":
    with notes_told(lambda word, sentence: print(f"{word}: {sentence}", file=sys.stderr)):
        _Worker(sys.argv[1], sys.argv[2]).run()
