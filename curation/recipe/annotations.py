"""The ``annotations`` and ``views`` blocks of a recipe: what people note of candidates, and what they look at again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from curation.errors import UsageError
from curation.plugin import Settings
from curation.selection.pool import candidate_name, parse_candidate

LONGEST_TAG = 40
LONGEST_NOTE = 500
"""Characters at most."""


class Annotations(Settings):
    """Tags and notes of people. They change nothing of what is selected, and go into the manifest of an export."""

    tags: dict[str, list[str]] = Field(
        {}, description="from a tag to candidates: 17, an original with all its copies; 17/fog/3, a copy"
    )
    notes: dict[str, str] = Field({}, description="from a candidate, such as 17 or 17/fog/3, to a note on it")

    @field_validator("tags")
    @classmethod
    def _tagged(cls, tags: dict[str, list[str]]) -> dict[str, list[str]]:
        for tag in tags:
            if not tag.strip() or tag != tag.strip() or len(tag) > LONGEST_TAG:
                raise ValueError(
                    f"a tag has 1 to {LONGEST_TAG} characters, without spaces at its ends, got {tag[:60]!r}"
                )
        return {tag: _candidates(of) for tag, of in tags.items() if of}

    @field_validator("notes")
    @classmethod
    def _noted(cls, notes: dict[str, str]) -> dict[str, str]:
        for of, note in notes.items():
            if len(note) > LONGEST_NOTE:
                raise ValueError(f"the note on {of} may have {LONGEST_NOTE} characters at most, got {len(note):,}")
        return {_candidates([of])[0]: note.strip() for of, note in notes.items() if note.strip()}

    def tagged(self, pool: pd.DataFrame) -> np.ndarray:
        """Return which rows of a pool have each tag, bool N×tags; an original's are those of all its copies, too.

        Args: pool: with the columns candidate_id and sample_id.
        """
        found = np.zeros((len(pool), len(self.tags)), bool)
        for at, of in enumerate(self.tags.values()):
            found[:, at] = _are(of, pool)
        return found

    def note_on(self, name: str) -> str:
        """Return the note on a candidate, or nothing."""
        return self.notes.get(name, "")

    def in_manifest(self, chosen: pd.DataFrame) -> dict[str, list[Any]]:
        """Return the manifest's columns for some rows of a pool: tags, a list a row, and note; none without any."""
        found: dict[str, list[Any]] = {}
        if self.tags:
            names, has = np.array([*self.tags], dtype=object), self.tagged(chosen)
            found["tags"] = [names[row].tolist() for row in has]
        if self.notes:
            own = chosen[["sample_id", "kind", "severity"]].itertuples(index=False)
            named = [candidate_name(int(sample), str(kind), int(severity)) for sample, kind, severity in own]
            found["note"] = [self.note_on(name) for name in named]
        return found


class View(Settings):
    """Something to look at again: which candidates, in which order."""

    query: str = Field("", max_length=2000, description="which candidates, as the query bar has it; empty: all")
    sort: str = Field("", max_length=80, description="the field by which they are sorted, - before it: falling")


def _candidates(names: Iterable[str]) -> list[str]:
    try:
        return list(dict.fromkeys(candidate_name(*parse_candidate(name)) for name in names))
    except UsageError as error:
        raise ValueError(str(error)) from None


def _are(names: Iterable[str], pool: pd.DataFrame) -> np.ndarray:
    meant = [parse_candidate(name) for name in names]
    originals = [one.sample_id for one in meant if one.kind == "clean"]
    copies = [one.id for one in meant if one.kind != "clean"]
    return np.isin(pool["sample_id"].to_numpy(), originals) | np.isin(pool["candidate_id"].to_numpy(), copies)
