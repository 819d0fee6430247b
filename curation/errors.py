"""Errors that are meant to be read by people: one sentence that says what was wrong, the bound, and what to do."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class CurationError(Exception):
    """Work could not be done; the message is one clear sentence. The command line exits with 1."""


class UsageError(CurationError):
    """A recipe, an option or a name is wrong; nothing was started. The command line exits with 2."""


class Undecided(UsageError):
    """A source can be read in more than one way, and only a person knows which; nothing was read.

    field: the reader's parameter that says it; choices: its values, each with what it means.
    """

    def __init__(self, what: str, field: str, choices: Mapping[str, str]) -> None:
        self.what, self.field, self.choices = what, field, dict(choices)
        ways = ", or ".join(f"--option {field}={value} ({means})" for value, means in choices.items())
        super().__init__(f"{what}: say which with {ways}; a recipe says it with source.{field}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.what, self.field, self.choices)


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that is not registered: the nearest right one, then all of them."""
    names = sorted(known)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ";"
    return f"unknown {what} {name!r}{hint} known: {', '.join(names)}"


def some_of(names: Sequence[str], most: int = 3) -> str:
    """Return the first of some names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


class RenamedWarning(FutureWarning):
    """A recipe uses a former name; it is read as the present one."""


class PluginWarning(UserWarning):
    """An installed package offers a plug-in that cannot be used; it is left out."""


class SourceWarning(UserWarning):
    """A source is not where it was read."""


class WeightsWarning(UserWarning):
    """A file of weights could have been read in another way."""


class GoalModelWarning(UserWarning):
    """A goal model is hardly better than guessing, so that what it guides means little."""


class EngineWarning(UserWarning):
    """Work runs elsewhere, which needs something there."""


class UnchangedWarning(UserWarning):
    """Copies in a curated set equal their originals."""


class BalanceWarning(UserWarning):
    """A set that is balanced by class lacks classes."""


NOTES: dict[type[Warning], str] = {
    RenamedWarning: "note",
    PluginWarning: "note",
    SourceWarning: "note",
    WeightsWarning: "note",
    EngineWarning: "note",
    GoalModelWarning: "warning",
    UnchangedWarning: "warning",
    BalanceWarning: "warning",
}
"""Warnings that are for people, one sentence each, and the word that is said before them."""

_source: ContextVar[str | None] = ContextVar("source", default=None)


@contextmanager
def reading(source: str | None) -> Iterator[None]:
    """Let notes of former names say where they were found: a file, for example."""
    token = _source.set(source or _source.get())
    try:
        yield
    finally:
        _source.reset(token)


def note_renamed(what: str, former: str, present: str) -> None:
    """Warn that a name is a former one, in one sentence for people."""
    found = f"{_source.get()}: " if _source.get() else ""
    warnings.warn(f"{found}the {what} {former!r} is now called {present!r}", RenamedWarning, stacklevel=2)


def note_plugin(sentence: str) -> None:
    """Warn of an installed package's plug-in, in one sentence that names the package."""
    warnings.warn(sentence, PluginWarning, stacklevel=2)


def note_source(sentence: str) -> None:
    """Say what became of a source, in one sentence for people."""
    warnings.warn(sentence, SourceWarning, stacklevel=2)


def note_weights(sentence: str) -> None:
    """Say how a file of weights was read, in one sentence for people."""
    warnings.warn(sentence, WeightsWarning, stacklevel=2)


def note_engine(sentence: str) -> None:
    """Say what the machines need on which work runs, in one sentence for people."""
    warnings.warn(sentence, EngineWarning, stacklevel=2)


def warn_of_goal_model(sentence: str) -> None:
    """Warn of a goal model, in one sentence for people."""
    warnings.warn(sentence, GoalModelWarning, stacklevel=2)


def warn_of_unchanged(sentence: str) -> None:
    """Warn of copies that equal their originals, in one sentence for people."""
    warnings.warn(sentence, UnchangedWarning, stacklevel=2)


def warn_of_balance(sentence: str) -> None:
    """Warn of classes that a balanced set lacks, in one sentence for people."""
    warnings.warn(sentence, BalanceWarning, stacklevel=2)


@contextmanager
def notes_told(tell: Callable[[str, str], object]) -> Iterator[None]:
    """Give every warning for people to ``tell``, each once, instead of to Python's: its word and its sentence."""
    told: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            word = next((word for kind, word in NOTES.items() if issubclass(category, kind)), None)
            if word is None:
                usual(message, category, *where, **more)
            elif str(message) not in told:
                told.add(str(message))
                tell(word, str(message))

        for note in NOTES:
            warnings.simplefilter("always", note)
        warnings.showwarning = show
        yield
