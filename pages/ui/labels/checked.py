"""What the search for wrong labels found, opened once: every label's scores, and what a suspect is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from curation.embedding.neighbors import nearest_neighbors
from curation.errors import CurationError
from curation.label_errors import LABEL_SCORES
from curation.pipeline.label_check import held_out_probabilities
from pages.ui import resources
from pages.ui.opened import Prepared

if TYPE_CHECKING:
    from curation.pipeline import Pipeline
    from curation.recipe import LabelCheck

NEAREST = 8
TYPICAL = 5


class Checked:
    """The finished search, by row of the samples.

    key: changes with all that determines it; given, suggested: int64 N; confidence: float N, of the suggested class.
    """

    def __init__(self, pipeline: Pipeline, check: LabelCheck) -> None:
        """Raises: CurationError where it is not worked out."""
        shards = pipeline.suspects(check)
        table = shards.table(0).sort_values("row", ignore_index=True)
        self.key = shards.folder.name
        self.given = table["given"].to_numpy(np.int64)
        self.suggested = table["suggested"].to_numpy(np.int64)
        self.confidence = table["confidence"].to_numpy(np.float64)
        self.scores = {name: table[name].to_numpy(np.float64) for name in LABEL_SCORES.names if name in table}
        self._pipeline, self._check, self._table = pipeline, check, table
        self._orders: dict[str, np.ndarray] = {}
        self._places: dict[str, np.ndarray] = {}
        self._nearest: dict[int, np.ndarray] = {}

    def order(self, score: str) -> np.ndarray:
        """Return the rows, the most suspicious by a score first; ties by the combined rank."""
        if score not in self._orders:
            self._orders[score] = np.lexsort((self._table["rank"].to_numpy(), -self.scores[score]))
        return self._orders[score]

    def places(self, score: str) -> np.ndarray:
        """Return each row's place in that order, int64 N, from 1."""
        if score not in self._places:
            self._places[score] = np.empty(len(self.given), np.int64)
            self._places[score][self.order(score)] = np.arange(1, len(self.given) + 1)
        return self._places[score]

    def share(self, score: str, row: int) -> float:
        """Return how far a row's score is between the least and the most suspicious one, in [0, 1]."""
        values = self.scores[score]
        low, high = float(values.min()), float(values.max())
        return (float(values[row]) - low) / (high - low) if high > low else 0.0

    @cached_property
    def probabilities(self) -> np.ndarray:
        """What the network that did not learn a sample says of it, float32 N×K."""
        return held_out_probabilities(self._pipeline, self._check)

    @cached_property
    def typical(self) -> list[list[int]]:
        """The rows, at most ``TYPICAL`` a class, whose labels are least in doubt; the surest first."""
        agreeing = np.flatnonzero(self.given == self.suggested)
        agreeing = agreeing[np.lexsort((-self._table["rank"].to_numpy()[agreeing], -self.confidence[agreeing]))]
        labels = self.given[agreeing]
        return [agreeing[labels == label][:TYPICAL].tolist() for label in range(len(self._pipeline.samples.classes))]

    def nearest(self, rows: np.ndarray, *, ahead: np.ndarray) -> np.ndarray:
        """Return the rows nearest to some rows in the goal model's features, int64 M×k.

        Args: ahead: rows that will be asked for next: they cost little in the same go, and much in one of their own.
        """
        if not self._nearest.keys() >= set(rows.tolist()):
            new = np.array([row for row in np.union1d(rows, ahead).tolist() if row not in self._nearest])
            ids = np.array(self._pipeline.samples.sample_ids)  # a copy that torch may share
            features = resources.features(self._pipeline)
            near = nearest_neighbors(
                features,
                queries=features[new],
                count=min(NEAREST, len(ids) - 1),
                metric="cosine",
                owners=ids,
                query_owners=ids[new],
                device=self._pipeline.device,
            )
            self._nearest.update(zip(new.tolist(), near.index, strict=True))
        return np.stack([self._nearest[row] for row in rows.tolist()])


@dataclass(frozen=True)
class Review(Prepared):
    """The working recipe, its samples, and what the search for wrong labels found."""

    checked: Checked


def opened(prepared: Prepared) -> Review | None:
    """Return the finished search of the working recipe, or None where there is none, or it is damaged."""
    check = prepared.recipe.label_check
    if check is None:
        return None
    try:
        key = prepared.pipeline.suspects(check).folder.name
        found = _checked(key, prepared.pipeline, check)
    except CurationError:
        return None
    return Review(prepared.workspace, prepared.recipe, prepared.pipeline, found)


@st.cache_resource(max_entries=4, show_spinner="Opening the suspects …")
def _checked(key: str, _pipeline: Pipeline, _check: LabelCheck) -> Checked:
    return Checked(_pipeline, _check)
