"""Where a background job is kept: what it does, how far it is, what it printed, and whether it should stop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, Any

from curation.storage.files import read_json, write_bytes, write_json
from curation.storage.workspace import Workspace


class JobFolder:
    """One job's folder in a workspace; its files are replaced whole."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Args: name: the job's id."""
        self._folder = Path(workspace.jobs_folder) / name

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
        return (self._folder / "log.txt").open("ab")

    def log(self, most: int) -> str:
        """Return the last so many characters that the job printed."""
        path = self._folder / "log.txt"
        return path.read_text(errors="replace")[-most:] if path.exists() else ""


def job_names(workspace: Workspace) -> list[str]:
    """Return the ids of all jobs of a workspace, the newest first."""
    folder = Path(workspace.jobs_folder)
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    started = {name: JobFolder(workspace, name).about.get("started", 0.0) for name in names}
    return sorted(started, key=lambda name: -started[name])
