"""Which trainings the view of errors looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.evaluation.results import Results

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Looked:
    """What is looked at: a set's trainings, and another's to compare with, or None.

    key: of all of it; tables: what the trainings say of P; trials: these trainings, in the same order.
    """

    key: str
    results: Results
    set: str
    tables: list[pd.DataFrame]
    trials: pd.DataFrame
    other: str | None
    others: list[pd.DataFrame]
