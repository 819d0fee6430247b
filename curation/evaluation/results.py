"""The results of an evaluation, read from what is stored: the leaderboard, its intervals, and the errors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from curation.errors import UsageError
from curation.evaluation.baselines import BASELINES
from curation.evaluation.metrics import FIGURES, gain, intervals, mean_corruption_error, spread
from curation.evaluation.settings import Evaluation
from curation.pipeline.fitting import History
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

REFERENCE = "clean"
"""The baseline that gains are relative to."""


class Results:
    """A kept evaluation. Nothing is computed but statistics of kept predictions; unfinished ones may be read."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Raises: UsageError when there is none of that name."""
        record = workspace.evaluation(name)
        if record is None:
            known = ", ".join(workspace.evaluations()) or "none yet"
            raise UsageError(f"there is no evaluation {name!r} in {workspace.root}; there are: {known}")
        self.workspace = workspace
        self.name = name
        self.record: dict[str, Any] = record
        self.evaluation = Evaluation.parse(record["evaluation"])
        self._tables: dict[str, pd.DataFrame] = {}

    @property
    def recipes(self) -> dict[str, Recipe]:
        """The requested recipes, by title."""
        return {title: Recipe.parse(value) for title, value in self.record["recipes"].items()}

    @property
    def sets(self) -> dict[str, dict[str, Any]]:
        """By title: role (recipe or baseline), note, images, asked, counts, curation_s."""
        return self.record["sets"]

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per training: set, target, number, seed, key, predictions, state, seconds (of training).

        state: waiting, training, trained or measured.
        """
        rows = []
        for trial in self.record["trials"]:
            kept = self.workspace.target(trial["key"])
            about = kept.about
            measured = self.workspace.predictions(trial["predictions"]).complete()
            trained = "trained" if about else "training" if kept.history() else "waiting"
            seconds = about["seconds"] if about else np.nan
            rows.append({**trial, "state": "measured" if measured and about else trained, "seconds": seconds})
        columns = ["set", "target", "number", "seed", "key", "predictions", "state", "seconds"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def finished(self) -> bool:
        """Whether every training is done and measured."""
        return len(self.trials) > 0 and bool((self.trials["state"] == "measured").all())

    def history(self, key: str) -> History:
        """Return a training's curve so far, one row per epoch: epoch, loss, accuracy, seconds."""
        return self.workspace.target(key).history()

    def curves(self, *, target: str | None = None) -> pd.DataFrame:
        """Return test accuracies by epoch, means over the trainings of a set that have come so far, where measured.

        Columns: set, role, epoch, test_accuracy and, above 5 classes, test_top5.
        """
        asked = self.trials if target is None else self.trials[self.trials["target"] == target]
        rows = [
            {"set": title, "role": self.sets[title]["role"], **row}
            for title, key in zip(asked["set"], asked["key"], strict=True)
            for row in self.history(key)
            if "test_accuracy" in row
        ]
        if not rows:
            return pd.DataFrame(columns=["set", "role", "epoch", "test_accuracy"])
        measured = [name for name in ("test_accuracy", "test_top5") if name in rows[0]]
        groups = pd.DataFrame(rows).groupby(["set", "role", "epoch"], as_index=False, sort=False)
        return groups[measured].mean()

    def predictions(self, title: str, *, target: str | None = None) -> list[pd.DataFrame]:
        """Return the measured predictions of a set's targets, in the order of ``trials``; see ``measure``."""
        return [self.table(key) for key in self._measured(title, target)]

    def table(self, key: str) -> pd.DataFrame:
        """Return one training's predictions on P."""
        if key not in self._tables:
            self._tables[key] = self.workspace.predictions(key).table(0)
        return self._tables[key]

    def leaderboard(self, *, target: str | None = None) -> pd.DataFrame:
        """Return one row per set, the highest R first, over all targets or one.

        Columns: set, role, title, images; of each of ``FIGURES`` the mean over trainings, and ``<figure>_low``,
        ``<figure>_high`` (95 %, over test images) and ``<figure>_spread`` (standard deviation over trainings); gain,
        gain_low, gain_high (R over the clean baseline's, paired); mce (against the clean baseline, 1 = as it);
        trainings, of; curation_s, training_s (seconds of computing). NaN where there is nothing yet.
        """
        rows = []
        for title, about in self.sets.items():
            tables = self.predictions(title, target=target)
            asked = self.trials[self.trials["set"] == title]
            asked = asked if target is None else asked[asked["target"] == target]
            row: dict[str, Any] = {
                "set": title,
                "role": about["role"],
                "title": BASELINES[title].title if title in BASELINES else about["note"],
                "images": about["images"],
                "trainings": len(tables),
                "of": len(asked),
                "curation_s": about["curation_s"],
                "training_s": float(asked["seconds"].mean()) if asked["seconds"].notna().any() else np.nan,
            }
            if tables:
                found, spreads = intervals(tables), spread(tables)
                for figure in FIGURES:
                    row[figure] = found[figure].value
                    row[f"{figure}_low"], row[f"{figure}_high"] = found[figure].low, found[figure].high
                    row[f"{figure}_spread"] = spreads[figure]
            mine, theirs = self.paired(title, REFERENCE, target=target)
            if mine and title != REFERENCE:
                over = gain(mine, theirs)["R"]
                row["gain"], row["gain_low"], row["gain_high"] = over.value, over.low, over.high
                row["mce"] = float(np.mean([mean_corruption_error(a, b) for a, b in zip(mine, theirs, strict=True)]))
            rows.append(row)
        table = pd.DataFrame(rows)
        for column in ("R", "gain", "gain_low", "gain_high", "mce"):
            if column not in table:
                table[column] = np.nan
        return table.sort_values("R", ascending=False, na_position="last", ignore_index=True)

    def paired(
        self, title: str, other: str, *, target: str | None = None
    ) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
        """Return the predictions of the trainings (target and number) that both sets have measured, in one order."""
        one, two = self._measured(title, target), self._measured(other, target)
        both = one.index.intersection(two.index)
        return [self.table(one[pair]) for pair in both], [self.table(two[pair]) for pair in both]

    def _measured(self, title: str, target: str | None) -> pd.Series:
        """Return the keys of a set's measured predictions by (target, number)."""
        rows = self.trials[(self.trials["set"] == title) & (self.trials["state"] == "measured")]
        if target is not None:
            rows = rows[rows["target"] == target]
        return rows.set_index(["target", "number"])["predictions"]


def seen(about: Mapping[str, Any], epochs: int) -> int:
    """Return the number of images in all epochs of a training on a set, of its entry in ``Results.sets``."""
    return round(about.get("seen", about["images"]) * epochs)
