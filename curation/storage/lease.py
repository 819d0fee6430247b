"""Locks on object storage: leases that expire, from the one thing that such stores promise, to create only if absent.

A lease is a row of numbered objects of which the newest counts. Its holder writes it again before it expires, and
writes it as expired when it is done; who finds it expired creates the next number, which only one can. The newest is
never removed, so that nobody who looked long ago takes a number for the next one that is not.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from curation.errors import CurationError, note_engine
from curation.storage.addresses import entries, reachable, store
from curation.storage.files import read_json

EXPIRES_S = 30.0
"""A holder that was killed is waited for so long; machines' clocks must agree far better than that."""

_exclusive: dict[str, bool] = {}
"""By file system: whether it refuses to create what is there."""


class Lease:
    """One name that one holder has at a time, among all processes and machines that reach the same store."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: remote, its own."""
        self._folder = folder
        self._number = 0
        self._released = threading.Event()
        self._renewing: threading.Thread | None = None

    def acquire(self) -> bool:
        """Try to take it once. Raises: CurationError: the store cannot be reached or written."""
        newest = max(self._numbers(), default=0)
        if newest and self._held(newest):
            return False
        if not self._create(newest + 1):
            return False
        others = self._numbers()
        if max(others, default=0) > newest + 1:  # what was listed is long over
            self._remove(newest + 1)
            return False
        self._number = newest + 1
        for number in others:
            if number < self._number:
                self._remove(number)
        self._released.clear()
        self._renewing = threading.Thread(target=self._renew, daemon=True)
        self._renewing.start()
        return True

    def release(self) -> None:
        """Let others have it."""
        self._released.set()
        if self._renewing is not None:
            self._renewing.join()
        with suppress(CurationError):  # it expires by itself
            self._write(self._number, until=0.0)

    def _renew(self) -> None:
        while not self._released.wait(EXPIRES_S / 3):
            with suppress(CurationError):
                self._write(self._number, until=time.time() + EXPIRES_S)

    def _numbers(self) -> list[int]:
        return [int(entry.name) for entry in entries(self._folder) if entry.name.isdigit()]

    def _held(self, number: int) -> bool:
        found = read_json(self._at(number))
        return bool(found and found["until"] > time.time())

    def _at(self, number: int) -> Path:
        return self._folder / f"{number:08d}"

    def _content(self, until: float) -> bytes:
        return json.dumps({"until": until, "holder": f"{socket.gethostname()} {os.getpid()}"}).encode()

    def _write(self, number: int, *, until: float) -> None:
        files, path = store(self._at(number))
        with reachable(self._at(number)):
            files.pipe_file(path, self._content(until))

    def _create(self, number: int) -> bool:
        """Create an object where there is none; False: there is one.

        The first time, the store is asked to create it twice: some do not know the condition and ignore it.
        """
        files, path = store(self._at(number))
        content = self._content(time.time() + EXPIRES_S)
        kind = str(files.to_json())
        try:
            with reachable(self._at(number)):
                files.pipe_file(path, content, mode="create")
        except FileExistsError:
            return False
        except (ValueError, TypeError):  # it has no such mode
            _exclusive[kind] = False
            self._write(number, until=time.time() + EXPIRES_S)
        if kind not in _exclusive:
            with suppress(FileExistsError), reachable(self._at(number)):
                files.pipe_file(path, content, mode="create")
                _exclusive[kind] = False
            _exclusive.setdefault(kind, True)
        if not _exclusive[kind]:
            note_engine(
                f"{self._folder.parent.parent} is on storage that cannot create a file only where there is none, so "
                "only one process may write to it at a time"
            )
        return True

    def _remove(self, number: int) -> None:
        with suppress(FileNotFoundError), reachable(self._at(number)):
            self._at(number).unlink()
