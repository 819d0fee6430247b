"""The files of tunings: what was asked for, and the journal of the trials."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from curation.errors import UsageError
from curation.storage.files import read_json, write_json
from curation.storage.workspace import Workspace


class KeptStudy:
    """The folder of one tuning, which may not be there yet."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Raises: UsageError: a name that cannot be a folder's, or a workspace that is not on a local disk."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", name):
            raise UsageError(f"a tuning's name has letters, digits, dots, - and _ only, got {name!r}")
        if not isinstance(workspace.root, Path):
            raise UsageError(f"a tuning is kept on a local disk, and {workspace.root} is remote; use a local workspace")
        self.workspace = workspace
        self.name = name
        self._folder = workspace.studies_folder / name

    @property
    def asked(self) -> dict[str, Any] | None:
        """The recipe and the tuning as they were asked for, as plain data; None: there is no such tuning."""
        return read_json(self._folder / "study.json")

    def write_asked(self, asked: dict[str, Any]) -> None:
        """Keep what is asked for, plain data."""
        write_json(self._folder / "study.json", asked)

    @property
    def journal(self) -> Path:
        """The file of the trials."""
        return self._folder / "journal.log"

    def make(self) -> None:
        """Make the folder, where there is none."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Discard the trials."""
        self.journal.unlink(missing_ok=True)

    def mend(self) -> None:
        """Remove what a killed process may have left: its lock on the journal, and half a line at the end.

        Only for who holds the workspace's lock on this tuning, the only one that writes.
        """
        journal = self.journal
        for lock in self._folder.glob(f"{journal.name}.lock*"):
            lock.unlink(missing_ok=True)
        if journal.exists():
            content = journal.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                with journal.open("r+b") as file:
                    file.truncate(whole)


def kept_studies(workspace: Workspace) -> list[str]:
    """Return the names of the kept tunings, sorted."""
    return sorted(path.parent.name for path in workspace.studies_folder.glob("*/study.json"))
