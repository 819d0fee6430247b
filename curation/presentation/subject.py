"""What a story is told of: a recipe on its workspace, what it selects, and the newest evaluation of its set."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curation.analysis.bands import Ranked, ranked, shares
from curation.errors import CurationError
from curation.evaluation.results import Results
from curation.figures.curation import FAMILY_WORDS
from curation.figures.story import literal
from curation.pipeline import Pipeline
from curation.presentation.redaction import Redaction
from curation.presentation.settings import Presentation
from curation.recipe import Recipe
from curation.selection.pool import FAMILIES
from curation.selection.select import Selected

_OF_NO_SET = ("name", "note", "slices", "export", "map", "label_errors")
"""Parts of a recipe that change nothing in what its set teaches."""


class Subject:
    """A recipe on its workspace, ready to be told of; everything is read when it is first asked for."""

    def __init__(
        self,
        pipeline: Pipeline,
        settings: Presentation,
        *,
        pool: pd.DataFrame | None = None,
        selected: Selected | None = None,
        recipe_file: str = "recipe.yaml",
    ) -> None:
        """Args: pool, selected: what was opened already; recipe_file: the recipe's file, as commands are to name it.

        Raises: CurationError: the samples are not read yet. UsageError: a class to be left out is none of theirs.
        """
        self.pipeline, self.settings = pipeline, settings
        self.recipe, self.samples = pipeline.recipe, pipeline.samples
        self.redaction = Redaction(self.samples.classes, settings.redact_files, settings.redact_classes)
        self.classes = self.redaction.names
        self.labels = [literal(name) for name in self.classes]
        self._pool, self._selected, self._file = pool, selected, recipe_file

    @cached_property
    def pool(self) -> pd.DataFrame:
        """The candidates. Raises: CurationError: they are not computed."""
        return self.pipeline.pool() if self._pool is None else self._pool

    @cached_property
    def selected(self) -> Selected:
        """What the recipe chooses. Raises: CurationError: as ``pool``, or its strategy is not computed."""
        return self.pipeline.select(self.pool) if self._selected is None else self._selected

    @property
    def families(self) -> list[str]:
        """The families of which there are candidates."""
        there = set(self.pool["family"].astype(str).unique())
        return [family for family in FAMILIES if family in there]

    def uncertainty(self, pool: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
        """Return how uncertain the goal model is of some rows of a pool, float N in [0, 1]: entropy as a share."""
        found: np.ndarray = pool["entropy"].to_numpy(np.float64)[rows] / np.log(len(self.classes))
        return found

    def ranked(self, family: str) -> Ranked:
        """Return a family's candidates, hardest first."""
        return ranked(self.pool, family, self.recipe.selection, class_count=len(self.classes))

    def edges(self, family: str) -> tuple[float, float | None]:
        """Return a family's offset and floor as rank shares in [0, 1]; None: the band ends where the quota is full."""
        return shares(self.ranked(family), self.recipe.selection, family)

    def band(self, family: str) -> tuple[float, float]:
        """Return where a family's images are chosen from, as rank shares in [0, 1], hardest first: from and to."""
        offset, floor = self.edges(family)
        wanted = self.selected.quotas[family] / max(1, len(self.ranked(family).pool_rows))
        return offset, min(1.0, floor if floor is not None else offset + wanted)

    def shown(self, pool: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
        """Return those of some rows of a pool whose pictures may be shown."""
        return rows[self.redaction.visible(self.plan_labels(pool, rows))]

    def plan_labels(self, pool: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
        """Return the labels, int64, of some rows of a pool as they are now."""
        labels: np.ndarray = self.pipeline.plan.labels[self.samples.rows(pool["sample_id"].to_numpy()[rows])]
        return labels

    def pictures(self, pool: pd.DataFrame, rows: np.ndarray, pipeline: Pipeline | None = None) -> np.ndarray:
        """Return the pixels, uint8 M×H×W×C, of some rows of a pool."""
        return (pipeline or self.pipeline).images(pool, rows)

    def family_words(self, pool: pd.DataFrame, row: int) -> str:
        """Return of which family a row of a pool is, in lower case."""
        return FAMILY_WORDS[str(pool["family"].iloc[row])].lower()

    @cached_property
    def evaluation(self) -> tuple[Results, str] | None:
        """The newest evaluation of this recipe's set, and what the set is called in it; None: there is none."""
        mine, workspace = self._teaches(self.recipe), self.pipeline.workspace
        for name in reversed(workspace.evaluations()):
            try:
                results = Results(workspace, name)
                found = next((title for title, one in results.recipes.items() if self._teaches(one) == mine), None)
            except CurationError:  # of a version or a plug-in that is no more
                continue
            if found is not None and found in results.sets:
                return results, found
        return None

    def _teaches(self, recipe: Recipe) -> dict[str, Any]:
        value = recipe.resolved(self.pipeline.device).keeping_none().to_dict(defaults=True)
        return {key: part for key, part in value.items() if key not in _OF_NO_SET}

    @property
    def name(self) -> str:
        """The recipe's name; one that is only the source's folder or file is left out with these."""
        path = getattr(self.recipe.source.reader, "path", None)
        if self.redaction.no_files and path and self.recipe.name == Path(path).stem:
            return "Training set"
        return self.redaction.text(self.recipe.name)

    def say(self, sentence: str) -> str:
        """Return a sentence from elsewhere without what is left out."""
        root = str(self.pipeline.workspace.root)
        return self.redaction.text(sentence.replace(root, "WORKSPACE") if self.redaction.no_files else sentence)

    def command(self, words: str) -> str:
        """Return a command on this recipe and workspace, without their places where files are left out."""
        hidden = self.redaction.no_files
        file = "recipe.yaml" if hidden else self._file
        return f"curation {words} {file} -w {'WORKSPACE' if hidden else self.pipeline.workspace.root}"


def percent(share: float, digits: int = 0) -> str:
    """Return a share as people read it; never 100 % or 0 % of what is not quite."""
    least = 10.0**-digits
    if 0 < 100 * share < least / 2:
        return f"< {least:g}\u00a0%"
    if 100 - least / 2 <= 100 * share < 100:
        return f"> {100 - least:g}\u00a0%"
    return f"{100 * share:.{digits}f}\u00a0%"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Return "1 image", "2 images"."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def listed(words: list[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1] if words else "") if part)
