"""A stored tuning: its trials so far, and the best one as a recipe. Reading computes nothing, even while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curation.errors import CurationError, UsageError
from curation.recipe import Recipe
from curation.selection.pool import FAMILIES
from curation.storage.studies import KeptStudy, kept_studies
from curation.storage.workspace import Workspace
from curation.tuning.settings import Tuning

if TYPE_CHECKING:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.trial import FrozenTrial

FIGURES = ("R", "clean", "adversarial", "corruption")
"""The figures of every trial, in [0, 1]."""

_OF_FAMILIES = [f"{name}_{family}" for name in ("offset", "floor", "mix") for family in FAMILIES]

COLUMNS = [
    *("number", "state", "start", *FIGURES, "goal_model", "strategy", "severities", "seconds", "error"),
    *_OF_FAMILIES,
]

OF_GOAL_MODEL = "goal_model:"
"""What the names of known points begin with that are the recipe under another goal model."""


class StudyFolder(KeptStudy):
    """Where a tuning is stored: its settings, and the journal of its trials."""

    def write(self, recipe: Recipe, settings: Tuning, *, measured: str | None = None) -> None:
        """Keep what is asked for, and under which key trials are measured (see ``Proxy.key``; None: as before)."""
        key = measured or (self.asked or {}).get("measured")
        asked = {"recipe": recipe.to_dict(), "tuning": settings.to_dict()}
        self.write_asked(asked | ({"measured": key} if key else {}))

    @property
    def measured(self) -> str:
        """The key under which the trials that count were measured; before any was, the tuning's name."""
        return str((self.asked or {}).get("measured", self.name))

    def open(self, **options: Any) -> optuna.Study:
        """Return the journal's study of the trials that count, made where there is none. Args: options: pruner."""
        import optuna

        self.make()
        return optuna.create_study(
            storage=self._storage(), study_name=self.measured, direction="maximize", load_if_exists=True, **options
        )

    def trials(self) -> tuple[list[FrozenTrial], int]:
        """Return the trials so far, and how many others were measured in another way; nothing is written."""
        import optuna

        if not self.journal.exists():
            return [], 0
        storage = self._storage()
        found: list[FrozenTrial] = []
        others = 0
        for name in optuna.get_all_study_names(storage):
            trials = optuna.load_study(storage=storage, study_name=name).trials
            if name == self.measured:
                found = trials
            else:
                others += sum(map(counts, trials))
        return found, others

    def _storage(self) -> JournalStorage:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        path = str(self.journal)
        return JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))


class Study:
    """A tuning as it is kept at one moment.

    settings, recipe: as asked for; left_out: how many trials do not count, because they were measured on other
    candidates or test images, or by an older version.
    """

    def __init__(self, folder: StudyFolder) -> None:
        """Raises: UsageError when there is no such tuning."""
        asked = folder.asked
        if asked is None:
            raise UsageError(
                f"there is no tuning {folder.name!r} in {folder.workspace.root}; run `curation tune` first"
            )
        self.name = folder.name
        self.settings = Tuning.parse(asked["tuning"])
        self.recipe = Recipe.parse(asked["recipe"])
        trials, self.left_out = folder.trials()
        self._trials = [trial for trial in trials if counts(trial) or trial.state.name == "RUNNING"]

    @property
    def finished(self) -> bool:
        """Whether all requested trials are done."""
        return sum(map(counts, self._trials)) >= self.settings.trials

    def table(self) -> pd.DataFrame:
        """Return one row per trial, in order.

        Columns: number; state (running, done, pruned, failed); start (recipe, clean, random_mix, goal_model:<words>: a
        known point; else empty); R, clean, adversarial, corruption (mean over the trainings, NaN unless done);
        goal_model (``strength.OWN`` or its words; empty where none are compared); strategy; severities (the
        corruptions' that stay candidates); seconds; error (of a failed one); and of each family offset, floor (rank
        share or score, as the recipe has it; NaN: none or without meaning) and mix (share; they sum to 1).
        """
        table = pd.DataFrame([self._row(number, trial) for number, trial in enumerate(self._trials)], columns=COLUMNS)
        return table.astype(dict.fromkeys((*FIGURES, "seconds", *_OF_FAMILIES), float))

    def best(self) -> Recipe:
        """Return the recipe of the highest R; of equal ones the first. Raises: CurationError when none is done."""
        done = [(number, trial) for number, trial in enumerate(self._trials) if trial.state.name == "COMPLETE"]
        if not done:
            raise CurationError(f"no trial of tuning {self.name!r} is done yet; wait for one, or run it again")
        number, trial = max(done, key=lambda pair: (pair[1].value, -pair[0]))
        at = ", ".join(
            f"{other.user_attrs['figures']['R']:.1%} {words}"
            for start, words in (("recipe", "for the recipe as it is"), ("random_mix", "for its mix at random"))
            for _, other in done
            if other.user_attrs.get("start") == start
        )
        note = (
            f"Tuned from {self.recipe.name}: trial {number} of {self.settings.trials}, R {trial.value:.1%} on "
            f"{self.settings.suite_samples} test images with a short training of {self.settings.target}"
        )
        return self.of(trial).with_changes(
            name=f"{self.recipe.name[:74]} tuned", note=f"{note} (there {at})." if at else f"{note}."
        )

    def of(self, trial: FrozenTrial) -> Recipe:
        """Return the recipe of a trial."""
        return self.recipe.with_changes(**trial.user_attrs["changes"])

    def _row(self, number: int, trial: FrozenTrial) -> dict[str, Any]:
        about = trial.user_attrs
        states = {"RUNNING": "running", "COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}
        row = {"number": number, "state": states[trial.state.name], "start": about.get("start", "")}
        row |= dict.fromkeys(FIGURES, np.nan) | about.get("figures", {})
        row["goal_model"] = about.get("goal_model", "")
        row |= {"seconds": about.get("seconds", np.nan), "error": about.get("error", "")}
        if "changes" not in about:
            return row
        recipe = self.of(trial)
        selection, corruption = recipe.selection, recipe.variants.corruption
        row["strategy"] = selection.strategy
        row["severities"] = ", ".join(map(str, corruption.severities)) if corruption else ""
        total = sum(selection.mix.of(family) for family in FAMILIES)
        for family in FAMILIES:
            row[f"mix_{family}"] = selection.mix.of(family) / total
            if selection.within_of(family) == "boundary" and selection.mix.of(family):
                row[f"offset_{family}"], row[f"floor_{family}"] = (
                    selection.offset.of(family),
                    selection.floor.of(family),
                )
        return row


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial counts: it finished or failed, but was not killed with its process."""
    return trial.state.name in ("COMPLETE", "PRUNED") or (trial.state.name == "FAIL" and "error" in trial.user_attrs)


def find_study(workspace: Workspace, name: str) -> Study | None:
    """Return a kept tuning, finished or not, or None where there is none of that name."""
    folder = StudyFolder(workspace, name)
    return Study(folder) if folder.asked is not None else None


def studies(workspace: Workspace) -> list[str]:
    """Return the names of the kept tunings."""
    return kept_studies(workspace)
