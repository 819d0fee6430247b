"""The leaderboard and the steps of an evaluation as tables that people read: in %, points and words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from curation.evaluation.metrics import Interval
from curation.figures.evaluation import signed

SHOWN = ("R", "clean", "adversarial", "corruption", "held_out", "white_box")
"""R and the accuracies beside it, in the order in which they are shown."""


def measured(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the sets that have an R, and which of ``SHOWN`` any of them has."""
    known = table[table["R"].notna()]
    return known, [name for name in SHOWN if name in known and known[name].notna().any()]


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a set, what decides first: numbers in %, intervals and gains in words; empty columns are left out.

    Args: table: as ``Results.leaderboard`` returns it.
    """
    out = pd.DataFrame({"Set": np.where(table["role"] == "recipe", "★ ", "") + table["set"], "R": 100 * table["R"]})
    if "R_low" in table:
        out["95 %"] = _between(table, "R")
    out["Gain"] = ["" if np.isnan(value) else signed(100 * value) for value in table["gain"].astype(float)]
    out["Gain, 95 %"] = _between(table, "gain", words=signed)
    out["Trainings"] = [f"{done} of {of}" for done, of in zip(table["trainings"], table["of"], strict=True)]
    if "R_spread" in table and table["R_spread"].notna().any():
        out["Spread"] = 100 * table["R_spread"]
    out["Images"], out["Training, s"] = table["images"], table["training_s"]
    for name in SHOWN[1:]:
        if name in table and table[name].notna().any():
            out[name] = 100 * table[name]
    if "micro" in table and table["micro"].notna().any():
        out["Micro"] = 100 * table["micro"]
    if table["mce"].notna().any():
        out["mCE"] = table["mce"]
    out["Curation, s"], out["What"] = table["curation_s"], table["title"]
    return out


def in_words(found: Interval, what: str) -> str:
    """Return how far above or below something a set is, and whether the interval excludes 0, in Markdown."""
    value, low, high = (100 * part for part in found)
    zero = "excludes" if low > 0 or high < 0 else "includes"
    return (
        f"**{abs(value):.1f} points {'above' if value > 0 else 'below'}** {what} "
        f"(95 % interval {signed(low)} to {signed(high)}, {zero} 0)"
    )


def added_to(table: pd.DataFrame) -> np.ndarray:
    """Return the row of ``comparison.steps`` that each step adds to, int S; of the first its own."""
    rows = {name: row for row, name in enumerate(table["set"])}
    return np.array([rows.get(name, 0) for name in table["over"]], dtype=int)


def shown_steps(table: pd.DataFrame) -> pd.DataFrame:
    """Return the steps of ``comparison.steps``: step, takes, R (in %), gain and between (in words), over."""
    return pd.DataFrame(
        {
            **{name: table[name] for name in ("step", "takes")},
            "R": 100 * table["R"],
            "gain": ["" if np.isnan(gain) else signed(100 * gain) for gain in table["gain"].astype(float)],
            "between": _between(table, "gain", words=signed),
            "over": table["over"],
        }
    )


def _between(table: pd.DataFrame, name: str, *, words: Callable[[float], str] = "{:.1f}".format) -> list[str]:
    return [
        "" if np.isnan(low) else f"{words(100 * low)} to {words(100 * high)}"
        for low, high in zip(table[f"{name}_low"].astype(float), table[f"{name}_high"].astype(float), strict=True)
    ]
