"""The steps of a story, one module each: what it is called, and what it tells of a subject."""

from __future__ import annotations

from collections.abc import Callable

from curation.presentation.settings import StepName
from curation.presentation.step import Missing, Told
from curation.presentation.steps import better, boundary, changes, copies, data, doubts, question
from curation.presentation.subject import Subject

Tell = Callable[[Subject], Told | Missing]

TELLERS: dict[StepName, tuple[str, Tell]] = {
    "question": ("The question", question.tell),
    "data": ("What is in the data", data.tell),
    "boundary": ("What the goal model finds hard", boundary.tell),
    "copies": ("Before and after", copies.tell),
    "changes": ("Who enters, who leaves", changes.tell),
    "better": ("Is the set better?", better.tell),
    "doubts": ("What we do not know", doubts.tell),
}
"""Title and function of each step, in the usual order."""

__all__ = ["TELLERS", "Tell"]
