"""What is left out of a story that is shown to others: names of files, and names and pictures of chosen classes."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.errors import UsageError, unknown_name

HIDDEN = "(left out)"
_PLACES = ("path", "checkpoint", "weights", "vectors", "file", "labels", "directory", "folder", "archive")


@dataclass(frozen=True)
class Redaction:
    """Which names are left out. classes: of the source, K; hidden: those of them that are not named or shown."""

    classes: Sequence[str]
    files: bool = False
    hidden: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Raises: UsageError: a hidden class is none of the source's."""
        for name in self.hidden:
            if name not in self.classes:
                raise UsageError(unknown_name("class", name, self.classes))

    @property
    def names(self) -> list[str]:
        """The classes as they are called in the story: hidden ones are "class A", "class B", …"""
        return [self._other.get(name, name) for name in self.classes]

    @property
    def no_files(self) -> bool:
        """Whether names of files are left out: a folder is often named like a class."""
        return self.files or bool(self.hidden)

    def visible(self, labels: np.ndarray) -> np.ndarray:
        """Return which images may be shown, bool N. Args: labels: int64 N."""
        gone = [index for index, name in enumerate(self.classes) if name in self._other]
        return ~np.isin(labels, gone)

    def text(self, words: str) -> str:
        """Return some text without the names of hidden classes; numbers are no names that could be told apart."""
        for name, other in sorted(self._other.items(), key=lambda pair: -len(pair[0])):
            if not name.isdigit():
                words = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", other, words)
        return words

    def document(self, value: Any, *, key: str = "") -> Any:
        """Return plain data, such as a recipe's, without what is left out."""
        if isinstance(value, dict):
            return {self.text(str(name)): self.document(part, key=str(name)) for name, part in value.items()}
        if isinstance(value, list):
            return [self.document(part, key=key) for part in value]
        if not isinstance(value, str):
            return value
        if self.no_files and (key in _PLACES or "/" in value or "\\" in value) and not _fraction(value):
            return HIDDEN
        return self._other.get(value, self.text(value))

    @property
    def _other(self) -> dict[str, str]:
        letters = string.ascii_uppercase
        return {
            name: f"class {letters[at]}" if at < len(letters) else f"class {at + 1}"
            for at, name in enumerate(dict.fromkeys(self.hidden))
        }


def _fraction(value: str) -> bool:
    return re.fullmatch(r"[\d.]+/[\d.]+", value) is not None
