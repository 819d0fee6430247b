"""Where a background job is kept: what it does, how far it is, what it printed, and whether it should stop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, Any

from curation.plugin import fingerprint
from curation.storage.addresses import copies_folder, is_remote
from curation.storage.files import read_json, write_bytes, write_json
from curation.storage.workspace import Workspace


class JobFolder:
    """One job's folder in a workspace; its files are replaced whole."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Args: name: the job's id."""
        self._folder = workspace.jobs_folder / name
        self._log = _log_file(self._folder)

    @property
    def about(self) -> dict[str, Any]:
        """What the job does, and when it was started; empty where there is no such job."""
        return read_json(self._folder / "job.json") or {}

    @property
    def status(self) -> dict[str, Any]:
        """What the job last said of itself."""
        return read_json(self._folder / "status.json") or {}

    def write_status(self, value: dict[str, Any]) -> None:
        """Keep what the job says of itself."""
        write_json(self._folder / "status.json", value)

    def begin(self, about: dict[str, Any]) -> None:
        """Keep what a job is to do, as of now; an earlier wish to stop it is forgotten."""
        (self._folder / "cancel").unlink(missing_ok=True)
        write_json(self._folder / "job.json", {**about, "started": time.time()})
        self.write_status({"state": "starting", "pid": 0})

    @property
    def asked_to_stop(self) -> bool:
        """Whether somebody wants the job to stop."""
        return (self._folder / "cancel").exists()

    def ask_to_stop(self) -> None:
        """Say that the job should stop."""
        write_bytes(self._folder / "cancel", b"")

    def open_log(self) -> IO[bytes]:
        """Open what the job prints, to add to it."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        return self._log.open("ab")

    def log(self, most: int) -> str:
        """Return the last so many characters that the job printed."""
        return self._log.read_text(errors="replace")[-most:] if self._log.exists() else ""


def _log_file(folder: Path) -> Path:
    """Return where a job's log lies: of a remote workspace on the machine that runs it, for a process prints to it."""
    if not is_remote(folder):
        return folder / "log.txt"
    return copies_folder() / "logs" / f"{fingerprint([str(folder)])}.txt"


def job_names(workspace: Workspace) -> list[str]:
    """Return the ids of all jobs of a workspace, the newest first."""
    names = workspace.kept("jobs")
    started = {name: JobFolder(workspace, name).about.get("started", 0.0) for name in names}
    return sorted(started, key=lambda name: -started[name])
