"""Errors that are meant to be read by people: one sentence that says what was wrong, the bound, and what to do."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable


class CurationError(Exception):
    """Work could not be done; the message is one clear sentence. The command line exits with 1."""


class UsageError(CurationError):
    """A recipe, an option or a name is wrong; nothing was started. The command line exits with 2."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that is not registered: the nearest right one, then all of them."""
    names = sorted(known)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ";"
    return f"unknown {what} {name!r}{hint} known: {', '.join(names)}"


class RenamedWarning(FutureWarning):
    """A recipe uses a former name; it is read as the present one."""


def note_renamed(what: str, former: str, present: str) -> None:
    """Warn that a name is a former one, in one sentence for people."""
    warnings.warn(f"the {what} {former!r} is now called {present!r}", RenamedWarning, stacklevel=2)
